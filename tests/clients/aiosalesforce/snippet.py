import os

import httpx
from aiosalesforce import Salesforce
from aiosalesforce.auth import Auth

ORGPASS = httpx.URL(os.environ.get("ORGPASS_URL", "http://127.0.0.1:8180"))


class LocalToken(Auth):
    def __init__(self, token):
        super().__init__()
        self.token = token

    async def _acquire_new_access_token(self, client):
        return self.token


class ToOrgpass(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request):
        request.url = request.url.copy_with(scheme=ORGPASS.scheme, host=ORGPASS.host, port=ORGPASS.port)
        request.headers["Host"] = ORGPASS.netloc.decode()
        return await super().handle_async_request(request)


def connect(local_token):
    # It insists on an address of Salesforce's, which the transport replaces.
    return Salesforce(
        httpx.AsyncClient(transport=ToOrgpass()),
        base_url="https://orgpass.my.salesforce.com",
        auth=LocalToken(local_token),
    )
