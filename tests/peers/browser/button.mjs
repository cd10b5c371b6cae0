// The button on the example page: it opens the link in a window and says how that ended.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

export default async (stage) => {
  const { users } = stage;
  const example = readFileSync(new URL('../../../examples/connect-button.html', import.meta.url), 'utf8');
  const html = example.replace('http://127.0.0.1:8182', stage.hub);
  const app = createServer(async (asked, answer) => {
    if (asked.method === 'POST' && asked.url === '/connect-link') {
      const url = await stage.link('popup', { return_to: `${stage.app}/back` });
      answer.setHeader('content-type', 'application/json').end(JSON.stringify({ url }));
    } else answer.setHeader('content-type', 'text/html').end(asked.url === '/settings' ? html : '<h1>Back</h1>');
  });
  await new Promise((resolve) => app.listen(new URL(stage.app).port, '127.0.0.1', resolve));
  const page = await stage.person();
  await page.goto(`${stage.app}/settings`);
  assert.deepEqual(await stage.check(page), []);
  await page.evaluate(() => {
    window.ends = [];
    for (const end of ['connected', 'cancelled', 'failed']) addEventListener(end, () => window.ends.push(end));
  });
  const press = async () => {
    const opened = page.waitForEvent('popup');
    await stage.answer(page, 'Connect Salesforce');
    const popup = await opened;
    await popup.waitForURL(`${stage.hub}/connect/**`);
    return popup;
  };
  const said = (...ends) => page.waitForFunction((ends) => window.ends.join() === ends, ends.join());

  let popup = await press();
  await popup.close();
  await said('cancelled');

  popup = await press();
  await stage.consent(popup, users.production);
  const closed = popup.waitForEvent('close');
  await stage.answer(popup, 'No, cancel');
  await said('cancelled', 'cancelled');
  await closed;

  // A failure is told, and the person can try again in the same window.
  popup = await press();
  await stage.begin(popup, 'production');
  await stage.logIn(popup, users.production);
  await stage.answer(popup, 'Deny');
  await stage.shows(popup, 'You did not allow it');
  await said('cancelled', 'cancelled', 'failed');
  await popup.getByRole('link', { name: 'Try again' }).click();
  await stage.consent(popup, users.production);
  await stage.answer(popup, 'Yes, connect');
  await said('cancelled', 'cancelled', 'failed', 'connected');
  assert.equal(await page.locator('#state').textContent(), 'connected');
  app.close();
};
