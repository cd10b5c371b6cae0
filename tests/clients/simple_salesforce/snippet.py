import os

from simple_salesforce import Salesforce

ORGPASS = os.environ.get("ORGPASS_URL", "http://127.0.0.1:8180")


def connect(local_token):
    # Whatever the scheme, this library speaks TLS to that host and port.
    return Salesforce(instance_url=ORGPASS, session_id=local_token)
