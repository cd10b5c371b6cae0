"""Heroku AppLink's SDK, which is given its tokens by a service that Orgpass stands in for."""

import asyncio
import itertools
import pathlib
import sys

import heroku_applink as sdk
from snippet import connect

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import world  # noqa: E402

COUNT = itertools.count(1)


async def records(api):
    fields = {"Name": f"Account {next(COUNT)}"}
    made = await api.create(sdk.Record(type="Account", fields=fields))
    changed = {"Id": made, "Name": "changed"}
    assert await api.update(sdk.Record(type="Account", fields=changed)) == made
    assert await api.delete("Account", made) == made


async def query_of_many_pages(api):
    page = await api.query("SELECT Id, LastName FROM Contact")
    assert page.total_size == 2400, page.total_size
    found = list(page.records)
    while not page.done:
        page = await api.query_more(page)
        found += page.records
    assert len(found) == 2400


async def unit_of_work(api):
    unit = sdk.UnitOfWork()
    account = unit.register_create(sdk.Record(type="Account", fields={"Name": "parent"}))
    contact = sdk.Record(type="Lead", fields={"LastName": "child", "Company": account})
    child = unit.register_create(contact)
    result = await api.commit_unit_of_work(unit)
    assert result[account].startswith("001") and result[child].startswith("00Q"), result


async def errors_of_the_org(api):
    try:
        await api.query("SELECT FROM")
    except Exception as error:
        assert "MALFORMED_QUERY" in repr(getattr(error, "api_errors", error)), error
    else:
        raise AssertionError("a query that is none was answered")


async def works(told):
    api = await connect("acme")
    for operation in [records, query_of_many_pages, unit_of_work, errors_of_the_org]:
        await operation(api)
        told.session_dies()
        await operation(api)
        print("survived:", operation.__name__)


async def tenants(told):
    async def of(tenant):
        api = await connect(tenant)
        for n in range(20):
            await api.create(sdk.Record(type="Lead", fields={"LastName": f"{tenant} {n}"}))
            if n == 10:
                told.session_dies(tenant)
            found = (await api.query("SELECT LastName FROM Lead")).records
            assert [row.fields["LastName"] for row in found] == [f"{tenant} {i}" for i in range(n + 1)]

    await asyncio.gather(of("acme"), of("globex"))


async def refused(told):
    for situation in told.tokens:

        async def attempt():
            return await (await connect(situation)).query("SELECT Id FROM Account")

        await world.is_refused_async(situation, attempt)


world.main(
    works=lambda told: asyncio.run(works(told)),
    tenants=lambda told: asyncio.run(tenants(told)),
    refused=lambda told: asyncio.run(refused(told)),
)
