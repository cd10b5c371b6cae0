// Behind an ingress that speaks TLS, as in production: cookies that only this host can set, and forms that lead away.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { createServer } from 'node:https';

export default async (stage) => {
  const { hostname, port } = new URL(stage.hub);
  const ingress = createServer(stage.tls, (asked, answer) => {
    const options = { hostname, port, method: asked.method, path: asked.url, headers: asked.headers };
    const onward = request(options, (answered) => {
      answer.writeHead(answered.statusCode, answered.headers);
      answered.pipe(answer);
    });
    asked.pipe(onward);
  });
  await new Promise((resolve) => ingress.listen(new URL(stage.publicUrl).port, '127.0.0.1', resolve));
  const page = await stage.person({ ignoreHTTPSErrors: true });
  const link = await stage.link('ingress');
  assert.ok(link.startsWith(stage.publicUrl));
  await page.goto(link);
  await stage.consent(page, stage.users.production);
  await stage.answer(page, 'Yes, connect');
  await stage.shows(page, 'Acme Reports is connected');
  await page.goto(stage.publicUrl);
  await page.getByLabel('API token').fill(stage.token);
  await stage.answer(page, 'Log in');
  await stage.shows(page, 'ingress');

  const cookies = (await page.context().cookies()).filter(({ domain, name }) => domain === 'localhost' && /orgpass/.test(name));
  assert.equal(cookies.length, 2);
  for (const { name, secure, httpOnly, sameSite, path } of cookies) {
    assert.match(name, /^__Host-orgpass-/);
    assert.deepEqual([secure, httpOnly, path], [true, true, '/']);
    assert.ok(['Lax', 'Strict'].includes(sameSite), `${name}: ${sameSite}`);
  }
  ingress.closeAllConnections();
  ingress.close();
};
