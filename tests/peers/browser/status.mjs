// The status page: log in, search, check, and a link to connect again.
import assert from 'node:assert/strict';

export default async (stage) => {
  const page = await stage.person();
  await page.goto(stage.hub);
  await stage.look(page, 'login');
  await page.getByLabel('API token').fill('not-a-token-of-this-hub-but-long-enough');
  await stage.answer(page, 'Log in');
  await stage.shows(page, 'That token is not known.');
  await stage.look(page, 'login-refused');
  await page.getByLabel('API token').fill(stage.token);
  await stage.answer(page, 'Log in');
  await stage.shows(page, 'globex');
  await stage.look(page, 'status');

  await page.getByLabel('Tenant').fill('acme');
  await stage.answer(page, 'Show');
  assert.equal(await page.getByRole('rowheader', { name: 'globex' }).count(), 0);
  await page.getByRole('button', { name: 'Check acme', exact: true }).click();
  await stage.shows(page, 'was checked: active');
  await stage.look(page, 'status-checked');
  await page.getByRole('button', { name: 'Reconnect acme', exact: true }).click();
  await stage.shows(page, 'A link for tenant acme');
  await stage.look(page, 'minted');
  await page.getByRole('link', { name: 'Open it' }).click();
  await stage.shows(page, 'Connect Acme Reports to your Salesforce org');
  await page.goto(stage.hub);
  await page.getByLabel('Tenant').fill('nobody');
  await stage.answer(page, 'Show');
  await stage.shows(page, 'There are no such connections.');
  await stage.look(page, 'status-nothing');
  await stage.answer(page, 'Log out');
  await stage.shows(page, 'Log in with an API token');
};
