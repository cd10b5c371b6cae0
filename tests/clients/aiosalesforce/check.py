"""aiosalesforce, which insists on Salesforce's own host names."""

import asyncio
import itertools
import pathlib
import sys

from aiosalesforce.exceptions import SalesforceError
from snippet import connect

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import world  # noqa: E402

COUNT = itertools.count(1)


async def rows(client, soql):
    return [row async for row in client.query(soql)]


async def records(client):
    account = await client.sobject.create("Account", {"Name": f"Account {next(COUNT)}"})
    await client.sobject.update("Account", account, {"Name": "changed"})
    assert (await client.sobject.get("Account", account))["Name"] == "changed"
    await client.sobject.delete("Account", account)


async def query_of_many_pages(client):
    found = await rows(client, "SELECT Id, LastName FROM Contact")
    assert len({row["Id"] for row in found}) == 2400


async def bulk_2(client):
    result = await client.bulk_v2.insert("Account", [{"Name": "One"}, {"Name": "Two"}])
    assert len(result.successful_results) == 2, result


async def errors_of_the_org(client):
    try:
        await rows(client, "SELECT FROM")
    except SalesforceError as error:
        assert error.error_code == "MALFORMED_QUERY", error
    else:
        raise AssertionError("a query that is none was answered")


async def works(told):
    client = connect(told.token)
    for operation in [records, query_of_many_pages, bulk_2, errors_of_the_org]:
        await operation(client)
        told.session_dies()
        await operation(client)
        print("survived:", operation.__name__)


async def tenants(told):
    async def of(tenant):
        client = connect(told.tokens[tenant])
        for n in range(20):
            await client.sobject.create("Lead", {"LastName": f"{tenant} {n}"})
            if n == 10:
                told.session_dies(tenant)
            found = await rows(client, "SELECT LastName FROM Lead")
            assert [row["LastName"] for row in found] == [f"{tenant} {i}" for i in range(n + 1)]

    await asyncio.gather(of("acme"), of("globex"))


async def refused(told):
    for situation, token in told.tokens.items():
        client = connect(token)
        await world.is_refused_async(situation, lambda: rows(client, "SELECT Id FROM Account"))
        await world.is_refused_async(situation, lambda: client.bulk_v2.insert("Account", [{"Name": "never"}]))


world.main(
    works=lambda told: asyncio.run(works(told)),
    tenants=lambda told: asyncio.run(tenants(told)),
    refused=lambda told: asyncio.run(refused(told)),
)
