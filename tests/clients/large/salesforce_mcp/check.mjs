// Salesforce's own MCP server, which uses what the CLI has logged in to.

import assert from 'node:assert/strict';
import process from 'node:process';

import { serve } from '../../mcp.mjs';
import { asks, eachSurvives, isRefused, main, sessionDies, tokens } from '../../world.mjs';
import { environment, login, sf } from '../salesforce_cli/sf.mjs';

const snippet = new URL('./snippet.json', import.meta.url);
/** The server for these orgs. */
const connect = (...aliases) => serve(snippet, () => environment, (args) => args.with(args.indexOf('--orgs') + 1, aliases.join(',')));

const ask = (tools, alias, query) => tools.call('run_soql_query', {
  query, usernameOrAlias: alias, directory: process.cwd(),
});

async function query(tools) {
  assert.match(await ask(tools, 'acme', 'SELECT LastName FROM Contact LIMIT 3'), /Contact 2/);
}

async function works() {
  await login('acme', tokens.acme);
  const tools = await connect('acme');
  await eachSurvives(tools, [query]);
  await tools.close();
}

async function tenants() {
  const both = ['acme', 'globex'];
  for (const tenant of both) await login(tenant, tokens[tenant]);
  const tools = await connect(...both);
  // It has no tool that writes.
  const lead = (tenant, n) => sf(`data create record --target-org ${tenant} --sobject Lead --values`, `LastName='${tenant} ${n}'`);
  await Promise.all(both.map(async (tenant) => {
    await lead(tenant, 0);
    await sessionDies(tenant);
    for (let n = 0; n < 10; n += 1) {
      const text = await ask(tools, tenant, 'SELECT LastName FROM Lead');
      assert.equal(text.split(`${tenant} 0`).length - 1, 1, text);
      assert.ok(!both.some((other) => other !== tenant && text.includes(`${other} 0`)), text);
    }
  }));
  await tools.close();
}

async function troubled() {
  for (const [situation, token] of Object.entries(tokens)) {
    await login(situation, token);
    const tools = await connect(situation);
    await asks(situation);
    await isRefused(situation, () => ask(tools, situation, 'SELECT Id FROM Account'));
    await tools.close();
  }
}

async function outage() {
  await login('acme', tokens.acme);
  const tools = await connect('acme');
  await asks('outage');
  await isRefused('acme', () => ask(tools, 'acme', 'SELECT Id FROM Account'));
  await asks('end of the outage');
  await ask(tools, 'acme', 'SELECT Id FROM Account');
  await tools.close();
}

await main({ works, tenants, troubled, outage });
