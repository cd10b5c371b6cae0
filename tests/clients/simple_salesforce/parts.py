"""What simple-salesforce is asked to do."""

import io
import itertools
import pathlib
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor

from simple_salesforce.exceptions import SalesforceError

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import world  # noqa: E402

MANIFEST = """<?xml version="1.0" encoding="UTF-8"?>
<Package xmlns="http://soap.sforce.com/2006/04/metadata">
  <types><members>Hello</members><name>ApexClass</name></types><version>59.0</version>
</Package>"""
CLASS = """<?xml version="1.0" encoding="UTF-8"?>
<ApexClass xmlns="http://soap.sforce.com/2006/04/metadata">
  <apiVersion>59.0</apiVersion><status>Active</status>
</ApexClass>"""

COUNT = itertools.count(1)


def a_name():
    """A name that no other record has."""
    return f"Account {next(COUNT)}"


def fails(code, attempt):
    try:
        attempt()
    except SalesforceError as error:
        assert code in str(error.content), error
    else:
        raise AssertionError(f"no {code}")


def records(sf):
    name = a_name()
    account = sf.Account.create({"Name": name})
    assert account["success"]
    assert sf.Account.update(account["id"], {"Name": f"{name} & Sons"}) == 204
    assert sf.Account.get(account["id"])["Name"] == f"{name} & Sons"
    assert sf.Account.delete(account["id"]) == 204
    fails("NOT_FOUND", lambda: sf.Account.get(account["id"]))


def upsert_by_external_id(sf):
    # A value that must arrive as it is written.
    key = f"Number__c/{a_name()} ä%2F+(1)"
    assert sf.Account.upsert(key, {"Name": "first"}) == 201
    assert sf.Account.upsert(key, {"Name": "second"}) == 200


def query_of_many_pages(sf):
    headers = {"Sforce-Query-Options": "batchSize=500"}
    found = sf.query_all("SELECT Id, LastName FROM Contact", headers=headers)
    assert found["totalSize"] == 2400
    assert len({row["Id"] for row in found["records"]}) == 2400


def describe(sf):
    described = sf.Account.describe()
    assert described["name"] == "Account" and described["fields"]
    assert any(known["name"] == "Account" for known in sf.describe()["sobjects"])


def errors_of_the_org(sf):
    fails("MALFORMED_QUERY", lambda: sf.query("SELECT FROM"))
    fails("REQUIRED_FIELD_MISSING", lambda: sf.Account.create({}))


def limits(sf):
    assert sf.limits()["DailyApiRequests"]["Max"] > 0
    assert sf.api_usage["api-usage"].total > 0


def bulk_1(sf):
    names = [a_name(), a_name()]
    made = sf.bulk.Account.insert([{"Name": name} for name in names])
    assert [row["success"] for row in made] == [True, True], made
    changed = sf.bulk.Account.update([{"Id": row["id"], "Name": "renamed"} for row in made])
    assert [row["success"] for row in changed] == [True, True], changed
    assert sf.Account.get(made[0]["id"])["Name"] == "renamed"
    assert len(sf.bulk.Contact.query("SELECT Id FROM Contact")) == 2400


def bulk_2(sf):
    names = [a_name(), a_name()]
    (job,) = sf.bulk2.Account.insert(records=[{"Name": name} for name in names])
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 0), job
    succeeded = sf.bulk2.Account.get_successful_records(job["job_id"])
    assert all(name in succeeded for name in names), succeeded
    pages = list(sf.bulk2.Contact.query("SELECT Id FROM Contact", max_records=500))
    assert sum(len(page.splitlines()) - 1 for page in pages) == 2400, [len(page) for page in pages]


def metadata(sf):
    """Over zeep, which makes a session of its own: it cannot be given a transport."""
    kinds = [kind["xmlName"] for kind in sf.mdapi.describe_metadata()["metadataObjects"]]
    assert "CustomObject" in kinds, kinds
    label = sf.mdapi.CustomLabel
    name = f"Label{next(COUNT)}"
    label.create([label(fullName=name, language="en_US", protected=False, shortDescription="s", value="&amp;<")])
    assert label.read([name])["value"] == "&amp;<"
    label.delete([name])


def deployment(sf):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("package.xml", MANIFEST)
        files.writestr("classes/Hello.cls", "public class Hello {}")
        files.writestr("classes/Hello.cls-meta.xml", CLASS)
    archive.seek(0)
    job = sf.deploy(archive, sandbox=False)
    status = sf.checkDeployStatus(job["asyncId"])
    assert status["state"] == "Succeeded", status


OPERATIONS = [
    records,
    upsert_by_external_id,
    query_of_many_pages,
    describe,
    errors_of_the_org,
    limits,
    bulk_1,
    bulk_2,
]
# Those that are SOAP.
METADATA = [metadata, deployment]


def tenants(told, connect):
    """Each tenant has a client and a thread, and sees what it has written itself."""

    def works(tenant):
        sf = connect(told.tokens[tenant])
        for n in range(20):
            sf.Lead.create({"LastName": f"{tenant} {n}"})
            if n == 10:
                told.session_dies(tenant)
            found = sf.query("SELECT LastName FROM Lead")["records"]
            assert [row["LastName"] for row in found] == [f"{tenant} {i}" for i in range(n + 1)]

    with ThreadPoolExecutor() as pool:
        list(pool.map(works, ["acme", "globex"]))


def refused(told, connect, with_metadata):
    for situation, token in told.tokens.items():
        sf = connect(token)
        world.is_refused(situation, lambda: sf.query("SELECT Id FROM Account"))
        world.is_refused(situation, lambda: sf.Account.get("001000000000001"))
        world.is_refused(situation, lambda: sf.bulk.Account.insert([{"Name": "never"}]))
        world.is_refused(situation, lambda: sf.bulk2.Account.insert(records=[{"Name": "never"}]))
        if with_metadata:
            world.is_refused(situation, lambda: sf.mdapi.describe_metadata())


def play(connect, with_metadata):
    operations = OPERATIONS + (METADATA if with_metadata else [])
    world.main(
        works=lambda told: world.each_survives(told, connect(told.token), operations),
        tenants=lambda told: tenants(told, connect),
        refused=lambda told: refused(told, connect, with_metadata),
    )
