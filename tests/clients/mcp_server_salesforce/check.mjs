// A Salesforce MCP server that logs in with a user name and a password, as a model's host starts it.

import assert from 'node:assert/strict';
import process from 'node:process';

import { main, eachSurvives, isRefused, sessionDies, tokens } from '../world.mjs';
import { serve } from '../mcp.mjs';

const snippet = new URL('./snippet.json', import.meta.url);

/** The server with this tenant's user name. */
const connect = (tenant) => serve(snippet, (env) => ({
  ...env,
  SALESFORCE_INSTANCE_URL: process.env.ORGPASS_URL,
  SALESFORCE_USERNAME: `${tenant}@clients.example`,
}));

async function queries(tools) {
  const text = await tools.call('salesforce_query_records', {
    objectName: 'Contact', fields: ['Id', 'LastName'], limit: 5,
  });
  assert.match(text, /returned 5 records/);
}

async function records(tools) {
  const text = await tools.call('salesforce_dml_records', {
    operation: 'insert', objectName: 'Account', records: [{ Name: 'made by a model' }, { Name: 'another' }],
  });
  assert.match(text, /Successful: 2/);
}

async function describe(tools) {
  assert.match(await tools.call('salesforce_describe_object', { objectName: 'Account' }), /Account/);
}

async function works() {
  const tools = await connect('acme');
  await eachSurvives(tools, [queries, records, describe]);
  await tools.close();
}

async function tenants() {
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    const tools = await connect(tenant);
    const lead = (LastName) => tools.call('salesforce_dml_records', {
      operation: 'insert', objectName: 'Lead', records: [{ LastName }],
    });
    await lead(`${tenant} 1`);
    await sessionDies(tenant);
    await lead(`${tenant} 2`);
    const text = await tools.call('salesforce_query_records', { objectName: 'Lead', fields: ['LastName'] });
    assert.match(text, /returned 2 records/);
    assert.equal(text.split(`${tenant} `).length - 1, 2, text);
    await tools.close();
  }));
}

async function refused() {
  for (const situation of Object.keys(tokens)) {
    const tools = await connect(situation);
    await isRefused(situation, () => queries(tools));
    await isRefused(situation, () => records(tools));
    await tools.close();
  }
}

await main({ works, tenants, refused });
