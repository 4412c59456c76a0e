"""Every timer of the function app, with one of ten ledgers broken: nine tenants notice nothing.

The timers are those of the app: a new one is run here as soon as it is in its table.
"""

from metering.core.basics.instants import DAY
from metering.triggers.timers import TIMERS
from tests.app.bounds.ten import PERIOD, SICK, TENANTS, is_told
from tests.systems import System

HEALTHY = sorted(set(TENANTS) - {SICK})
#: Every period of the month is closed: within its grace and patience.
DUE = PERIOD.end + 5 * DAY


async def test_every_timer_goes_on_and_closes_the_others(sick: System) -> None:
    sick.clock.set(DUE)
    # Twice: what a first run leaves to the next one, such as a lag, is not left for ever.
    for _ in range(2):
        for timer in TIMERS:
            await timer.work(sick.app)
    closed = [one for one in HEALTHY if await sick.read_statements.of(one, PERIOD) is not None]
    assert closed == HEALTHY
    assert is_told(sick)
    numbered = [one async for one in sick.app.stores.statements.statements(HEALTHY[0])]
    assert len(numbered) == 1
