"""Watches the ledgers: every entry as it is committed, whoever committed it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from metering.bootstrap import App
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry, State
from metering.core.usage.buckets import TOKENS


class Arrival(NamedTuple):
    """An entry that was committed. `balance` is the tenant's amount with it."""

    tenant: str
    entry: Entry
    balance: Amount
    currency: str

    @property
    def tokens(self) -> int:
        """The tokens it states; those of a hold are an estimate."""
        return sum(self.entry.state.buckets[TOKENS])


@dataclass(slots=True)
class _Place:
    """How far a ledger was read, and what it came to there."""

    pages: int
    amount: Amount


class Watch:
    """Reads what is new in the ledgers of now and of yesterday.

    Memory is bounded by the tenants and one page, however much arrives.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._places: dict[LedgerId, _Place] = {}

    async def begin(self) -> None:
        """Take what is there by now as seen."""
        for ledger in await self._ledgers():
            stored = await self._app.ledgers.read_head(ledger)
            if stored is not None:
                self._places[ledger] = _Place(stored.head.pages, stored.head.amount)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield what was committed since the last call; by ledger, in the order of its pages."""
        ledgers = await self._ledgers()
        self._places = {one: place for one, place in self._places.items() if one in ledgers}
        for ledger in ledgers:
            stored = await self._app.ledgers.read_head(ledger)
            place = self._places.setdefault(ledger, _Place(0, 0))
            if stored is None or stored.head.pages == place.pages:
                continue
            currency = self._app.tenancy.directory.plan_for(ledger).currency
            async for page in self._app.ledgers.pages(ledger, after=place.pages):
                place.pages = page.number
                for entry in page.entries:
                    place.amount += _change(entry)
                    yield Arrival(ledger.tenant, entry, place.amount, currency)

    async def _ledgers(self) -> list[LedgerId]:
        """Return the ledgers that usage of now, or of a day ago, belongs to."""
        now: Instant = self._app.clock.now()
        tenants = await self._app.read.tenants()
        period_at = self._app.tenancy.directory.period_at
        return [
            LedgerId(tenant, start)
            for tenant in tenants
            for start in sorted({period_at(tenant, at).start for at in (now - DAY, now)})
        ]


def _change(entry: Entry) -> Amount:
    """Return what an entry changes the amount of its ledger by."""
    return sum(sign * _amount(state) for state, _, sign in entry.changes())


def _amount(state: State) -> Amount:
    return 0 if state.is_hold else state.amount or 0
