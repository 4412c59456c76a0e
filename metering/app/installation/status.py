"""Read the status of an installation from its store and its hubs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.billing.close_on_time import is_overdue
from metering.app.billing.close_periods import ClosePeriods
from metering.app.hubs.hub_lag import HubLags
from metering.app.installation.collect_gauges import MAX_COUNTED
from metering.app.ledger.reading import recent_heads
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.installation.status import (
    CLOSED,
    COUNTED,
    DELIVERED,
    FAULTS,
    PRICED,
    Answer,
    hub_lag,
    last_commit,
    none_of,
)
from metering.core.ledger.head import Head
from metering.ports import Clock, DeadLetterStore, EffectStore, LedgerStore

_DEAD_LETTERS: Final = "`metering dead-letters list`, then replay or drop them"
_UNPRICED: Final = "`metering prices unpriced` names the models and the reason"
_OVERDUE: Final = "`metering close` names the reason of each"
_PARKED: Final = "`metering effects list`, then `metering effects retry`"
_BROKEN: Final = "`metering verify` names each; see the runbook: a ledger that stopped"

#: Deployments that an answer names.
_MAX_NAMED: Final = 3


class Seen(NamedTuple):
    """The state of the ledgers."""

    latest: Instant | None
    """The last commit; None without any."""
    unpriced: int
    broken: int
    """Ledgers that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The use case behind `metering status`. Reads only."""

    ledgers: LedgerStore
    dead_letters: DeadLetterStore
    effects: EffectStore
    closing: ClosePeriods
    accruals: Accruals
    tenancy: Tenancy
    hub_lags: HubLags
    clock: Clock

    async def run(self) -> list[Answer]:
        """Answer every question, in order.

        Reads the heads of recent ledgers and the last statement of every tenant: one to three
        request units each.
        """
        await self.tenancy.refresh()
        heads, broken = await self._heads(self.clock.now())
        latest = max((head.committed for head in heads), default=None)
        return await self.answers(Seen(latest, _unpriced(heads), broken), await self.overdue())

    async def answers(self, seen: Seen, overdue: int | None) -> list[Answer]:
        """Answer from what is seen of the ledgers, and the overdue periods; None: not known yet."""
        now = self.clock.now()
        hub = await self.hub_lags.known()
        letters = sum((await self.dead_letters.count_dead_letters()).kept.values())
        parked = len(await self.effects.parked(MAX_COUNTED))
        lacking = await self.accruals.incomplete()
        ledgers = {ledger for of in lacking.values() for ledger in of}
        return [
            last_commit(None if seen.latest is None else max(0, now - seen.latest)),
            hub_lag(hub.lag, is_reachable=hub.is_reachable, fault=self.hub_lags.fault),
            none_of(COUNTED, letters, "dead letters", _DEAD_LETTERS),
            none_of(PRICED, seen.unpriced, "requests without a price", _UNPRICED),
            none_of(CLOSED, overdue, "periods overdue", _OVERDUE),
            none_of(DELIVERED, parked, "effects given up", _PARKED),
            none_of(
                FAULTS,
                max(seen.broken, len(ledgers)),
                "ledgers that cannot be read",
                _broken(sorted(lacking)),
            ),
        ]

    async def _heads(self, now: Instant) -> tuple[list[Head], int]:
        """Return the heads of recent ledgers, and the number of those that cannot be read."""
        found = [head async for head in recent_heads(self.ledgers, now)]
        heads = [head for head in found if head is not None]
        return heads, len(found) - len(heads)

    async def overdue(self) -> int:
        """Return the number of overdue periods. Reads the last statement of every tenant."""
        await self.tenancy.refresh()
        now = self.clock.now()
        tenants = self.tenancy.directory.tenants()
        found = [one async for one in self.closing.due(now, tenants)]
        return sum(is_overdue(one, now) or one.reason == "due" for one in found)


def _broken(lacking: Sequence[str]) -> str:
    """Say what to do, and what is incomplete meanwhile."""
    if not lacking:
        return _BROKEN
    more = f" and {len(lacking) - _MAX_NAMED} more" if len(lacking) > _MAX_NAMED else ""
    return f"{_BROKEN}; the cost of {', '.join(lacking[:_MAX_NAMED])}{more} is incomplete"


def _unpriced(heads: Sequence[Head]) -> int:
    return sum(line.unpriced for head in heads for line in head.lines.values())
