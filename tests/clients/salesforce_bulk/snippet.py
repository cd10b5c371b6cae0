import os

from salesforce_bulk import SalesforceBulk

ORGPASS = os.environ.get("ORGPASS_URL", "http://127.0.0.1:8180")


def connect(local_token):
    return SalesforceBulk(sessionId=local_token, host=ORGPASS)
