// The Salesforce CLI, which keeps the local token as if it were a session.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { asks, eachSurvives, isRefused, main, sessionDies, tokens } from '../../world.mjs';
import { login, program, sf } from './sf.mjs';

const snippet = fileURLToPath(new URL('./snippet.sh', import.meta.url));

async function query() {
  const { totalSize, records } = await sf('data query --target-org acme --query', 'SELECT Id, LastName FROM Contact');
  assert.deepEqual([totalSize, records.length], [2400, 2400]);
}

async function records() {
  const { id } = await sf('data create record --target-org acme --sobject Account --values', 'Name=made');
  await sf(`data update record --target-org acme --sobject Account --record-id ${id} --values`, 'Name=changed');
  const record = await sf(`data get record --target-org acme --sobject Account --record-id ${id}`);
  assert.equal(record.Name, 'changed');
  await sf(`data delete record --target-org acme --sobject Account --record-id ${id}`);
}

async function bulk() {
  await writeFile('accounts.csv', 'Name\nOne\nTwo\n');
  const imported = await sf('data import bulk --target-org acme --sobject Account --file accounts.csv --wait 5');
  assert.equal(imported.processedRecords, 2);
}

async function metadata() {
  const kinds = await sf('org list metadata-types --target-org acme --api-version 62.0');
  assert.ok(kinds.metadataObjects.some((kind) => kind.xmlName === 'CustomObject'));
}

async function apex() {
  await writeFile('hello.apex', 'System.debug(1);');
  assert.ok((await sf('apex run --target-org acme --file hello.apex')).success);
}

async function deployment() {
  await mkdir('package/classes', { recursive: true });
  await writeFile('package/package.xml', `<?xml version="1.0" encoding="UTF-8"?>
<Package xmlns="http://soap.sforce.com/2006/04/metadata">
  <types><members>Hello</members><name>ApexClass</name></types><version>62.0</version>
</Package>`);
  await writeFile('package/classes/Hello.cls', 'public class Hello {}');
  await writeFile('package/classes/Hello.cls-meta.xml', `<?xml version="1.0" encoding="UTF-8"?>
<ApexClass xmlns="http://soap.sforce.com/2006/04/metadata"><apiVersion>62.0</apiVersion><status>Active</status></ApexClass>`);
  const deployed = await sf('project deploy start --target-org acme --metadata-dir package --wait 5');
  assert.ok(deployed.success);
}

async function works() {
  assert.match(await program('sh', ['-e', snippet]), /Contact 2/);
  await eachSurvives(undefined, [query, records, bulk, metadata, apex, deployment]);
}

async function tenants() {
  for (const tenant of ['acme', 'globex']) await login(tenant, tokens[tenant]);
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    const lead = (n) => sf(`data create record --target-org ${tenant} --sobject Lead --values`, `LastName='${tenant} ${n}'`);
    await lead(0);
    await sessionDies(tenant);
    await lead(1);
    const { records: rows } = await sf(`data query --target-org ${tenant} --query`, 'SELECT LastName FROM Lead');
    assert.deepEqual(rows.map((row) => row.LastName), [`${tenant} 0`, `${tenant} 1`]);
  }));
}

async function refused() {
  for (const [situation, token] of Object.entries(tokens)) {
    await isRefused(situation, () => login(situation, token));
  }
}

const count = (alias) => sf(`data query --target-org ${alias} --query`, 'SELECT count() FROM Contact');

/** Trouble comes after the CLI has logged in. */
async function troubled() {
  for (const [situation, token] of Object.entries(tokens)) {
    await login(situation, token);
    await asks(situation);
    await isRefused(situation, () => count(situation));
    await isRefused(situation, () => sf(`data create record --target-org ${situation} --sobject Account --values`, 'Name=never'));
    await isRefused(situation, () => sf(`org list metadata-types --target-org ${situation} --api-version 62.0`));
  }
}

async function outage() {
  await login('acme', tokens.acme);
  await asks('outage');
  await isRefused('acme', () => count('acme'));
  await asks('end of the outage');
  assert.equal((await count('acme')).totalSize, 0);
}

await main({ works, tenants, refused, troubled, outage });
