// Salesforce's own MCP server, which uses what the CLI has logged in to.

import assert from 'node:assert/strict';
import process from 'node:process';

import { serve } from '../../mcp.mjs';
import { eachSurvives, isRefused, main, sessionDies, tokens } from '../../world.mjs';
import { environment, login, sf } from '../salesforce_cli/sf.mjs';

const snippet = new URL('./snippet.json', import.meta.url);
const connect = () => serve(snippet, () => environment);

const ask = (tools, alias, query) => tools.call('run_soql_query', {
  query, usernameOrAlias: alias, directory: process.cwd(),
});

async function query(tools) {
  assert.match(await ask(tools, 'acme', 'SELECT LastName FROM Contact LIMIT 3'), /Contact 2/);
}

async function works() {
  await login('acme', tokens.acme);
  const tools = await connect();
  await eachSurvives(tools, [query]);
  await tools.close();
}

await main({ works });
