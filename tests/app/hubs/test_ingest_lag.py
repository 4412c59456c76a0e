"""How far counting is behind, as somebody sees it who looks at an installation."""

import pytest

from metering.app.hubs.hub_lag import NoHubs
from metering.app.hubs.ingest_lag import MEMORY, IngestLag
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.dated import BEGINNING
from tests.builders import NOW
from tests.systems import MovableClock


class Hubs:
    """Hubs as they are, at the edge of what is ours."""

    def __init__(self, counted_until: Instant | Exception) -> None:
        self.known = counted_until
        self.asked = 0

    async def counted_until(self) -> Instant:
        self.asked += 1
        if isinstance(self.known, Exception):
            raise self.known
        return self.known


@pytest.mark.parametrize(
    ("known", "lag"),
    [
        (NOW - 90 * SECOND, 90 * SECOND),
        (NOW, 0),
        (NOW + SECOND, 0),
        (BEGINNING, None),
        (RetryableError("out of reach"), None),
        (ConfigurationError("not set"), None),
    ],
)
async def test_the_lag_is_how_long_ago_was_published_what_is_counted(
    known: Instant | Exception, lag: Instant | None
) -> None:
    hubs = Hubs(known)
    assert await IngestLag(lambda: hubs, MovableClock(NOW)).look() == lag


async def test_hubs_are_not_asked_by_every_look() -> None:
    clock, hubs = MovableClock(NOW), Hubs(NOW)
    lag = IngestLag(lambda: hubs, clock)
    assert [await lag.look() for _ in range(3)] == [0, 0, 0]
    clock.set(NOW + MEMORY - 1)
    assert (await lag.look(), hubs.asked) == (0, 1)
    clock.set(NOW + MEMORY)
    assert (await lag.look(), hubs.asked) == (MEMORY, 2)
    # A clock that was set back does not keep an answer.
    clock.set(NOW)
    assert (await lag.look(), hubs.asked) == (0, 3)


async def test_without_hubs_there_is_no_lag() -> None:
    assert await IngestLag(NoHubs, MovableClock(NOW)).look() == 0
