"""Ledger views: the cached head and recent event ids of a ledger, between commits."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import SOME_RECOVERED, Known, KnownBySlot
from metering.core.ledger.entry import any_source
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EventKey

#: Entries cached per process, over all ledgers: about 100 MB.
MAX_ENTRIES: Final = 100_000
#: The weight of a view without entries, in entries.
_VIEW_WEIGHT: Final = 20


@dataclass(slots=True)
class LedgerView:
    """One ledger as last read. It is dropped as a whole if the store contradicts it."""

    head: Head
    entries: int = field(init=False, default=0)
    _slots: dict[Slot, dict[EventKey, Known]] = field(init=False, default_factory=dict)

    @property
    def ledger(self) -> LedgerId:
        """The ledger that this is a view of."""
        return self.head.ledger

    def missing(self, slots: Iterable[Slot]) -> list[Slot]:
        """Return the slots that are not cached."""
        return [slot for slot in slots if slot not in self._slots]

    def learn(self, slots: Sequence[Slot], pages: Iterable[Page]) -> None:
        """Cache these slots from all their pages, given in order."""
        for slot in slots:
            self._slots.setdefault(slot, {})
        for page in pages:
            self._take(page)

    def advance(self, head: Head, pages: Iterable[Page]) -> None:
        """Apply a later commit; pages of slots that are not cached are ignored."""
        self.head = head
        for page in pages:
            if page.slot in self._slots:
                self._take(page)

    def known(self, slots: Iterable[Slot]) -> KnownBySlot:
        """Return the latest entry of each event in these slots."""
        return {slot: self._slots.get(slot, {}) for slot in slots}

    def _take(self, page: Page) -> None:
        places = zip(repeat(page), range(len(page.entries)), strict=False)
        slot = self._slots[page.slot]
        slot.update(zip([entry.key for entry in page.entries], places, strict=True))
        for row, entry in enumerate(page.entries):
            name = any_source(entry.key)
            is_told = entry.state.evidence is Evidence.RECOVERED
            is_recovered = is_told or (entry.supersedes and name in slot)
            if is_recovered and not entry.state.dimensions.is_of_producer:
                slot[name] = slot[SOME_RECOVERED] = (page, row)
        self.entries += len(page.entries)


class Views:
    """The views of a process, with least-recently-used eviction."""

    def __init__(self) -> None:
        self._views: OrderedDict[LedgerId, LedgerView] = OrderedDict()

    def get(self, ledger: LedgerId) -> LedgerView | None:
        """Return the cached view of a ledger; None without one."""
        view = self._views.get(ledger)
        if view is not None:
            self._views.move_to_end(ledger)
        return view

    def put(self, view: LedgerView) -> None:
        """Cache a view."""
        self._views[view.ledger] = view
        self._views.move_to_end(view.ledger)

    def forget(self, ledger: LedgerId) -> None:
        """Drop a view: its head and ids are only valid together."""
        self._views.pop(ledger, None)

    def trim(self) -> None:
        """Evict the least recently used views until the rest fits."""
        entries = sum(view.entries + _VIEW_WEIGHT for view in self._views.values())
        while entries > MAX_ENTRIES:
            _, view = self._views.popitem(last=False)
            entries -= view.entries + _VIEW_WEIGHT
