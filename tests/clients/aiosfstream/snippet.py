import os

from aiosfstream_ng import Client, ReplayOption
from aiosfstream_ng.auth import AuthenticatorBase
from aiosfstream_ng.replay import DefaultMappingStorage

ORGPASS = os.environ.get("ORGPASS_URL", "http://127.0.0.1:8180")


class LocalToken(AuthenticatorBase):
    def __init__(self, token):
        super().__init__()
        self.token = token

    async def _authenticate(self):
        return 200, {"access_token": self.token, "token_type": "Bearer", "instance_url": ORGPASS}


def connect(local_token, seen):
    # In `seen`, a mapping that should outlive the process, it notes how far it has read each channel.
    replay = DefaultMappingStorage(seen, ReplayOption.ALL_EVENTS)
    # Its own limit to being without a connection fails with Python 3.10 and newer.
    return Client(LocalToken(local_token), replay=replay, connection_timeout=0)
