"""Explain the requests of a ledger that have no price: by model and reason."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.ledger.reading import head_of, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.ledger.rerating import as_usage
from metering.core.usage.usage import EventKey
from metering.ports import Clock, LedgerStore


class Unpriced(NamedTuple):
    """Requests of one ledger that have no price for one reason."""

    ledger: LedgerId
    model: str | None
    reason: str
    requests: int
    last_seen: Instant


@dataclass(slots=True)
class ExplainUnpriced:
    """The use case behind `metering prices unpriced`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    clock: Clock

    async def ledger(self, ledger: LedgerId) -> list[Unpriced]:
        """Return the reasons for which requests of a ledger have no price, most frequent first.

        Raises LedgerLagError if its last pages cannot be read yet, LedgerBroken if it is damaged.
        """
        await self.tenancy.refresh()
        head = await head_of(self.ledgers, ledger)
        if head is None or not any(line.unpriced for line in head.lines.values()):
            return []
        latest: dict[EventKey, Entry] = {}
        async for page in pages(self.ledgers, ledger, through=head.position):
            for entry in page.entries:
                latest.pop(entry.key, None)
                if entry.state.is_unpriced:
                    latest[entry.key] = entry
        return self._by_reason(ledger, list(latest.values()))

    def _by_reason(self, ledger: LedgerId, entries: list[Entry]) -> list[Unpriced]:
        groups: defaultdict[tuple[str | None, str], list[Instant]] = defaultdict(list)
        now, explain = self.clock.now(), self.tenancy.terms_book.why_unpriced
        for entry in entries:
            of = entry.state.dimensions
            reason = explain(as_usage(entry, now), entry.time)
            groups[of.model or of.deployment, reason].append(entry.time)
        found = (
            Unpriced(ledger, model, reason, len(times), max(times))
            for (model, reason), times in groups.items()
        )
        return sorted(found, key=lambda one: (-one.requests, one.model or "", one.reason))
