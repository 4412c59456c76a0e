"""What the tests of the committer share: one ledger, and how to commit to it."""

from collections.abc import Callable
from typing import Any

from metering.app.ledger.committer import Committed
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.usage.usage import Usage
from tests.builders import AT, rating

LEDGER = LedgerId("acme", month_of(AT).start)
EDGE = parse_instant("2026-11-01T00:00:00Z")
OCTOBER = LedgerId("acme", month_of(EDGE - 1).start)
RATE = rating()

type System = Any


async def commit(system: System, *usages: Usage, ledger: LedgerId = LEDGER) -> Committed:
    done = await system.committer.commit(ledger, usages, RATE)
    assert isinstance(done, Committed)
    return done


async def amount(system: System, ledger: LedgerId = LEDGER) -> str:
    verdict = await system.verify.one(ledger)
    assert verdict.faults == ()
    return format_amount(verdict.amount)


def fail(error: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise error

    return raise_it
