// What jsforce is asked to do, in both its editions.

import assert from 'node:assert/strict';

import { eachSurvives, isRefused, sessionDies, tokens } from '../world.mjs';

let made = 0;
/** A name that no other record has. */
const aName = () => `Account ${(made += 1)}`;

async function records(connection) {
  const name = aName();
  const accounts = connection.sobject('Account');
  const { id, success } = await accounts.create({ Name: name });
  assert.ok(success);
  await accounts.update({ Id: id, Name: `${name} & Sons` });
  const record = await accounts.retrieve(id);
  assert.equal(record.Name, `${name} & Sons`);
  await accounts.destroy(id);
  await assert.rejects(accounts.retrieve(id), { errorCode: 'NOT_FOUND' });
}

async function upsertByExternalId(connection) {
  // A value that must arrive as it is written.
  const value = `${aName()}-ä+(1)`;
  const upsert = (record) => connection.sobject('Account').upsert(record, 'Number__c');
  assert.equal((await upsert({ Number__c: value, Name: 'first' })).created, true);
  assert.equal((await upsert({ Number__c: value, Name: 'second' })).created, false);
}

async function queryOfManyPages(connection) {
  const { totalSize, records: rows } = await connection.query('SELECT Id, Name FROM Contact', {
    autoFetch: true,
    maxFetch: 3000,
    headers: { 'Sforce-Query-Options': 'batchSize=500' },
  });
  assert.equal(totalSize, 2400);
  assert.equal(new Set(rows.map((row) => row.Id)).size, 2400);
}

async function describe(connection) {
  const { name, fields } = await connection.sobject('Account').describe();
  assert.equal(name, 'Account');
  assert.ok(fields.some((field) => field.name === 'Id'));
}

async function errorsOfTheOrg(connection) {
  await assert.rejects(connection.query('SELECT FROM'), { errorCode: 'MALFORMED_QUERY' });
  await assert.rejects(connection.sobject('Account').create({}), { errorCode: 'REQUIRED_FIELD_MISSING' });
}

async function limits(connection) {
  assert.ok((await connection.limits()).DailyApiRequests.Max > 0);
  assert.ok(connection.limitInfo.apiUsage.limit > 0);
}

async function bulk1(connection) {
  const names = [aName(), aName()];
  const job = connection.bulk.createJob('Account', 'insert');
  const batch = job.createBatch();
  await new Promise((resolve, reject) => {
    job.on('error', reject);
    batch.on('error', reject).on('queue', resolve);
    batch.execute(names.map((Name) => ({ Name })));
  });
  const results = await batch.retrieve();
  assert.deepEqual(results.map((result) => result.success), [true, true]);
  await job.close();
  const rows = await (await connection.bulk.query('SELECT Id FROM Contact')).toArray();
  assert.equal(rows.length, 2400);
}

async function bulk2(connection) {
  const names = [aName(), aName()];
  const { successfulResults, failedResults } = await connection.bulk2.loadAndWaitForResults({
    object: 'Account', operation: 'insert', input: names.map((Name) => ({ Name })),
  });
  assert.deepEqual(successfulResults.map((result) => result.Name), names);
  assert.deepEqual(failedResults, []);
  const rows = await (await connection.bulk2.query('SELECT Id FROM Contact')).toArray();
  assert.equal(rows.length, 2400);
}

async function collections(connection) {
  const accounts = connection.sobject('Account');
  const made = await accounts.create([{ Name: aName() }, { Name: aName() }]);
  assert.deepEqual(made.map((result) => result.success), [true, true]);
  const gone = await accounts.destroy(made.map((result) => result.id));
  assert.deepEqual(gone.map((result) => result.success), [true, true]);
}

async function metadata(connection) {
  const { metadataObjects } = await connection.metadata.describe('67.0');
  assert.ok(metadataObjects.some((kind) => kind.xmlName === 'CustomObject'));
  const fullName = `Label${(made += 1)}`;
  const label = { fullName, language: 'en_US', protected: false, shortDescription: 's', value: '&amp;<' };
  assert.equal((await connection.metadata.create('CustomLabel', label)).success, true);
  assert.equal((await connection.metadata.read('CustomLabel', fullName)).value, '&amp;<');
  assert.equal((await connection.metadata.delete('CustomLabel', fullName)).success, true);
}

async function identity(connection) {
  assert.equal((await connection.identity()).username, 'ana@acme.example');
}

async function tenants(connect) {
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    const connection = await connect(tokens[tenant]);
    for (let n = 0; n < 20; n += 1) {
      await connection.sobject('Lead').create({ LastName: `${tenant} ${n}` });
      if (n === 10) await sessionDies(tenant);
      const { records: rows } = await connection.query('SELECT LastName FROM Lead');
      assert.deepEqual(rows.map((row) => row.LastName), Array.from({ length: n + 1 }, (_, i) => `${tenant} ${i}`));
    }
  }));
}

async function refused(connect) {
  for (const [situation, token] of Object.entries(tokens)) {
    await isRefused(situation, async () => (await connect(token)).query('SELECT Id FROM Account'));
    await isRefused(situation, async () => (await connect(token)).sobject('Account').create({ Name: 'never' }));
    await isRefused(situation, async () => (await connect(token)).metadata.describe('67.0'));
    await isRefused(situation, async () => (await connect(token)).bulk.createJob('Account', 'insert').open());
    await isRefused(situation, async () => (await connect(token)).bulk2.loadAndWaitForResults({
      object: 'Account', operation: 'insert', input: [{ Name: 'never' }],
    }));
  }
}

const operations = [
  records, upsertByExternalId, queryOfManyPages, describe, errorsOfTheOrg, limits, bulk1, bulk2, collections, metadata,
  identity,
];

export const parts = (connect) => ({
  works: async () => eachSurvives(await connect(process.env.ORGPASS_TOKEN), operations),
  tenants: () => tenants(connect),
  refused: () => refused(connect),
});
