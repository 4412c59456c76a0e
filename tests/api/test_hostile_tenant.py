"""One hostile tenant beside nine ordinary ones: none is refused, miscounted or charged more.

`python -m benchmarks --hostile` measures the same at full size.
"""

import asyncio
from collections import Counter

import pytest

from metering import bootstrap
from metering.adapters.clock import FixedClock
from metering.core.basics.errors import Code
from metering.settings.http import Http
from tests.api.served import OF_ACME, Served
from tests.builders import NOW, body

ORDINARY = [f"ordinary-{n}" for n in range(9)]
#: Members of the hostile tenant, and of the ordinary ones.
HOSTILE = range(201, 205)
MEMBERS = dict(zip(ORDINARY, range(101, 110), strict=True))
#: 1,000 x 2.5 + 100 x 10 per million: a request; each ordinary tenant sends two.
TWO = "0.007"


def person(number: int) -> str:
    return f"user:00000000-0000-0000-0000-{number:012x}"


@pytest.fixture
def http(http: Http) -> Http:
    return http._replace(rate_limit=50)


@pytest.fixture
async def app(app: bootstrap.App) -> bootstrap.App:
    """Let no time pass, so that no limit fills up again: it is 100 requests at once."""
    app.sign_in.clock = FixedClock(NOW)
    for name, number in MEMBERS.items():
        await app.tenancy.map_subject(name, name, None)
        await app.tenancy.set_member(person(number), name)
    for number in HOSTILE:
        await app.tenancy.set_member(person(number), "acme")
    return app


async def attack(api: Served, answers: Counter[tuple[str, int]]) -> None:
    async def send(kind: str, path: str, token: str, number: int) -> None:
        for n in range(number):
            answer = await api.ask("GET", path.format(n), token)
            answers[kind, answer.status_code] += 1

    groups = ("day", "model", "use_case", "end_user")
    reads = [
        send("usage", f"/api/me/usage?group_by={','.join(groups[n:])}", api.tenant(number), 120)
        for n, number in enumerate(HOSTILE)
    ]
    await asyncio.gather(
        *reads,
        send("wrong token", "/api/me/usage", "wrong", 150),
        send("made-up name", "/api/admission/made-up-{}", api.tenant(OF_ACME), 150),
        api.count(*(body(id=f"h-{n}", data__end_user="x" * 240 + f"{n}") for n in range(300))),
        api.count(*(b'{"source": "/apim/hostile-%d"}' % (n % 3) for n in range(90))),
    )


async def ask_as_ordinary(api: Served) -> None:
    """Ask twice for each tenant, as a gateway and as its member."""
    gateway = api.gateway()
    for name, number in [*MEMBERS.items()] * 2:
        asked = await api.ask("GET", f"/api/admission/{name}", gateway)
        assert (asked.status_code, asked.json()["verdict"]) == (200, "allow")
        balance = await api.get("/api/me/balance", api.tenant(number))
        assert (balance["tenant"], balance["amount"]) == (name, TWO)


async def statements_of_a_balance(api: Served) -> int:
    """Return how many statements the store runs for a balance of an ordinary tenant."""
    database = api.app.stores.registry._database  # type: ignore[attr-defined]  # noqa: SLF001
    seen: list[str] = []
    await api.get("/api/me/balance", api.tenant(MEMBERS["ordinary-0"]))
    database._connection.set_trace_callback(seen.append)  # noqa: SLF001
    await api.get("/api/me/balance", api.tenant(MEMBERS["ordinary-0"]))
    database._connection.set_trace_callback(None)  # noqa: SLF001
    return len(seen)


async def test_nine_ordinary_tenants_beside_a_hostile_one_see_nothing_of_it(api: Served) -> None:
    await api.count(*(body(id=f"{name}-{n}", subject=name) for name in ORDINARY for n in range(2)))
    alone = await statements_of_a_balance(api)
    answers = Counter[tuple[str, int]]()
    attacking = asyncio.create_task(attack(api, answers))
    await ask_as_ordinary(api)
    await attacking
    await ask_as_ordinary(api)
    assert await statements_of_a_balance(api) <= alone + 1
    # The flood of what is refused was limited, and what the others sent counts once.
    assert (answers["wrong token", 401], answers["wrong token", 429]) == (100, 50)
    assert (answers["made-up name", 403], answers["made-up name", 429]) == (100, 50)
    assert answers["usage", 200] <= 4 * 100
    letters = (await api.app.dead_letters.counts()).kept
    assert set(letters) <= {Code.MISSING_FIELD, Code.NOT_CLOUDEVENTS}
    for name in ORDINARY:
        (verdict,) = [
            await api.app.verify.one(ledger) for ledger in await api.app.verify.ledgers(name)
        ]
        assert verdict.faults == ()
