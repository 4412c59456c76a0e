"""How far counting is behind, for whoever asks often and waits briefly."""

import asyncio

import pytest

from metering.app.hubs.hub_lag import MEMORY, HubLag, HubLags, NoHubs, WatchHubs
from metering.core.basics.errors import (
    ConfigurationError,
    InvariantBroken,
    MeteringError,
    RetryableError,
)
from metering.core.basics.instants import MINUTE, SECOND, Instant
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.installation.metrics import Histogram
from metering.ports import NO_LABELS, HubProgress, Labels
from metering.ports.telemetry import Silent
from tests.builders import NOW
from tests.systems import MovableClock


class Hubs:
    """Hubs that answer when they are let."""

    def __init__(self, until: Instant | MeteringError) -> None:
        self.until = until
        self.looks = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def counted_until(self) -> Instant:
        self.looks += 1
        await self.answers.wait()
        if isinstance(self.until, MeteringError):
            raise self.until
        return self.until


async def test_an_answer_is_kept_for_half_a_minute() -> None:
    hubs, clock = Hubs(NOW - 5 * SECOND), MovableClock(NOW)
    lags = HubLags(progress=lambda: hubs, clock=clock)
    assert await lags.known() == HubLag(5 * SECOND, is_reachable=True)
    clock.set(NOW + MEMORY - 1)
    assert await lags.known() == HubLag(5 * SECOND + MEMORY - 1, is_reachable=True)
    assert hubs.looks == 1
    hubs.until = clock.now()
    clock.set(NOW + MEMORY)
    assert await lags.known() == HubLag(1, is_reachable=True)
    assert hubs.looks == 2


async def test_a_clock_that_was_set_back_does_not_keep_an_answer_and_no_lag_is_negative() -> None:
    hubs, clock = Hubs(NOW + SECOND), MovableClock(NOW)
    lags = HubLags(progress=lambda: hubs, clock=clock)
    assert await lags.known() == HubLag(0, is_reachable=True)
    clock.set(NOW - 1)
    assert await lags.known() == HubLag(0, is_reachable=True)
    assert hubs.looks == 2


async def test_before_anything_is_counted_the_lag_is_unknown() -> None:
    lags = HubLags(progress=lambda: Hubs(BEGINNING), clock=MovableClock(NOW))
    assert await lags.known() == HubLag(None, is_reachable=True)


async def test_without_hubs_nothing_is_late() -> None:
    assert await HubLags(progress=lambda: Hubs(FOREVER), clock=MovableClock(NOW)).known() == HubLag(
        0, True
    )


async def test_many_who_ask_share_one_look_and_wait_briefly() -> None:
    hubs = Hubs(NOW)
    hubs.answers.clear()
    lags = HubLags(progress=lambda: hubs, clock=MovableClock(NOW), wait_s=0.01)
    asked = await asyncio.gather(*(lags.known() for _ in range(50)))
    assert set(asked) == {HubLag(None, is_reachable=True)}
    # The look goes on, and the next one who asks has what it found.
    hubs.answers.set()
    assert await lags.known() == HubLag(0, is_reachable=True)
    assert hubs.looks == 1
    await lags.close()


@pytest.mark.parametrize("fault", [RetryableError("busy"), ConfigurationError("no role")])
async def test_what_was_counted_is_remembered_while_hubs_are_out_of_reach(
    fault: MeteringError,
) -> None:
    hubs, clock = Hubs(fault), MovableClock(NOW)
    lags = HubLags(progress=lambda: hubs, clock=clock)
    assert await lags.known() == HubLag(None, is_reachable=False)
    assert lags.fault == str(fault)
    hubs.until = NOW
    clock.set(NOW + MINUTE)
    assert await lags.known() == HubLag(MINUTE, is_reachable=True)
    assert not lags.fault
    hubs.until = fault
    clock.set(NOW + 2 * MINUTE)
    assert await lags.known() == HubLag(2 * MINUTE, is_reachable=False)


async def test_settings_that_name_half_of_the_hubs_are_no_error_here() -> None:
    def unset() -> HubProgress:
        raise ConfigurationError("GatewayLogsHub__fullyQualifiedNamespace: is not set")

    assert await HubLags(progress=unset, clock=MovableClock(NOW)).known() == HubLag(
        None, is_reachable=False
    )


async def test_a_bug_is_not_taken_for_a_hub_out_of_reach() -> None:
    lags = HubLags(progress=lambda: Hubs(InvariantBroken("a bug")), clock=MovableClock(NOW))
    with pytest.raises(InvariantBroken):
        await lags.known()


async def test_closing_breaks_a_look_off() -> None:
    hubs = Hubs(BEGINNING)
    hubs.answers.clear()
    lags = HubLags(progress=lambda: hubs, clock=MovableClock(NOW), wait_s=0.01)
    await lags.known()
    await lags.close()
    assert len(asyncio.all_tasks()) == 1


async def test_without_hubs_nothing_is_behind() -> None:
    recorded: list[float] = []

    class Told(Silent):
        def record(self, name: Histogram, value: float, labels: Labels = NO_LABELS) -> None:  # noqa: ARG002
            recorded.append(value)

    await WatchHubs(NoHubs, MovableClock(NOW), Told()).run()
    assert recorded == []
