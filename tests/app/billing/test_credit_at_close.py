"""Credit at the close of a period: what is carried, what expires, and what is never refunded."""

import asyncio
from typing import Any

import pytest

from metering.app.billing.close_periods import GRACE
from metering.app.ingest.ingest import Message
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import format_amount, parse_amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import parse_month
from metering.core.credit.credit import Bounds
from metering.core.plans.plan import Plan
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.core.tenancy.grant_records import GrantOffer
from tests.app.committing import fail
from tests.builders import body

type System = Any

SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (parse_month(f"2026-{month:02}") for month in range(9, 13))


async def use(system: System, name: str, at: Instant, dollars: int) -> None:
    """Count a request of so many USD: 1 M tokens x 10.00 a million are 10."""
    usage = {
        "prompt_tokens": 0,
        "completion_tokens": dollars * 100_000,
        "total_tokens": dollars * 100_000,
    }
    system.clock.set(max(system.clock.now(), at))
    made = body(id=name, time=format_instant(at), subject="acme", data__usage=usage)
    done = await system.ingest.batch([Message(made, "0", 0)])
    assert done.accepted == 1, done


async def set_up(system: System, at: Instant, **terms: Any) -> None:
    system.clock.set(at)
    await system.tenancy.define_plan(Plan(id="p", **terms), None)
    await system.tenancy.assign_plan("acme", "p", None)
    await system.tenancy.map_subject("acme", "acme", None)


async def close(system: System, at: Instant) -> Statement:
    """Close what is due; return the last statement, derived again from the pages."""
    system.clock.set(at)
    await system.close(at)
    found: list[Statement] = [one async for one in system.read_statements.every("acme")]
    faults = [fault async for one in system.read_statements.verify("acme") for fault in one.faults]
    assert faults == []
    return found[-1]


def amounts(statement: Statement, kind: str) -> list[str]:
    return [format_amount(line.amount) for line in statement.lines if line.kind == kind]


async def test_usage_older_than_the_first_statement_adds_its_price_and_refunds_no_minimum(
    system: System,
) -> None:
    await set_up(system, OCTOBER.start, minimum="250")
    first = await close(system, OCTOBER.end + GRACE)
    assert (first.period.name, amounts(first, "minimum")) == ("2026-10", ["250"])
    for number in range(10):
        await use(system, f"old-{number}", SEPTEMBER.start + DAY, 10)
    second = await close(system, NOVEMBER.end + GRACE)
    assert (amounts(second, "correction"), amounts(second, "minimum")) == (["100"], ["250"])
    # Nor when more of it comes later: the minimum of September is still not billed.
    await use(system, "older", SEPTEMBER.start + DAY, 7)
    third = await close(system, DECEMBER.end + GRACE)
    assert amounts(third, "correction") == ["7"]


async def test_a_grant_that_has_expired_pays_nothing_of_another_months_correction(
    system: System,
) -> None:
    # 20 of November's usage are free: 25 used on the 5th, 5 charged.
    await set_up(system, OCTOBER.start, allowance=({"amount": "20"},))
    await close(system, OCTOBER.end + GRACE)
    await use(system, "late", OCTOBER.start + DAY, 28)
    await system.tenancy.add_grant(
        GrantOffer("acme", "10", start=NOVEMBER.start, expiry=NOVEMBER.start + 9 * DAY)
    )
    await use(system, "own", NOVEMBER.start + 4 * DAY, 25)
    found = await close(system, NOVEMBER.end + GRACE)
    # October: 28 less its allowance of 20. The grant, until the 10th, pays for the 5 of the 5th.
    assert sum(map(int, amounts(found, "correction"))) == 8
    assert amounts(found, "credit") == ["-5"]
    assert format_amount(found.total) == "8"


async def test_the_order_within_the_last_instant_leaves_nothing_owed(system: System) -> None:
    await set_up(system, OCTOBER.start, base_fee="10")
    await close(system, OCTOBER.end + GRACE)
    await use(system, "late", OCTOBER.start + DAY, 10)
    general = GrantOffer("acme", "10", id="a-general", start=NOVEMBER.start)
    await system.tenancy.add_grant(general)
    await system.tenancy.add_grant(general._replace(id="b-narrow", channel="microsoft"))
    found = await close(system, NOVEMBER.end + GRACE)
    assert (amounts(found, "base_fee"), amounts(found, "correction")) == (["10"], ["10"])
    paid = {line.reference: format_amount(line.amount) for line in found.lines if line.reference}
    assert (paid, found.total) == ({"a-general": "-10", "b-narrow": "-10"}, 0)


@pytest.mark.parametrize("has_grant", [False, True])
async def test_what_is_carried_forward_is_credit_of_a_prepaid_tenant(
    system: System, *, has_grant: bool
) -> None:
    await set_up(system, OCTOBER.start, billing="prepaid")
    if has_grant:
        await system.tenancy.add_grant(GrantOffer("acme", "3", start=OCTOBER.start))
        await use(system, "a", OCTOBER.start + DAY, 3)
        assert (await system.credits.of("acme")).remaining == Bounds(0, 0)
    await system.tenancy.adjust(AdjustmentOffer("acme", "-59", "outage", "ada"))
    owed = parse_amount("59")
    # Owed from the moment on which it is made, and after it is on a statement.
    for at in (OCTOBER.start + 2 * DAY, NOVEMBER.end):
        if at > OCTOBER.end:
            statement = await close(system, OCTOBER.end + GRACE)
            # The 3 that were used are set off against the 59, so the grant has not paid them.
            assert format_amount(statement.carried["USD"]) == ("56" if has_grant else "59")
        left = await system.credits.of("acme")
        assert left.remaining == Bounds(owed, owed)
        assert set(left.by_channel.values()) == {owed}
        assert (await system.admission().of("acme")).models["gpt-4o"].verdict == "allow"
    # November uses 20 of it, and 40 more: then nothing is left.
    await use(system, "b", NOVEMBER.start + DAY, 20)
    twenty_less = parse_amount("39")
    assert (await system.credits.of("acme")).remaining == Bounds(twenty_less, twenty_less)
    await use(system, "c", NOVEMBER.start + DAY, 40)
    assert (await system.credits.of("acme")).remaining == Bounds(0, 0)


async def test_between_a_statement_and_its_account_credit_is_that_of_the_statement(
    system: System,
) -> None:
    await set_up(system, OCTOBER.start)
    await system.tenancy.add_grant(GrantOffer("acme", "10", start=OCTOBER.start))
    await use(system, "a", OCTOBER.start + DAY, 3)
    system.faulty_accounts.before.append(fail(asyncio.CancelledError()))
    system.clock.set(OCTOBER.end + GRACE)
    with pytest.raises(asyncio.CancelledError):
        await system.close(OCTOBER.end + GRACE)
    seven = parse_amount("7")
    assert (await system.credits.of("acme")).remaining == Bounds(seven, seven)
    await system.close(OCTOBER.end + GRACE)
    assert (await system.credits.of("acme")).remaining == Bounds(seven, seven)
