"""Responses from a cache of the gateway, as its logs tell of them."""

from typing import Any

import pytest

from metering.core.basics.instants import MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log, take_in

type System = Any

#: A hit: no backend was called.
STORED = gateway_record(cache="hit", backendId=...)


async def total(system: System) -> Any:
    system.clock.set(NOW + 15 * MINUTE + 1)
    await system.recover.run()
    return (await system.read.balance("sub-1", month_of(AT))).total


async def test_a_hit_that_no_policy_reported_is_counted_at_no_charge(system: System) -> None:
    await take_in(system.join, log(llm_record(), STORED))
    line = await total(system)
    assert (line.requests, line.from_cache, line.not_billable, sum(line.tokens)) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    "record",
    [
        gateway_record(cache="none"),
        gateway_record(cache="miss", backendId=...),
        # A policy may have found a value in a cache and a model was asked all the same.
        gateway_record(cache="hit", backendId=..., backendResponseCode=200),
        gateway_record(cache="hit", backendId=..., backendTime=831),
        gateway_record(cache="hit"),
    ],
)
async def test_a_request_of_which_a_backend_was_asked_is_charged(
    system: System, record: Any
) -> None:
    await take_in(system.join, log(llm_record(), record))
    line = await total(system)
    assert (line.requests, line.from_cache) == (1, 0)
    balance = await system.read.balance("sub-1", month_of(AT))
    # 1,000 x 2.5 + 100 x 10 = 3,500 per million
    assert format_amount(balance.amount) == "0.0035"


@pytest.mark.parametrize("step", [1, -1])
async def test_a_hit_that_a_policy_reported_is_never_charged_by_its_log(
    system: System, step: int
) -> None:
    reported = body(data__cache="hit", data__tokens="absent", data__usage=None)
    logged = log(llm_record(), gateway_record())
    for use_case, content in [(system.ingest, reported), (system.join, logged)][::step]:
        await take_in(use_case, content)
    line = await total(system)
    assert (line.requests, line.from_cache, sum(line.tokens)) == (1, 1, 0)
