import jsforce from '@jsforce/jsforce-node';

const instanceUrl = process.env.ORGPASS_URL ?? 'http://127.0.0.1:8180';

export const connect = (localToken) =>
  new jsforce.Connection({ instanceUrl, accessToken: localToken, version: '67.0' });
