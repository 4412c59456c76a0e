"""Credit that runs low: who is told when, and the date at which it runs out."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import DAY, Instant, format_instant, parse_instant
from metering.core.basics.money import parse_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.effect import EffectKind, describe
from metering.core.plans.plan import Plan, read_plan
from metering.core.tenancy.decisions import assign_plan, define_plan
from metering.core.tenancy.grant_records import GrantOffer, give_grant
from tests.builders import AT, NOW, body, recorded

type System = Any

NOVEMBER = month_of(AT).start
OCTOBER = month_of(NOVEMBER - 1).start
LEDGER = LedgerId("acme", NOVEMBER)
CAP = {"metric": "tokens", "window": "period", "scope": {"model": "gpt-4o"}, "limit": "1000"}


async def put_under(system: System, **terms: Any) -> None:
    await system.tenancy.define_plan(read_plan("p", {"id": "plan", **terms}), None)
    await system.tenancy.assign_plan("acme", "plan", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def use(system: System, name: str, at: Instant = AT) -> None:
    """Use 0.0035 USD and 1,100 tokens."""
    made = body(id=name, time=format_instant(at), subject="sub-1")
    await system.ingest.batch([Message(made, "0", 0)])


async def give(system: System, amount: str, **terms: Any) -> None:
    await system.tenancy.add_grant(GrantOffer("acme", amount, **terms))


async def told(system: System) -> list[str]:
    assert not (await system.verify.one(LEDGER)).faults
    due = await system.effects.due(system.clock.now(), 100)
    return [describe(one.effect) for one in due if one.effect.kind is EffectKind.LOW_CREDIT]


@pytest.mark.parametrize(
    ("terms", "number"),
    [
        ({}, 0),
        ({"low_credit": {"percent": 29}}, 0),
        # 0.003 of 0.01 are left.
        ({"low_credit": {"percent": 30}}, 1),
        ({"low_credit": {"amount": "0.0029"}}, 0),
        ({"low_credit": {"amount": "0.003"}}, 1),
    ],
)
async def test_it_is_told_at_the_threshold_and_without_one_never(
    system: System, terms: dict[str, Any], number: int
) -> None:
    await put_under(system, **terms)
    await give(system, "0.01", start=NOVEMBER)
    await use(system, "a")
    await use(system, "b")
    assert await system.enforce.run() == number
    assert len(await told(system)) == number


async def test_nothing_is_told_before_a_grant_begins_or_the_period_has_usage(
    system: System,
) -> None:
    await put_under(system, billing="prepaid", low_credit={"percent": 50})
    assert await system.enforce.run() == 0
    await use(system, "a")
    assert await system.enforce.run() == 0
    await give(system, "1", start=NOW + DAY)
    assert (await system.enforce.run(), await told(system)) == (0, [])


async def test_credit_that_is_used_up_is_told_without_a_date(system: System) -> None:
    await put_under(system, low_credit={"amount": "0"})
    await give(system, "0.001", start=NOVEMBER)
    await use(system, "a")
    assert await system.enforce.run() == 1
    (text,) = await told(system)
    assert text.endswith("credit is low: 0 of 0.001 USD left, at most 0 is low")


async def test_a_new_quota_and_low_credit_are_noted_together(system: System) -> None:
    await put_under(system)
    await give(system, "0.004", start=NOVEMBER)
    await use(system, "a")
    await put_under(system, low_credit={"percent": 50}, quotas=[CAP])
    system.clock.set(NOW + DAY)
    assert await system.enforce.run() == 1
    due = [one.effect.kind for one in await system.effects.due(NOW + 2 * DAY, 9)]
    assert sorted(due) == [EffectKind.LOW_CREDIT, EffectKind.QUOTA]
    assert await system.enforce.run() == 0
    assert len(await told(system)) == 1


async def test_where_only_the_credit_has_changed_no_page_is_read(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_under(system, low_credit={"percent": 50}, quotas=[CAP])
    await give(system, "0.004", start=NOVEMBER)
    await use(system, "a")
    with monkeypatch.context() as patch:
        patch.setattr(system.store, "pages", None)
        assert await system.enforce.run() == 1
    stored = await system.store.read_head(LEDGER)
    assert [one.used for one in stored.head.counts.used.values()] == [1100]
    assert len(await told(system)) == 1


async def test_a_plan_that_tells_no_more_forgets_that_it_was_told(system: System) -> None:
    await put_under(system, low_credit={"percent": 50})
    await give(system, "0.004", start=NOVEMBER)
    await use(system, "a")
    assert await system.enforce.run() == 1
    await put_under(system)
    system.clock.set(NOW + DAY)
    assert await system.enforce.run() == 1
    stored = await system.store.read_head(LEDGER)
    assert stored.head.counts.past.low_credit is None
    assert len(await told(system)) == 1


async def runs_out(system: System) -> Instant | None:
    found: Instant | None = (await system.app.forecasts.of("acme")).credit.runs_out
    return found


async def test_a_period_that_has_just_begun_is_forecast_with_the_one_before(
    system: System,
) -> None:
    system.clock.set(NOVEMBER - 11 * DAY)
    await put_under(system)
    await give(system, "0.0105", start=OCTOBER)
    await use(system, "a", NOVEMBER - 11 * DAY)
    system.clock.set(NOVEMBER + DAY)
    await use(system, "b", NOVEMBER + DAY)
    # 0.007 in the 31 days of October and one of November: 0.0035 more in another 16 days.
    assert await runs_out(system) == NOVEMBER + 17 * DAY
    system.clock.set(NOVEMBER + 3 * DAY)
    # From a tenth of November on, it alone: 0.0035 in 3 days.
    assert await runs_out(system) == NOVEMBER + 6 * DAY


async def test_usage_in_another_currency_is_no_rate(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.clock.set(NOVEMBER - 11 * DAY)
    await put_under(system)
    await use(system, "a", NOVEMBER - 11 * DAY)
    directory, euro = system.tenancy.directory, Plan(id="euro", currency="EUR")
    now = NOVEMBER - 10 * DAY
    directory.apply([recorded(define_plan(directory, euro, now, 0))])
    directory.apply([recorded(assign_plan(directory, "acme", "euro", now, NOVEMBER))])
    offer = GrantOffer("acme", "1", currency="EUR")
    directory.apply([recorded(give_grant(directory, offer, NOVEMBER + DAY))])
    monkeypatch.setattr(Tenancy, "refresh", _nothing)
    system.clock.set(NOVEMBER + DAY)
    found = await system.credits.forecast("acme")
    assert (found.currency, found.granted, found.runs_out) == ("EUR", 10**18, None)


async def _nothing(_: Tenancy) -> None:
    """Replace the refresh: these records are in this process only."""


async def test_without_earlier_usage_a_few_requests_are_the_rate(system: System) -> None:
    system.clock.set(NOVEMBER + DAY)
    await put_under(system)
    await give(system, "0.0105")
    await use(system, "a", NOVEMBER + DAY)
    # 0.0035 a day; 0.007 are left.
    assert await runs_out(system) == NOVEMBER + 3 * DAY
    found = await system.credits.where_used("acme")
    assert found.remaining.at_least == parse_amount("0.007")
    assert found.grants[0].runs_out == parse_instant("2026-11-04T00:00:00Z")


async def test_a_tenant_without_credit_has_no_date(system: System) -> None:
    await put_under(system)
    assert (await system.app.forecasts.of("acme")).credit is None
