"""aiosfstream-ng, whose HTTP client keeps no cookies for an address."""

import asyncio
import itertools
import pathlib
import sys

from snippet import connect

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import world  # noqa: E402

ORDERS = "/event/Order__e"
EXPIRIES = 10


def define(told, tenant):
    told.call("event-types", {"org_id": told.orgs[tenant], "channel": ORDERS, "example": {"Number__c": "text"}})


def publish(told, number, tenant="acme"):
    told.call("events", {"org_id": told.orgs[tenant], "channel": ORDERS, "events": [{"Number__c": number}]})


async def receives(client, number):
    message = await asyncio.wait_for(client.receive(), 60)
    assert message["data"]["payload"]["Number__c"] == number, (message, number)


async def works(told):
    define(told, "acme")
    numbers = (f"order {n}" for n in itertools.count())
    async with connect(told.token, {}) as client:
        await client.subscribe(ORDERS)
        for _ in range(EXPIRIES):
            before, after = next(numbers), next(numbers)
            publish(told, before)
            await receives(client, before)
            # While a poll is held; what is published until the client is back is kept by the org.
            told.session_dies()
            publish(told, after)
            await receives(client, after)
            print("survived: receives")


async def tenants(told):
    async def of(tenant):
        define(told, tenant)
        async with connect(told.tokens[tenant], {}) as client:
            await client.subscribe(ORDERS)
            for n in range(10):
                publish(told, f"{tenant} {n}", tenant)
                await receives(client, f"{tenant} {n}")
                if n == 5:
                    told.session_dies(tenant)

    await asyncio.gather(of("acme"), of("globex"))


async def survives(told):
    """Ten expiries, and a new start of Orgpass between them."""
    define(told, "acme")
    async with connect(told.token, {}) as client:
        await client.subscribe(ORDERS)
        for n in range(EXPIRIES + 1):
            publish(told, f"before {n}")
            await receives(client, f"before {n}")
            if n == 5:
                await asyncio.to_thread(told.asks, "restart")
            else:
                told.session_dies()
            publish(told, f"after {n}")
            await receives(client, f"after {n}")


async def troubled(told):
    """Trouble comes while the client waits for events."""
    for situation, token in told.tokens.items():
        define(told, situation)
        async with connect(token, {}) as client:
            await client.subscribe(ORDERS)
            publish(told, "before", situation)
            await receives(client, "before")
            await asyncio.to_thread(told.asks, situation)
            await world.is_refused_async(situation, lambda: asyncio.wait_for(client.receive(), 60))


async def outage(told):
    define(told, "acme")
    async with connect(told.token, {}) as client:
        await client.subscribe(ORDERS)
        publish(told, "before")
        await receives(client, "before")
        await asyncio.to_thread(told.asks, "outage")
        publish(told, "after")
        await asyncio.to_thread(told.asks, "end of the outage")
        await receives(client, "after")


async def refused(told):
    async def attempt(token):
        async with connect(token, {}) as client:
            await client.subscribe(ORDERS)

    for situation, token in told.tokens.items():
        await world.is_refused_async(situation, lambda: attempt(token))


world.main(
    works=lambda told: asyncio.run(works(told)),
    tenants=lambda told: asyncio.run(tenants(told)),
    survives=lambda told: asyncio.run(survives(told)),
    refused=lambda told: asyncio.run(refused(told)),
    troubled=lambda told: asyncio.run(troubled(told)),
    outage=lambda told: asyncio.run(outage(told)),
)
