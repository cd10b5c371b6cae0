// The checker finds what is wrong: else its silence would say nothing.
import assert from 'node:assert/strict';

export default async (stage) => {
  const page = await stage.person();
  await page.setContent(`<html><body><p style="color:#ccc">pale</p><input><div style="width:2000px">wide</div></body></html>`);
  const said = (await stage.check(page)).join();
  for (const fault of ['color-contrast', 'label', 'html-has-lang', 'wide on 1024']) assert.ok(said.includes(fault), said);
};
