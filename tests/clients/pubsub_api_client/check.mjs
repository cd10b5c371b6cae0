// The Pub/Sub API's client for Node, which speaks gRPC over TLS.

import assert from 'node:assert/strict';
import process from 'node:process';

import { control, eachSurvives, isRefused, main, orgs, sessionDies, tokens } from '../world.mjs';
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

async function refused() {
  for (const [situation, token] of Object.entries(tokens)) {
    const client = await connect(token);
    await isRefused(situation, () => publish(client, 'never'));
    await isRefused(situation, () => earliest(client, 1));
    client.close();
  }
}

await main({ works, tenants, refused });
// The client keeps timers of its own after it was closed.
process.exit();
