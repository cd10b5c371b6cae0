import os

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

ORGPASS = os.environ.get("ORGPASS_URL", "http://127.0.0.1:8180")


class PlainHTTP(HTTPAdapter):
    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def connect(local_token):
    session = requests.Session()
    session.mount(ORGPASS.replace("http://", "https://"), PlainHTTP())
    return Salesforce(instance_url=ORGPASS, session_id=local_token, session=session)
