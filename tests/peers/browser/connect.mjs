// Three people connect: production, a sandbox, and an org by its own address.
export default async (stage) => {
  const { users, lightning } = stage;
  let page = await stage.person();
  await page.goto(await stage.link('production'));
  await stage.shows(page, 'See and change your Salesforce data');
  await stage.look(page, 'link');
  await stage.begin(page, 'production');
  await stage.logIn(page, users.sandbox);
  await stage.shows(page, 'Please check your username and password.');
  await stage.logIn(page, users.production);
  await stage.shows(page, 'Allow Access?');
  await stage.shows(page, 'Acme Reports');
  await stage.answer(page, 'Allow');
  await stage.shows(page, 'Is this the right org?');
  await stage.shows(page, users.production.username);
  await stage.look(page, 'confirm');
  await stage.answer(page, 'Yes, connect');
  await stage.shows(page, 'Acme Reports is connected');
  await stage.look(page, 'done');

  page = await stage.person();
  await page.goto(await stage.link('sandbox'));
  await stage.consent(page, users.sandbox, 'sandbox');
  await stage.answer(page, 'Yes, connect');
  await stage.shows(page, 'Acme Reports is connected');

  page = await stage.person();
  await page.goto(await stage.link('own-address'));
  await stage.begin(page, 'address', 'https://evil.example/lightning');
  await stage.shows(page, 'That is not an address of Salesforce.');
  await stage.look(page, 'link-wrong-address');
  await stage.consent(page, users.ownAddress, 'address', lightning);
  await stage.answer(page, 'Yes, connect');
  await stage.shows(page, 'Acme Reports is connected');
};
