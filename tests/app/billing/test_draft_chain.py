"""Drafts after periods that are not closed: each bills its own usage, and a grant pays once."""

from dataclasses import replace
from typing import Any

import pytest

from metering.app.billing.close_periods import GRACE
from metering.app.billing.draft_chain import MAX_OPEN
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.billing.statement import Statement
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import parse_month
from metering.core.tenancy.grant_records import GrantOffer
from tests.app.billing.test_credit_at_close import amounts, set_up, use

type System = Any

OCTOBER, NOVEMBER, DECEMBER, JANUARY = map(
    parse_month, ("2026-10", "2026-11", "2026-12", "2027-01")
)


async def draft(system: System, period: Any) -> Statement:
    found: Statement = (await system.read_statements.draft("acme", period)).statement
    return found


def content(statement: Statement) -> Statement:
    """Return a statement without what only the close can know."""
    return replace(statement, closed=0, previous="", hash="")


async def test_a_grant_pays_once_over_periods_that_are_not_closed(system: System) -> None:
    await set_up(system, OCTOBER.start, minimum="5")
    await system.tenancy.add_grant(GrantOffer("acme", "10", start=OCTOBER.start))
    await use(system, "a", OCTOBER.start + DAY, 8)
    await use(system, "b", NOVEMBER.start + DAY, 7)
    await use(system, "c", DECEMBER.start + DAY, 6)
    # The grant pays the 8 of October and 2 of November's 7; December's 6 are owed.
    drafts = [await draft(system, one) for one in (OCTOBER, NOVEMBER, DECEMBER)]
    assert [format_amount(one.total) for one in drafts] == ["0", "5", "6"]
    assert [amounts(one, "usage") for one in drafts] == [["8"], ["7"], ["6"]]
    assert [amounts(one, "credit") for one in drafts] == [["-8"], ["-2"], []]
    assert [amounts(one, "correction") for one in drafts] == [[], [], []]
    assert [one.number for one in drafts] == [1, 2, 3]
    assert await system.read_statements.latest("acme") is None
    # With October closed the others are as before, and the closes write what was drafted.
    at = OCTOBER.end + GRACE
    await system.close(at)
    assert content(await draft(system, DECEMBER)) == content(drafts[2])
    system.clock.set(DECEMBER.end + GRACE)
    await system.close(DECEMBER.end + GRACE)
    closed = [one async for one in system.read_statements.every("acme")]
    assert [content(one) for one in closed] == [content(one) for one in drafts]


async def test_a_draft_is_refused_before_its_period_and_after_too_many_open_ones(
    system: System,
) -> None:
    await set_up(system, OCTOBER.start)
    with pytest.raises(ConfigurationError, match="'acme': period 2026-11 has not begun"):
        await draft(system, NOVEMBER)
    await system.tenancy.set_calendar("acme", Calendar(cycle="daily"), None)
    system.clock.set(OCTOBER.start + 500 * DAY)
    await system.tenancy.refresh()
    period_at = system.tenancy.directory.period_at
    days = [period_at("acme", OCTOBER.start)]
    while len(days) < MAX_OPEN + 2:
        days.append(period_at("acme", days[-1].end))
    assert (await draft(system, days[MAX_OPEN])).number == MAX_OPEN + 1
    with pytest.raises(ConfigurationError, match="more than 53 periods before .* are not closed"):
        await draft(system, days[MAX_OPEN + 1])
