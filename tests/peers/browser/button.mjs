// The button on somebody else's page: it opens the link in a window and says how that ended.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';

export default async (stage) => {
  const { users } = stage;
  const html = `<!doctype html><html lang="en"><title>Settings</title><body><main><h1>Settings</h1>
    <orgpass-connect link-from="/link">Connect Salesforce</orgpass-connect><p role="status" id="said"></p></main>
    <script type="module" src="${stage.hub}/connect.js"></script>
    <script>for (const end of ['connected', 'cancelled', 'failed'])
      addEventListener(end, () => document.getElementById('said').append(end + ' '));</script></body></html>`;
  const app = createServer(async (asked, answer) => {
    if (asked.method === 'POST' && asked.url === '/link') {
      const url = await stage.link('popup', { return_to: `${stage.app}/back` });
      answer.setHeader('content-type', 'application/json').end(JSON.stringify({ url }));
    } else answer.setHeader('content-type', 'text/html').end(asked.url === '/settings' ? html : '<h1>Back</h1>');
  });
  await new Promise((resolve) => app.listen(new URL(stage.app).port, '127.0.0.1', resolve));
  const page = await stage.person();
  await page.goto(`${stage.app}/settings`);
  assert.deepEqual(await stage.check(page), []);
  const press = async () => {
    const opened = page.waitForEvent('popup');
    await stage.answer(page, 'Connect Salesforce');
    const popup = await opened;
    await popup.waitForURL(`${stage.hub}/connect/**`);
    return popup;
  };
  const said = (text) => page.waitForFunction((text) => document.getElementById('said').textContent === text, text);

  let popup = await press();
  await popup.close();
  await said('cancelled ');

  popup = await press();
  await stage.consent(popup, users.production);
  await stage.answer(popup, 'No, cancel');
  await said('cancelled cancelled ');
  assert.ok(popup.isClosed());

  // A failure is told, and the person can try again in the same window.
  popup = await press();
  await stage.begin(popup, 'production');
  await stage.logIn(popup, users.production);
  await stage.answer(popup, 'Deny');
  await stage.shows(popup, 'You did not allow it');
  await said('cancelled cancelled failed ');
  await popup.getByRole('link', { name: 'Try again' }).click();
  await stage.consent(popup, users.production);
  await stage.answer(popup, 'Yes, connect');
  await said('cancelled cancelled failed connected ');
  app.close();
};
