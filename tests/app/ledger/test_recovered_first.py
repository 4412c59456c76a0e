"""A request that a log told first counts once, whichever source the policy's event names."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from tests.builders import AT, body
from tests.gateway_logs import take_in

type System = Any

LOGGED = {"source": "/logs/test", "data__evidence": "recovered"}
ONE = "0.0035"


async def amount(system: System) -> str:
    total = 0
    for ledger in await system.verify.ledgers("sub-1"):
        verdict = await system.verify.one(ledger)
        assert verdict.faults == ()
        total += verdict.amount
    return format_amount(total)


@pytest.mark.parametrize("is_one_batch", [True, False])
async def test_a_policys_event_corrects_it_and_repeats_change_nothing(
    make_system: Callable[[], System], is_one_batch: object
) -> None:
    system = make_system()
    policy = body(source="/apim/other")
    if is_one_batch:
        await take_in(system.ingest, body(**LOGGED), body(**LOGGED), policy, policy)
    else:
        await take_in(system.ingest, body(**LOGGED))
        await take_in(system.ingest, policy)
    assert await amount(system) == ONE
    # Another process, which has none of it in memory, answers the same.
    other = make_system()
    for again in (policy, body(**LOGGED), policy, body(source="/apim/third")):
        await take_in(other.ingest, again)
    assert await amount(other) == ONE
    balance = await other.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.total.totals_only) == (1, 0)


async def test_other_requests_nearby_count_for_themselves(system: System) -> None:
    await take_in(system.ingest, body(**LOGGED))
    await take_in(system.ingest, body(id="r-2"), body(id="r-3", source="/apim/other"))
    assert await amount(system) == "0.0105"


async def test_other_content_is_a_conflict_under_the_name_that_it_came_with(
    system: System,
) -> None:
    await take_in(system.ingest, body(**LOGGED))
    await take_in(system.ingest, body(source="/apim/other"))
    changed = body(source="/apim/other", data__use_case="else")
    await take_in(system.ingest, changed)
    (letter,) = await system.letters.latest(10)
    assert (letter.code, letter.body) == ("id_conflict", changed)
    assert await amount(system) == ONE


@pytest.mark.parametrize(
    ("logged", "policy"),
    [
        ("2026-10-31T23:59:59Z", "2026-11-01T00:00:01Z"),
        ("2026-11-01T00:00:01Z", "2026-10-31T23:59:59Z"),
    ],
)
async def test_it_is_corrected_over_the_edge_of_a_period(
    system: System, logged: str, policy: str
) -> None:
    await take_in(system.ingest, body(**LOGGED, time=logged))
    await take_in(system.ingest, body(source="/apim/other", time=policy))
    assert await amount(system) == ONE


async def test_an_id_under_a_producers_own_source_is_another_request(system: System) -> None:
    own = {"source": "/app/search", "producer": "app:1"}
    nothing = {"prompt_tokens": 0, "completion_tokens": 0}
    await take_in(system.ingest, body(**LOGGED))
    await take_in(system.ingest, body(**own, data__usage=nothing))
    assert await amount(system) == ONE
    # Nor can it say that a log told of a request whose event is still to come.
    await take_in(system.ingest, body(id="r-2", data__evidence="recovered", **own))
    pending = body(id="r-2", data__evidence="estimated")
    await take_in(system.ingest, pending)
    balance = await system.read.balance("sub-1", month_of(AT))
    assert balance.total.requests == 4
