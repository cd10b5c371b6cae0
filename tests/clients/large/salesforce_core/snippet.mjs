import { AuthInfo, Connection } from '@salesforce/core';

const url = process.env.ORGPASS_URL ?? 'http://127.0.0.1:8180';

export const connect = async (localToken) => {
  const authInfo = await AuthInfo.create({
    accessTokenOptions: { accessToken: localToken, instanceUrl: url, loginUrl: url },
  });
  return Connection.create({ authInfo });
};
