"""Switches and spikes: verdicts that hold for some time, and end by themselves."""

from typing import Any

from metering.core.basics.instants import HOUR, MINUTE, format_instant
from metering.core.quotas.decision import Verdict
from tests.app.quotas.test_admission import CAP, ask, ingest, on_plan, verdicts
from tests.builders import NOW, body, price_file

type System = Any

#: NOW is a Friday, noon in UTC.
LUNCH = {"from": "11:30", "to": "13:00"}
MINI = {"model": "mini", "per_million_tokens": {"input": "0.15", "output": "0.6"}}


async def with_mini(system: System, *more: dict[str, Any]) -> None:
    await system.tenancy.publish_prices("v2", price_file(MINI, *more, version="v2"))


async def test_a_model_is_switched_in_its_hours_and_the_document_ends_with_them(
    system: System,
) -> None:
    await with_mini(system)
    switch = {"model": "gpt-4o", "action": {"downgrade": "mini"}, **LUNCH}
    await on_plan(system, switches=[switch])
    found = await ask(system)
    assert verdicts(found) == {"gpt-4o": "downgrade"}
    told = found.document("gpt-4o")
    assert (told["to"], told["reason"]) == ("mini", "scheduled")
    assert told["resets_at"] == "2026-11-20T13:00:00Z"
    system.clock.set(NOW + HOUR - 10_000_000)
    assert (await ask(system)).cache_s == 10
    system.clock.set(NOW + HOUR)
    assert verdicts(await ask(system)) == {}


async def test_a_switch_to_what_is_blocked_blocks_and_a_quota_comes_before_it(
    system: System,
) -> None:
    await with_mini(system)
    switch = {"action": {"downgrade": "mini"}, **LUNCH}
    none_left = {**CAP, "scope": {"model": "mini"}, "limit": "0"}
    await on_plan(system, switches=[switch], quotas=[none_left, {**CAP, "limit": "0.0035"}])
    found = await ask(system)
    assert (found.overall.verdict, found.overall.reason) == (Verdict.BLOCK, "scheduled")
    await ingest(system, body())
    system.clock.set(NOW + MINUTE)
    assert (await ask(system)).overall.reason == "quota_reached"


async def test_a_model_that_is_cheaper_than_the_stand_in_is_blocked_unless_told(
    system: System,
) -> None:
    nano = {"model": "nano", "per_million_tokens": {"input": "0.1", "output": "0.4"}}
    await with_mini(system, nano)
    await on_plan(system, switches=[{"action": {"downgrade": "mini"}, **LUNCH}])
    found = await ask(system)
    assert found.overall.verdict is Verdict.DOWNGRADE
    assert verdicts(found) == {"mini": "allow", "nano": "block"}
    # The order of models is kept for some minutes, then read again.
    system.clock.set(NOW + MINUTE)
    assert verdicts(await ask(system)) == {"mini": "allow", "nano": "block"}


async def test_a_dearer_stand_in_that_is_meant_takes_every_model(system: System) -> None:
    await with_mini(system)
    up = {"action": {"downgrade": "gpt-4o", "dearer": True}, **LUNCH}
    await on_plan(system, switches=[up])
    assert verdicts(await ask(system)) == {"gpt-4o": "allow"}


async def test_a_prepaid_tenant_without_credit_has_one_verdict_and_no_list(
    system: System,
) -> None:
    await with_mini(system)
    await on_plan(system, billing="prepaid")
    found = await ask(system)
    assert (found.overall.reason, found.models) == ("credit_used_up", {})


async def spiked(system: System, **rule: object) -> None:
    """Let the hour before noon be unusual after eight days of usual ones."""
    await with_mini(system)
    await on_plan(system, spike={"factor": "3", "least": "0.001", **rule})
    times = (NOW - MINUTE - hour * HOUR for hour in range(8 * 24, 0, -1))
    usual = [body(id=f"u-{time}", time=format_instant(time)) for time in times]
    much = {"prompt_tokens": 100_000, "completion_tokens": 0}
    await ingest(system, *usual, body(id="much", data__usage=much))


async def test_a_spike_may_block_until_some_minutes_after_its_hour(system: System) -> None:
    await spiked(system, action="block", minutes=30)
    found = (await ask(system)).document()
    assert (found["verdict"], found["reason"]) == ("block", "spike")
    assert (found["resets_at"], found["retry_after_s"]) == ("2026-11-20T12:30:00Z", 1_800)
    system.clock.set(NOW + 30 * MINUTE)
    assert (await ask(system)).overall.verdict is Verdict.ALLOW


async def test_a_spike_may_send_down_to_another_model(system: System) -> None:
    await spiked(system, action={"downgrade": "mini"})
    found = await ask(system)
    assert (found.overall.verdict, found.overall.to) == (Verdict.DOWNGRADE, "mini")
    assert verdicts(found) == {"mini": "allow"}


async def test_a_spike_that_only_notifies_changes_no_verdict(system: System) -> None:
    await spiked(system)
    assert (await ask(system)).overall.verdict is Verdict.ALLOW
