// The Pub/Sub API's client for Node, which speaks gRPC over TLS.

import assert from 'node:assert/strict';
import process from 'node:process';

import { asks, control, eachSurvives, isRefused, main, orgs, sessionDies, tokens } from '../world.mjs';
import { connect } from './snippet.mjs';

const ORDERS = '/event/Order__e';

const define = (tenant) => control('event-types', {
  org_id: orgs[tenant], channel: ORDERS, example: { Number__c: 'text' },
});

const publish = (client, number) => client.publish(ORDERS, {
  CreatedDate: Date.now(), CreatedById: '005000000000000AAA', Number__c: { string: number },
});

/** So many events from the earliest on. */
const earliest = (client, count) => new Promise((resolve, reject) => {
  const numbers = [];
  client.subscribeFromEarliestEvent(ORDERS, (subscription, kind, data) => {
    if (kind === 'event') numbers.push(data.payload.Number__c);
    if (kind === 'lastEvent') resolve(numbers);
    if (kind === 'error') reject(data);
  }, count);
});

async function publishes(client) {
  assert.ok((await publish(client, 'one')).replayId >= 0);
}

// A stream that runs ends with its session, so each time one is opened. The client is left open: closed, it would no
// longer hear how its stream ends, and end the process.
async function subscribes() {
  const client = await connect(process.env.ORGPASS_TOKEN);
  assert.deepEqual(await earliest(client, 2), ['one', 'one']);
}

async function works() {
  await define('acme');
  const client = await connect(process.env.ORGPASS_TOKEN);
  await eachSurvives(client, [publishes, subscribes]);
  client.close();
}

async function tenants() {
  await Promise.all(['acme', 'globex'].map(async (tenant) => {
    await define(tenant);
    const client = await connect(tokens[tenant]);
    await publish(client, `${tenant} 1`);
    await sessionDies(tenant);
    await publish(client, `${tenant} 2`);
    assert.deepEqual(await earliest(client, 2), [`${tenant} 1`, `${tenant} 2`]);
    client.close();
  }));
}

/** The events of a subscription, which is opened again after the last of them whenever it ends. */
function subscription(client) {
  const [events, waiting] = [[], []];
  let last;
  const open = () => (last === undefined
    ? client.subscribeFromEarliestEvent(ORDERS, received)
    : client.subscribeFromReplayId(ORDERS, received, null, last));
  function received(_, kind, data) {
    if (kind === 'end') setTimeout(open, 100); // not at once: nobody may be there yet
    if (kind !== 'event') return;
    last = data.replayId;
    if (waiting.length > 0) waiting.shift()(data.payload.Number__c);
    else events.push(data.payload.Number__c);
  }
  open();
  return () => (events.length > 0 ? events.shift() : new Promise((resolve) => { waiting.push(resolve); }));
}

/** Ten expiries, and a new start of Orgpass between them. */
async function survives() {
  await define('acme');
  const next = subscription(await connect(process.env.ORGPASS_TOKEN));
  const happens = (number) => control('events', { org_id: orgs.acme, channel: ORDERS, events: [{ Number__c: number }] });
  for (let n = 0; n <= 10; n += 1) {
    await happens(`before ${n}`);
    assert.equal(await next(), `before ${n}`);
    await (n === 5 ? asks('restart') : sessionDies());
    await happens(`after ${n}`);
    assert.equal(await next(), `after ${n}`);
  }
}

async function refused() {
  for (const [situation, token] of Object.entries(tokens)) {
    const client = await connect(token);
    await isRefused(situation, () => publish(client, 'never'));
    await isRefused(situation, () => earliest(client, 1));
    client.close();
  }
}

await main({ works, tenants, survives, refused });
// The client keeps timers of its own after it was closed.
process.exit();
