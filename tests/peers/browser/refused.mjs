// What people see when a link leads nowhere.
import { setTimeout as sleep } from 'node:timers/promises';

export default async (stage) => {
  const { users } = stage;
  const [page, stranger] = [await stage.person(), await stage.person()];

  const link = await stage.link('refused');
  await page.goto(link);
  await stage.begin(page, 'production');
  await stage.logIn(page, users.production);
  await stage.answer(page, 'Deny');
  await stage.shows(page, 'You did not allow it');
  await stage.look(page, 'denied');
  await page.getByRole('link', { name: 'Try again' }).click();
  await stage.look(page, 'link-after-denial');

  await stranger.goto(link);
  await stage.shows(stranger, 'another browser');
  await stage.look(stranger, 'other-browser');

  await stage.consent(page, users.production);
  await stage.answer(page, 'Yes, connect');
  await stage.shows(page, 'Acme Reports is connected');
  await stranger.goto(link);
  await stage.shows(stranger, 'This link was used already');
  await stage.look(stranger, 'used');

  await page.goto(await stage.link('refused'));
  await stage.shows(page, 'As before');
  await stage.look(page, 'link-reconnect');
  await stage.consent(page, users.ownAddress);
  await stage.shows(page, 'org');
  await stage.look(page, 'another-org');

  const cancelled = await stage.person();
  await cancelled.goto(await stage.link('cancelled'));
  await stage.consent(cancelled, users.production);
  await stage.answer(cancelled, 'No, cancel');
  await stage.shows(cancelled, 'Nothing was connected');
  await stage.look(cancelled, 'cancelled');

  const short = await stage.link('late', { expires_in: 1 });
  for (;;) {
    await stranger.goto(short);
    if (await stranger.getByText('This link has expired').count()) break;
    await sleep(100);
  }
  await stage.look(stranger, 'expired');
  await stranger.goto(`${stage.hub}/connect/${'x'.repeat(43)}`);
  await stage.look(stranger, 'unknown-link');
  await stranger.goto(`${stage.hub}/nowhere`);
  await stage.look(stranger, 'nothing-here');
};
