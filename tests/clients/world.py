"""What the scripts of all Python clients share: the test's world, and how a script's parts are run.

A script has a `connect(token)` from its snippet, and for each part that the test asks for one function."""

import json
import os
import sys
import time
import urllib.request


class World:
    """What the test told the script, and what the script may do to the org."""

    def __init__(self):
        told = json.loads(os.environ["TEST_WORLD"])
        self.control = told["control"]
        self.orgs = told["orgs"]
        self.tokens = told["tokens"]
        self.token = os.environ.get("ORGPASS_TOKEN")

    def session_dies(self, tenant="acme"):
        """All sessions of the tenant's org end, as Salesforce ends them: without a word."""
        self.call("expire", {"org_id": self.orgs[tenant]})

    def asks(self, what):
        """Has the test do something, and returns when that is done."""
        print("asks:", what, flush=True)
        assert sys.stdin.readline() == "done\n"

    def call(self, name, body):
        request = urllib.request.Request(self.control + name, json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def each_survives(world, client, operations):
    """Runs every operation, and again with a session that has just died."""
    for operation in operations:
        operation(client)
        world.session_dies()
        operation(client)
        print("survived:", operation.__name__)


def is_refused(situation, attempt):
    """Tells how the client shows a refusal, and how long it took."""
    began = time.monotonic()
    try:
        shown = {"returned": repr(attempt())}
    except Exception as error:  # whatever the library raises is what its user sees
        shown = raised(error)
    print(json.dumps({"situation": situation, "seconds": time.monotonic() - began, **shown}))


async def is_refused_async(situation, attempt):
    """The same for what is awaited."""
    began = time.monotonic()
    try:
        shown = {"returned": repr(await attempt())}
    except Exception as error:
        shown = raised(error)
    print(json.dumps({"situation": situation, "seconds": time.monotonic() - began, **shown}))


def raised(error):
    more = [getattr(error, name, "") for name in ("content", "api_errors")]
    return {"raised": type(error).__name__, "text": f"{error} {more}"}


def main(**parts):
    part = sys.argv[1]
    parts[part](World())
    print("end of", part)
