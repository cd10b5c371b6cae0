// Heroku AppLink's SDK, which is given its tokens by a service that Orgpass stands in for.

import assert from 'node:assert/strict';

import { eachSurvives, isRefused, main, sessionDies, tokens } from '../world.mjs';
import { connect } from './snippet.mjs';

async function records(api) {
  const { id } = await api.create({ type: 'Account', fields: { Name: 'made' } });
  assert.equal((await api.update({ type: 'Account', fields: { id, Name: 'changed' } })).id, id);
  assert.equal((await api.delete('Account', id)).id, id);
}

async function queryOfManyPages(api) {
  let page = await api.query('SELECT Id, LastName FROM Contact');
  assert.equal(page.totalSize, 2400);
  let found = page.records.length;
  while (!page.done) {
    page = await api.queryMore(page);
    found += page.records.length;
  }
  assert.equal(found, 2400);
}

async function unitOfWork(api) {
  const unit = api.newUnitOfWork();
  const account = unit.registerCreate({ type: 'Account', fields: { Name: 'parent' } });
  const lead = unit.registerCreate({ type: 'Lead', fields: { LastName: 'child', Company: account.toApiString() } });
  const results = await api.commitUnitOfWork(unit);
  assert.match(results.get(account).id, /^001/);
  assert.match(results.get(lead).id, /^00Q/);
}

async function errorsOfTheOrg(api) {
  await assert.rejects(api.query('SELECT FROM'), /MALFORMED_QUERY|unexpected token|expected/);
}

async function tenants() {
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    const api = await connect(tenant);
    for (let n = 0; n < 20; n += 1) {
      await api.create({ type: 'Lead', fields: { LastName: `${tenant} ${n}` } });
      if (n === 10) await sessionDies(tenant);
      const { records: rows } = await api.query('SELECT LastName FROM Lead');
      const names = rows.map((row) => row.fields.LastName ?? row.fields.lastname);
      assert.deepEqual(names, Array.from({ length: n + 1 }, (_, i) => `${tenant} ${i}`));
    }
  }));
}

async function refused() {
  for (const situation of Object.keys(tokens)) {
    await isRefused(situation, async () => (await connect(situation)).query('SELECT Id FROM Account'));
  }
}

await main({
  works: async () => eachSurvives(await connect('acme'), [records, queryOfManyPages, unitOfWork, errorsOfTheOrg]),
  tenants,
  refused,
});
