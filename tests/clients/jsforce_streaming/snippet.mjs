import jsforce from 'jsforce';
import { StreamingExtension } from 'jsforce/lib/api/streaming.js';

const instanceUrl = process.env.ORGPASS_URL ?? 'http://127.0.0.1:8180';

export const subscribe = (localToken, channel, replayId, received) => {
  const connection = new jsforce.Connection({ instanceUrl, accessToken: localToken, version: '67.0' });
  // It notes how far it has read; after a restart, give it the id of the last event that was dealt with.
  const replay = new StreamingExtension.Replay(channel, replayId);
  const client = connection.streaming.createClient([replay]);
  client.subscribe(channel, received);
  return client;
};
