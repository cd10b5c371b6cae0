// Salesforce's own refusals are explained: what happened, who can mend it, and how.
export default async (stage) => {
  const page = await stage.person();
  await page.goto(await stage.link('blocked'));
  await stage.begin(page, 'production');
  await stage.logIn(page, stage.users.production);
  await stage.shows(page, 'Who can fix it');
  await stage.shows(page, 'A text to send to them');
  await page.locator('summary').click();
  await stage.look(page, 'blocked');
};
