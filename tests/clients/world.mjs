// What the scripts of all clients for Node share: the test's world, and how a script's parts are run.

import process from 'node:process';

const told = JSON.parse(process.env.TEST_WORLD);

export const tokens = told.tokens;
export const orgs = told.orgs;

/** All sessions of the tenant's org end, as Salesforce ends them: without a word. */
export const sessionDies = (tenant = 'acme') => control('expire', { org_id: orgs[tenant] });

export async function control(name, body) {
  const answer = await fetch(told.control + name, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`);
}

/** Has the test do something, and waits until that is done. */
export function asks(what) {
  console.log('asks:', what);
  return new Promise((resolve) => {
    process.stdin.once('data', () => {
      process.stdin.pause();
      // Else it would keep the process from ending.
      process.stdin.unref();
      resolve();
    });
    process.stdin.ref();
    process.stdin.resume();
  });
}

/** Runs every operation, and again with a session that has just died. */
export async function eachSurvives(client, operations) {
  for (const operation of operations) {
    await operation(client);
    await sessionDies();
    await operation(client);
    console.log('survived:', operation.name);
  }
}

/** Tells how the client shows a refusal, and how long it took. */
export async function isRefused(situation, attempt) {
  const began = performance.now();
  let shown;
  try {
    shown = { returned: JSON.stringify(await attempt()) ?? 'undefined' };
  } catch (error) {
    shown = { raised: error.name, text: `${error.errorCode ?? error.code ?? ''} ${error.message} ${error.cause?.message ?? ''}` };
  }
  console.log(JSON.stringify({ situation, seconds: (performance.now() - began) / 1000, ...shown }));
}

/** Runs the part that the test asks for. What nobody caught ends the process with a failure. */
export async function main(parts) {
  const part = process.argv[2];
  await parts[part]();
  console.log('end of', part);
}
