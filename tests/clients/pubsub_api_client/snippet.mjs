import PubSubApiClient from 'salesforce-pubsub-api-client';

export const connect = async (localToken) => {
  const client = new PubSubApiClient({
    authType: 'user-supplied',
    accessToken: localToken,
    instanceUrl: 'https://orgpass.my.salesforce.com', // not called; it must be an https address
    pubSubEndpoint: process.env.ORGPASS_PUBSUB ?? '127.0.0.1:8180',
    rejectUnauthorizedSsl: false, // it trusts its own list of authorities only
  });
  await client.connect();
  return client;
};
