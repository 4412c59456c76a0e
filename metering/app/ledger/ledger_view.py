"""What a process remembers of a ledger between commits: the head and the ids of some slots."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Final

from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Known, KnownBySlot
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.usage.usage import EventKey

#: Entries remembered per process, over all ledgers: about 100 MB.
MAX_ENTRIES: Final = 100_000
#: What a view weighs by itself, in entries.
_VIEW_WEIGHT: Final = 20


@dataclass(slots=True)
class LedgerView:
    """One ledger as last seen. Forgotten as a whole whenever its store says otherwise."""

    head: Head
    entries: int = field(init=False, default=0)
    _slots: dict[Slot, dict[EventKey, Known]] = field(init=False, default_factory=dict)

    @property
    def ledger(self) -> LedgerId:
        """The ledger that this is a view of."""
        return self.head.ledger

    def missing(self, slots: Iterable[Slot]) -> list[Slot]:
        """Return those slots whose entries are not remembered."""
        return [slot for slot in slots if slot not in self._slots]

    def learn(self, slots: Sequence[Slot], pages: Iterable[Page]) -> None:
        """Remember these slots: all their pages, given in order."""
        for slot in slots:
            self._slots.setdefault(slot, {})
        for page in pages:
            self._take(page)

    def advance(self, head: Head, pages: Iterable[Page]) -> None:
        """Take over what was committed since; pages of slots that are not remembered stay so."""
        self.head = head
        for page in pages:
            if page.slot in self._slots:
                self._take(page)

    def known(self, slots: Iterable[Slot]) -> KnownBySlot:
        """Return the latest entries by event of these slots."""
        return {slot: self._slots.get(slot, {}) for slot in slots}

    def _take(self, page: Page) -> None:
        places = zip(repeat(page), range(len(page.entries)), strict=False)
        self._slots[page.slot].update(
            zip([entry.key for entry in page.entries], places, strict=True)
        )
        self.entries += len(page.entries)


class Views:
    """The views of a process, least recently used forgotten first."""

    def __init__(self) -> None:
        self._views: OrderedDict[LedgerId, LedgerView] = OrderedDict()

    def get(self, ledger: LedgerId) -> LedgerView | None:
        """Return what is remembered of a ledger."""
        view = self._views.get(ledger)
        if view is not None:
            self._views.move_to_end(ledger)
        return view

    def put(self, view: LedgerView) -> None:
        """Remember a view, and forget others where that is too much."""
        self._views[view.ledger] = view
        self._views.move_to_end(view.ledger)

    def forget(self, ledger: LedgerId) -> None:
        """Drop a ledger: head and ids together, for each was read in the light of the other."""
        self._views.pop(ledger, None)

    def trim(self) -> None:
        """Forget the least recently used ledgers until the rest fits."""
        entries = sum(view.entries + _VIEW_WEIGHT for view in self._views.values())
        while entries > MAX_ENTRIES:
            _, view = self._views.popitem(last=False)
            entries -= view.entries + _VIEW_WEIGHT
