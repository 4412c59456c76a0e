"""Watches the ledgers for new entries from any process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.ledger.reading import pages
from metering.bootstrap import App
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import START, Position
from metering.core.ledger.entry import Entry, State
from metering.core.usage.buckets import TOKENS


class Arrival(NamedTuple):
    """A committed entry. `balance` is the tenant's amount including it."""

    tenant: str
    entry: Entry
    balance: Amount
    currency: str

    @property
    def tokens(self) -> int:
        """The tokens of the entry; those of a hold are an estimate."""
        return sum(self.entry.state.buckets[TOKENS])


@dataclass(slots=True)
class _Place:
    """The position in a ledger, and the amount up to there."""

    through: Position = START
    amount: Amount = 0


class Watch:
    """Reads new entries of the ledgers of now and of a day ago.

    Memory is bounded by the tenants and one page, however much arrives.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._places: dict[LedgerId, _Place] = {}

    async def begin(self) -> None:
        """Start after the entries committed so far."""
        for ledger in await self._ledgers():
            stored = await self._app.ledgers.read_head(ledger)
            if stored is not None:
                self._places[ledger] = _Place(stored.head.position, stored.head.amount)

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """Yield entries committed since the last call, by ledger, in the order of pages."""
        ledgers = await self._ledgers()
        self._places = {one: place for one, place in self._places.items() if one in ledgers}
        for ledger in ledgers:
            stored = await self._app.ledgers.read_head(ledger)
            place = self._places.setdefault(ledger, _Place())
            if stored is None:
                continue
            currency = self._app.tenancy.directory.plan_for(ledger).currency
            last = stored.head.position
            async for page in pages(self._app.ledgers, ledger, since=place.through, through=last):
                place.through = Position(page.number, page.hash)
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
    """Return the change that an entry makes to the amount of its ledger."""
    return sum(sign * _amount(state) for state, _, sign in entry.changes())


def _amount(state: State) -> Amount:
    return 0 if state.is_hold else state.amount or 0
