"""`seed.py keys` makes the demo's key files; `seed.py app` connects an org of the simulator and calls it."""

import base64
import json
import os
import pathlib
import secrets
import sys
import time
import urllib.error
import urllib.request

KEYS = pathlib.Path(os.environ.get("KEYS", "/keys"))
TOKEN = "demo-token-that-is-no-secret-at-all-0123456789"
CLIENT_SECRET = "demo-client-secret"
SIMULATOR = "http://127.0.0.1:8190/__sim/"
HUB = "http://127.0.0.1:8182/v1/tenants/acme/connection"
PROXY = "http://127.0.0.1:8180/services/data/v67.0/limits"


def make_keys():
    files = {"hub-tokens": f"app {TOKEN}", "client-secret": CLIENT_SECRET}
    for name in ("session.keys", "grant.keys"):
        files[name] = f"{secrets.token_hex(4)}:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    for name, text in files.items():
        path = KEYS / name
        if not path.exists():
            path.write_text(text + "\n")
        path.chmod(0o600)
        os.chown(path, 65532, 65532)


def call(method, url, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def connect():
    call("POST", SIMULATOR + "apps", {"client_id": "demo", "client_secret": CLIENT_SECRET, "name": "Demo"})
    org = call("POST", SIMULATOR + "orgs", {"name": "Acme"})
    user = call("POST", SIMULATOR + "users", {"org_id": org["org_id"], "username": "admin@acme.example"})
    tokens = call("POST", SIMULATOR + "authorize", {"client_id": "demo", "user_id": user["user_id"]})
    imported = {"instance_url": org["instance_url"], "refresh_token": tokens["refresh_token"]}
    print(call("PUT", HUB, imported, Authorization=f"Bearer {TOKEN}"), flush=True)


def run():
    connect()
    while True:
        try:
            answer = call("GET", PROXY, **{"Orgpass-Tenant": "acme"})
            print("limits:", len(answer), flush=True)
        except urllib.error.HTTPError as refused:
            print(refused.code, refused.read().decode(), flush=True)
        time.sleep(1)


{"keys": make_keys, "app": run}[sys.argv[1]]()
