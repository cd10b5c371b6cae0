// The streaming API by jsforce: its client keeps cookies, and tries a websocket first.

import assert from 'node:assert/strict';
import process from 'node:process';

import { asks, control, isRefused, main, orgs, sessionDies, tokens } from '../world.mjs';
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

/** A subscription whose events are taken one by one, until it is refused. */
function subscription(token) {
  const [events, waiting] = [[], []];
  let refused;
  const ended = new Promise((_, reject) => { refused = (text) => reject(new Error(text)); });
  ended.catch(() => {}); // whoever waits for an event hears of it
  subscribe(token, ORDERS, EARLIEST, (message) => {
    const number = message.payload.Number__c;
    if (waiting.length > 0) waiting.shift()(number);
    else events.push(number);
  }, refused);
  const event = () => (events.length > 0 ? events.shift() : new Promise((resolve) => { waiting.push(resolve); }));
  return { next: () => Promise.race([event(), ended]) };
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

/** Ten expiries, and a new start of Orgpass between them. */
async function survives() {
  await define('acme');
  const { next } = subscription(process.env.ORGPASS_TOKEN);
  for (let n = 0; n <= EXPIRIES; n += 1) {
    await publish('acme', `before ${n}`);
    assert.equal(await next(), `before ${n}`);
    await (n === 5 ? asks('restart') : sessionDies());
    await publish('acme', `after ${n}`);
    assert.equal(await next(), `after ${n}`);
  }
}

async function refused() {
  for (const [situation, token] of Object.entries(tokens)) {
    await isRefused(situation, () => subscription(token).next());
  }
}

/** Trouble comes while the client waits for events. */
async function troubled() {
  for (const [situation, token] of Object.entries(tokens)) {
    await define(situation);
    const { next } = subscription(token);
    await publish(situation, 'before');
    assert.equal(await next(), 'before');
    await asks(situation);
    await isRefused(situation, next);
  }
}

/** Without the store it says nothing, and goes on by itself afterwards. */
async function outage() {
  await define('acme');
  const { next } = subscription(tokens.acme);
  await publish('acme', 'before');
  assert.equal(await next(), 'before');
  await asks('outage');
  await publish('acme', 'after');
  await asks('end of the outage');
  assert.equal(await next(), 'after');
}

await main({ works, tenants, survives, refused, troubled, outage });
// A poll is under way for as long as the client lives.
process.exit();
