import heroku_applink as sdk


async def connect(name):
    # Reads HEROKU_APPLINK_API_URL, HEROKU_APPLINK_TOKEN and HEROKU_APP_ID.
    authorization = await sdk.get_authorization(name)
    return authorization.data_api
