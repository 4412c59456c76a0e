"""Low credit on every store: told once until it is above again, and then once more."""

from collections.abc import Callable

from metering.app.hubs.batch import Message
from metering.bootstrap import Stores
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.effect import Effect, EffectKind, describe
from metering.core.plans.plan import read_plan
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import AT, NOW, body
from tests.systems import System

NOVEMBER = LedgerId("acme", month_of(AT).start)
DECEMBER = LedgerId("acme", month_of(AT).end)


async def use(system: System, name: str, at: Instant = AT) -> None:
    """Use 0.0035 USD: 1,000 x 2.50 + 100 x 10 per million."""
    made = body(id=name, time=format_instant(at), subject="sub-1")
    assert (await system.ingest.batch([Message(made, "0", 0)])).accepted == 1


async def told(system: System, ledger: LedgerId) -> list[Effect]:
    assert not (await system.verify.one(ledger)).faults
    found = (await system.app.tenant_alerts.of(ledger)).effects
    return [one for one in found if one.kind is EffectKind.LOW_CREDIT]


async def test_low_credit_is_told_once_over_periods_and_again_after_new_credit(
    make_stores: Callable[[], Stores],
) -> None:
    system, other = System(make_stores()), System(make_stores())
    plan = read_plan("p", {"id": "pre", "billing": "prepaid", "low_credit": {"percent": 40}})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "pre", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.add_grant(GrantOffer("acme", "0.01", start=NOVEMBER.start))
    await use(system, "a")
    # 0.0065 of 0.01 is more than 40 %.
    assert (await system.enforce.run(), await told(system, NOVEMBER)) == (0, [])
    await use(system, "b")
    assert await system.enforce.run() == 1
    (first,) = await told(system, NOVEMBER)
    # 0.007 in 19.5 days: 0.003 lasts for 3/7 of that, 722,057.14 s.
    assert describe(first) == (
        "acme|2026-11-01T00:00:00Z: credit is low: 0.003 of 0.01 USD left, at most 0.004 is low,"
        " used up by 2026-11-28T20:34:17.142858Z at this rate"
    )
    assert (await system.enforce.run(), await other.enforce.run()) == (0, 0)
    assert await told(other, NOVEMBER) == [first]

    for one in (system, other):
        one.clock.set(NOW + 12 * DAY)
    # The commit that begins December takes over that it has been told.
    await use(system, "c", NOW + 12 * DAY)
    assert (await system.enforce.run(), await told(system, DECEMBER)) == (0, [])
    await system.tenancy.add_grant(GrantOffer("acme", "0.01"))
    # 0.0095 of 0.02 is more than 0.008.
    assert (await other.enforce.run(), await told(other, DECEMBER)) == (1, [])
    assert await other.enforce.run() == 0
    await use(other, "d", NOW + 12 * DAY)
    assert await system.enforce.run() == 1
    (second,) = await told(system, DECEMBER)
    assert "0.006 of 0.02 USD left, at most 0.008 is low" in describe(second)
    assert await other.enforce.run() == 0
