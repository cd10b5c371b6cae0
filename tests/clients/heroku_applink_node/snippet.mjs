import applink from '@heroku/applink';

// Reads HEROKU_APPLINK_API_URL, HEROKU_APPLINK_TOKEN and HEROKU_APP_ID.
export const connect = async (name) => {
  const org = await applink.init().addons.applink.getAuthorization(name);
  return org.dataApi;
};
