"""Unit economics from the events on: outcomes once, costs by hand, and nothing else moved."""

import json
from pathlib import Path
from typing import Any

import pytest

from metering.app.billing.close_periods import GRACE
from metering.app.hubs.batch import Tally
from metering.app.ingest.ingest import Message
from metering.app.reports.unit_economics import UnitCosts, UnitEconomics
from metering.core.basics.errors import Code, ConfigurationError
from metering.core.basics.instants import DAY, MINUTE, format_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import (
    ALL_DAYS,
    Days,
    LedgerId,
    days_between,
    month_of,
    parse_month,
)
from metering.core.exports.delivery_manifest import Window
from metering.core.plans.plan import Plan, read_plan
from metering.core.quotas.decision import quota_states
from metering.core.reports.breakdown import GROUPS
from metering.core.reports.unit_economics import Status, shown_cost
from tests.app.focusing import export, rows_in
from tests.builders import AT, NOW, body, outcome_event, price_file

type System = Any

NOVEMBER = parse_month("2026-11")
LEDGER = LedgerId("acme", NOVEMBER.start)
TARGET = {"use_case": "support", "outcome": "ticket_resolved", "cost": "0.004"}


def outcome(**changes: Any) -> bytes:
    return json.dumps(outcome_event(subject="acme", **changes)).encode()


def request(**changes: Any) -> bytes:
    """Return a request of 1,000 x 2.50 + 100 x 10 a million = 0.0035 USD."""
    return body(**{"subject": "acme", "data__use_case": "support", **changes})


async def ingest(system: System, *bodies: bytes) -> Tally:
    tally = await system.ingest.batch([Message(content, "0", 0) for content in bodies])
    assert isinstance(tally, Tally)
    return tally


async def put_on(system: System, **terms: Any) -> None:
    plan = read_plan("plan.yaml", {"id": "team", **terms})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "team", None)
    await system.tenancy.map_subject("acme", "acme", None)


def economics(system: System) -> UnitEconomics:
    return UnitEconomics(system.read, system.tenancy, system.clock)


async def costs(system: System) -> UnitCosts:
    return await economics(system).of_period("acme", NOVEMBER)


def told(found: UnitCosts) -> list[tuple[str | None, str | None, int, str | None, Status]]:
    return [
        (
            case.name,
            one.outcome,
            one.number,
            None if one.cost is None else shown_cost(one.cost),
            one.status,
        )
        for case in found.use_cases
        for one in case.outcomes
    ]


async def test_an_outcome_counts_once_however_often_it_comes(system: System) -> None:
    await put_on(system, targets=[TARGET])
    first = [outcome(), outcome(id="o-2", data__count=2), request(), request(id="r-2")]
    assert (await ingest(system, *first, outcome())).accepted == 4
    again = await ingest(system, *reversed(first), outcome(source="/APP/Desk"))
    assert (again.accepted, again.duplicates) == (0, 5)
    # A request may have the id of an outcome, and another source its own.
    more = await ingest(system, request(id="o-1"), outcome(source="/app/other"))
    assert (more.accepted, more.duplicates) == (2, 0)
    # 3 x 0.0035 for 1 + 2 + 1 tickets = 0.0105 / 4
    resolved = ("support", "ticket_resolved", 4, "0.002625", Status.ON_TARGET)
    assert told(await costs(system)) == [resolved]
    assert (await system.verify.one(LEDGER)).faults == ()
    # The rollup says the same, alone and with pages after it.
    assert await system.roll_up.run() == 2
    assert told(await costs(system)) == [resolved]
    await ingest(system, outcome(id="o-3", time="2026-11-19T09:00:00Z"))
    # 0.0105 / 5
    five = ("support", "ticket_resolved", 5, "0.0021", Status.ON_TARGET)
    assert told(await costs(system)) == [five]
    assert (await system.verify.one(LEDGER)).faults == ()


async def test_an_id_with_another_count_is_set_aside(system: System) -> None:
    tally = await ingest(system, outcome(), outcome(data__count=2))
    assert (tally.accepted, tally.rejected) == (1, {Code.ID_CONFLICT: 1})


async def test_a_bad_outcome_is_set_aside_with_its_field_and_the_others_count(
    system: System,
) -> None:
    tally = await ingest(system, outcome(), outcome(id="o-2", data__use_case=...))
    assert (tally.accepted, tally.rejected) == (1, {Code.MISSING_FIELD: 1})
    (letter,) = await system.dead_letters.list_dead_letters(10)
    assert letter.reason == "data.use_case: Field required"


async def test_nothing_that_is_paid_or_limited_sees_an_outcome(system: System) -> None:
    quota = {"metric": "requests", "window": "day", "limit": "2", "action": "block"}
    await put_on(system, quotas=[quota], request_fee="1")
    await ingest(system, request(), *(outcome(id=f"o-{number}") for number in range(5)))
    balance = await system.read.balance("acme", NOVEMBER)
    assert (balance.total.requests, balance.total.unpriced, len(balance.models)) == (1, 0, 1)
    # 0.0035 and one request fee.
    assert format_amount(balance.charge.total) == "1.0035"
    assert [one.used for one in quota_states(balance.head.counts, NOW, NOVEMBER)] == [1]
    (row,) = await system.read.usage("acme", NOVEMBER, GROUPS)
    assert row.line.requests == 1


async def test_no_line_of_a_statement_is_about_an_outcome(system: System) -> None:
    await put_on(system)
    await ingest(system, request(), outcome())
    await system.close(NOVEMBER.end + GRACE)
    found = [one async for one in system.read_statements.every("acme")]
    lines = [line for statement in found for line in statement.lines if line.kind == "usage"]
    assert {line.model for line in lines} == {"gpt-4o"}
    (november,) = [one for one in found if one.ledger == LEDGER]
    assert sum(november.provenance.values()) == 1
    assert november.price_versions == ("v1",)
    faults = [fault async for one in system.read_statements.verify("acme") for fault in one.faults]
    assert faults == []


async def test_a_focus_export_has_no_row_of_an_outcome(system: System, tmp_path: Path) -> None:
    await put_on(system)
    await ingest(system, request(), outcome())
    await system.close(NOVEMBER.end + GRACE)
    await export(system, tmp_path, Window("2026-11"))
    used = [row["SkuId"] for row in rows_in(tmp_path, "2026-11") if row["ConsumedQuantity"]]
    assert sorted(used) == ["gpt-4o/input", "gpt-4o/output"]


async def test_usage_without_a_price_makes_the_cost_at_least_that(system: System) -> None:
    await put_on(system, targets=[TARGET])
    await ingest(system, request(), request(id="r-2", data__model="gpt-99"), outcome())
    found = await costs(system)
    # 0.0035 and more.
    assert told(found) == [("support", "ticket_resolved", 1, "0.0035", Status.UNKNOWN)]
    assert found.use_cases[0].is_at_least


async def test_days_are_added_up_over_periods_and_may_end_inside_one(system: System) -> None:
    await put_on(system)
    for number, day in enumerate(("10-30", "10-31", "11-01", "11-02")):
        at = f"2026-{day}T12:00:00Z"
        await ingest(
            system,
            request(id=f"r-{number}", time=at),
            outcome(id=f"o-{number}", time=at, data__count=number + 1),
        )
    span = days_between(NOVEMBER.start - DAY, NOVEMBER.start + DAY)
    assert span == Days("2026-10-31", "2026-11-02")
    from_pages = await economics(system).of("acme", span)
    await system.roll_up.run()
    found = await economics(system).of("acme", span)
    assert told(found) == told(from_pages)
    # 2 x 0.0035 for 2 + 3 = 0.0014
    assert told(found) == [("support", "ticket_resolved", 5, "0.0014", Status.NO_TARGET)]
    assert [of.ledger.start for of in found.read] == [month_of(AT).start - 31 * DAY, LEDGER.start]
    none = await economics(system).of("acme", Days("2026-09-01", "2026-09-02"))
    assert (none.use_cases, none.read, none.currency) == ((), (), "USD")
    everything = await economics(system).of("acme", ALL_DAYS)
    # 4 x 0.0035 for 1 + 2 + 3 + 4
    assert told(everything)[0][2:4] == (10, "0.0014")


async def test_the_target_is_the_one_at_the_end_of_the_span_or_of_now(system: System) -> None:
    await put_on(system, targets=[TARGET])
    await ingest(system, request(), outcome())
    later = NOW + DAY
    lower = read_plan("plan.yaml", {"id": "team", "targets": [{**TARGET, "cost": "0.003"}]})
    await system.tenancy.define_plan(lower, later)
    # 0.0035 is above 80 % of 0.004, and more than 0.003.
    assert told(await costs(system))[0][4] is Status.NEAR
    system.clock.set(later)
    assert told(await costs(system))[0][4] is Status.OVER
    until = Days("2026-11-20", "2026-11-21")
    assert told(await economics(system).of("acme", until))[0][4] is Status.NEAR


async def test_currencies_are_never_added_up(system: System) -> None:
    await put_on(system)
    await ingest(system, request(), outcome())
    december = parse_month("2026-12").start
    await system.tenancy.publish_prices("eur", price_file({}, version="eur", currency="EUR"))
    await system.tenancy.define_plan(Plan(id="team", currency="EUR"), december)
    system.clock.set(december + MINUTE)
    with pytest.raises(ConfigurationError, match="'acme': days in USD and EUR"):
        await economics(system).of("acme", ALL_DAYS)
    assert (await costs(system)).currency == "USD"


async def test_an_answer_says_as_of_when_it_is_and_how_far_it_was_rolled_up(
    system: System,
) -> None:
    assert (await costs(system)).read[0][1:] == (0, 0, None, None)
    await ingest(system, request())
    await system.roll_up.run()
    system.clock.set(NOW + MINUTE)
    await ingest(system, outcome())
    (of,) = (await costs(system)).read
    assert (of.ledger, of.page, of.rolled_up) == (LEDGER, 2, 1)
    assert (of.rolled_up_to, of.committed) == (NOW, NOW + MINUTE)
    assert format_instant(NOW) == "2026-11-20T12:00:00Z"
    _, (same,) = await system.read.usage_of_days("acme", ALL_DAYS, ("day",))
    assert same == of
