// What every play of a browser test needs: browsers, people with an account at the simulated Salesforce, and an eye for
// each page. A play is `export default async (stage) => {...}`; the Rust test gives it its props as JSON on stdin.
import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import axe from 'axe-core';
import { chromium } from 'playwright-core';

const props = JSON.parse(readFileSync(0, 'utf8'));
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const WIDE = { width: 1024, height: 800 };
const LOOKS = [
  ['light', 'light', WIDE],
  ['dark', 'dark', WIDE],
  ['phone', 'light', { width: 360, height: 740 }],
];
const browser = await chromium.launch({ executablePath: props.chromium, args: FLAGS });
const faults = [];
mkdirSync(props.screenshots, { recursive: true });

const stage = {
  ...props,

  // A browser of one person: cookies of its own.
  async person(options = {}) {
    const context = await browser.newContext({ viewport: WIDE, locale: 'en-US', ...options });
    context.setDefaultTimeout(15_000);
    const isHub = (url) => url.startsWith(props.hub) || url.startsWith(props.publicUrl);
    context.on('response', async (response) => {
      if (!isHub(response.url())) return;
      const body = await response.text().catch(() => '');
      appendFileSync(props.seen, `${JSON.stringify(response.headers())}\n${body}\n`);
    });
    // What a policy forbids is said on the console only.
    context.on('console', (message) => {
      if (message.type() === 'error' && !/the server responded with a status of 4/.test(message.text()))
        faults.push(`console of ${message.page()?.url()}: ${message.text()}`);
    });
    context.on('weberror', (error) => faults.push(`script error: ${error.error()}`));
    return context.newPage();
  },

  // Calls the hub's API.
  async api(method, path, body) {
    const response = await fetch(`${props.hub}${path}`, {
      method,
      headers: { authorization: `Bearer ${props.token}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    appendFileSync(props.seen, `${text}\n`);
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  },

  async link(tenant, request = {}) {
    const minted = await stage.api('POST', `/v1/tenants/${tenant}/connection/link`, request);
    return minted.url;
  },

  // Judges a page: nothing for the accessibility checker to say, nothing wider than a phone, and a picture of each look.
  async look(page, name) {
    for (const [look, colorScheme, viewport] of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize(viewport);
      await page.screenshot({ path: `${props.screenshots}/${name}-${look}.png`, fullPage: true });
      const said = await stage.check(page);
      if (said.length) faults.push(`${name}, ${look}: ${said.join('; ')}`);
    }
    await page.emulateMedia({ colorScheme: null });
    await page.setViewportSize(WIDE);
  },

  // What the accessibility checker finds on a page as it is, and whether it has to be scrolled sideways.
  async check(page) {
    await page.evaluate(axe.source);
    return page.evaluate(async () => {
      const { violations } = await axe.run();
      const said = violations.map(({ id, help, nodes }) => `${id} (${help}): ${nodes.map((node) => node.html).join(' ')}`);
      const { scrollWidth, clientWidth } = document.documentElement;
      return scrollWidth > clientWidth ? [...said, `${scrollWidth} wide on ${clientWidth}`] : said;
    });
  },

  // Chooses where to log in and goes there.
  async begin(page, environment, address) {
    await page.locator(`input[value=${environment}]`).check();
    if (address) await page.getByLabel('Salesforce address').fill(address);
    await page.getByRole('button', { name: 'Continue to Salesforce' }).click();
  },

  // Whoever is logged in already is asked for consent at once.
  async logIn(page, { username, password }) {
    const field = page.getByLabel('Username');
    await field.or(page.getByRole('button', { name: 'Allow', exact: true })).first().waitFor();
    if (!(await field.isVisible())) return;
    await page.getByLabel('Username').fill(username);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log In' }).click();
  },

  async answer(page, button) {
    await page.getByRole('button', { name: button, exact: true }).click();
  },

  // From the first page of a link to the question whether it is the right org.
  async consent(page, user, environment = 'production', address = undefined) {
    await stage.begin(page, environment, address);
    await stage.logIn(page, user);
    await stage.answer(page, 'Allow');
  },

  async shows(page, text) {
    await page.getByText(text).first().waitFor().catch(async () => {
      assert.fail(`no "${text}" at ${page.url()}:\n${await page.locator('body').innerText()}`);
    });
  },
};

try {
  const { default: play } = await import(`./${props.play}.mjs`);
  await play(stage);
  assert.deepEqual(faults, []);
  console.log('played');
} finally {
  await browser.close();
}
