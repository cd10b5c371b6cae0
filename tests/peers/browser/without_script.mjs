// A browser without scripts gets through a link and back to the app, and uses the status page.
import assert from 'node:assert/strict';

export default async (stage) => {
  const page = await stage.person({ javaScriptEnabled: false });
  await page.route(`${stage.app}/**`, (route) => route.fulfill({ contentType: 'text/html', body: '<h1>Settings</h1>' }));
  await page.goto(await stage.link('no-script', { return_to: `${stage.app}/settings?tab=crm` }));
  await stage.consent(page, stage.users.production);
  await stage.answer(page, 'Yes, connect');
  await page.waitForURL(`${stage.app}/**`);
  assert.equal(page.url(), `${stage.app}/settings?tab=crm&status=connected`);

  await page.goto(await stage.link('no-script', { return_to: `${stage.app}/settings` }));
  await stage.begin(page, 'known');
  await stage.logIn(page, stage.users.production);
  await stage.answer(page, 'Deny');
  await stage.shows(page, 'You did not allow it');

  await page.goto(stage.hub);
  await page.getByLabel('API token').fill(stage.token);
  await stage.answer(page, 'Log in');
  await stage.shows(page, 'no-script');
};
