// The streaming API by jsforce: its client keeps cookies, and tries a websocket first.

import assert from 'node:assert/strict';
import process from 'node:process';

import { control, main, orgs, sessionDies, tokens } from '../world.mjs';
import { subscribe } from './snippet.mjs';

const ORDERS = '/event/Order__e';
const EARLIEST = -2;
const EXPIRIES = 10;

const define = (tenant) => control('event-types', {
  org_id: orgs[tenant], channel: ORDERS, example: { Number__c: 'text' },
});

const publish = (tenant, number) => control('events', {
  org_id: orgs[tenant], channel: ORDERS, events: [{ Number__c: number }],
});

/** A subscription whose events are taken one by one. */
function subscription(token) {
  const [events, waiting] = [[], []];
  const client = subscribe(token, ORDERS, EARLIEST, (message) => {
    const number = message.payload.Number__c;
    if (waiting.length > 0) waiting.shift()(number);
    else events.push(number);
  });
  const next = () => (events.length > 0 ? events.shift() : new Promise((resolve) => waiting.push(resolve)));
  return { next, client };
}

async function works() {
  await define('acme');
  const { next } = subscription(process.env.ORGPASS_TOKEN);
  for (let n = 0; n < EXPIRIES; n += 1) {
    await publish('acme', `before ${n}`);
    assert.equal(await next(), `before ${n}`);
    // While a poll is held; what is published until the client is back is kept by the org.
    await sessionDies();
    await publish('acme', `after ${n}`);
    assert.equal(await next(), `after ${n}`);
    console.log('survived: receives');
  }
}

async function tenants() {
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    await define(tenant);
    const { next } = subscription(tokens[tenant]);
    for (let n = 0; n < 10; n += 1) {
      await publish(tenant, `${tenant} ${n}`);
      assert.equal(await next(), `${tenant} ${n}`);
      if (n === 5) await sessionDies(tenant);
    }
  }));
}

await main({ works, tenants });
// A poll is under way for as long as the client lives.
process.exit();
