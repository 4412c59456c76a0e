"""The timer `close_periods`: what is due is closed, and what is overdue is told, once a run."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from metering.app.billing.close_on_time import CloseOnTime
from metering.app.billing.close_periods import GRACE, Ahead, Closed, ClosePeriods, Waiting
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import parse_month
from tests.app.billing.test_close_periods import DUE, System, use

NOVEMBER = parse_month("2026-11")


def on_time(system: System) -> CloseOnTime:
    """Return the timer's use case as a process that has just started has it."""
    return CloseOnTime(system.close_periods(), system.clock, system.alerts)


async def test_what_is_due_by_the_clock_is_closed_and_nobody_is_told(system: System) -> None:
    await use(system, "a")
    system.clock.set(DUE)
    await on_time(system).run()
    assert await system.read_statements.of("acme", NOVEMBER) is not None
    assert system.alerts.messages == []


async def test_hubs_that_hold_a_period_back_for_a_day_are_told_in_one_message(
    system: System,
) -> None:
    await use(system, "a")
    await use(system, "b", subject="beta")
    system.progress.until = DUE - 1
    system.clock.set(DUE + DAY - 1)
    await on_time(system).run()
    assert system.alerts.messages == []
    system.clock.set(DUE + DAY)
    await on_time(system).run()
    reason = "events up to 2026-12-02T00:00:00Z are still being counted"
    assert system.alerts.messages == [
        f"close overdue: acme 2026-11: {reason}; beta 2026-11: {reason}"
    ]
    system.progress.until = DUE
    await on_time(system).run()
    assert len(system.alerts.messages) == 1
    assert await system.read_statements.of("beta", NOVEMBER) is not None


async def test_what_waits_within_its_time_is_not_told(system: System) -> None:
    await use(system, "a", data__model="gpt-99", data__deployment="gpt-99")
    system.clock.set(NOVEMBER.end + GRACE - 1)
    await on_time(system).run()
    system.clock.set(DUE + DAY)
    await on_time(system).run()
    assert system.alerts.messages == []


class Found(ClosePeriods):
    """Closing that finds what a test wants."""

    def __init__(self, *found: Waiting, fault: Exception | None = None) -> None:
        self._found = found
        self._fault = fault

    async def run(
        self, at: Instant, tenants: Sequence[str] | None = None, *, ahead: Ahead | None = None
    ) -> AsyncIterator[Closed | Waiting]:
        assert (at, tenants, ahead) == (DUE, None, None)
        for one in self._found:
            yield one
        if self._fault:
            raise self._fault


@pytest.fixture
def told(system: System) -> Any:
    system.clock.set(DUE)

    async def run(*found: Waiting, fault: Exception | None = None) -> list[str]:
        await CloseOnTime(Found(*found, fault=fault), system.clock, system.alerts).run()
        messages: list[str] = system.alerts.messages
        return messages

    return run


async def test_a_period_past_its_latest_time_is_told_and_one_for_somebody_to_act_on_is_not(
    told: Any,
) -> None:
    found = (Waiting("a", "2026-11", "x", DUE), Waiting("b", "2026-11", "y", DUE + 1))
    broken = Waiting("c", "", "told where it was found")
    assert await told(*found, broken) == ["close overdue: a 2026-11: x"]


async def test_of_many_the_first_are_told_by_name(told: Any) -> None:
    many = [Waiting(f"t-{number}", "2026-11", "x", BEGINNING) for number in range(12)]
    (message,) = await told(*many)
    assert message.endswith("; t-9 2026-11: x; and 2 more")
    assert "t-10" not in message


async def test_a_run_that_is_cut_short_has_told_what_it_saw(system: System, told: Any) -> None:
    with pytest.raises(RetryableError):
        await told(Waiting("a", "2026-11", "x", DUE), fault=RetryableError("busy"))
    assert system.alerts.messages == ["close overdue: a 2026-11: x"]
