import jsforce from 'jsforce';
import { StreamingExtension } from 'jsforce/lib/api/streaming.js';

const instanceUrl = process.env.ORGPASS_URL ?? 'http://127.0.0.1:8180';

export const subscribe = (localToken, channel, replayId, received, refused) => {
  const connection = new jsforce.Connection({ instanceUrl, accessToken: localToken, version: '67.0' });
  // It notes how far it has read; after a restart, give it the id of the last event that was dealt with.
  const replay = new StreamingExtension.Replay(channel, replayId);
  // Without this it says nothing of what ends it.
  const end = new StreamingExtension.AuthFailure((message) => refused(message.error));
  const client = connection.streaming.createClient([end, replay]);
  client.subscribe(channel, received);
  return client;
};
