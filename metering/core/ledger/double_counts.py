"""Double counts: which identities a ledger counts more than once, found in little memory.

One reading of the pages keeps sixteen bytes an entry: hashes of identities and of states. What they
leave in doubt, a second reading names. The hashes are those of this process, whose seed nobody can
know beforehand; two identities of equal hash cost a second reading and no more.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry, Kind, Reference, Superseded
from metering.core.ledger.page import Page
from metering.core.usage.usage import EventKey

type Hash = int

#: Hashes are compared in so many parts, one after another, to bound the memory of comparing.
_PARTS: Final = 256
_MASK: Final = 2**64 - 1


def hash_of(key: EventKey) -> Hash:
    """Return the hash of an identity in this process, of 64 bits."""
    return hash(key) & _MASK


def _state_hash(key: EventKey, superseded: Superseded) -> Hash:
    return hash((key, superseded)) & _MASK


def placed(page: Page) -> Iterator[tuple[Entry, Superseded]]:
    """Yield the entries of a page, each with its state as a later entry would supersede it."""
    for row, entry in enumerate(page.entries):
        yield entry, Superseded(Reference(page.number, row), entry.state, entry.end_user)


class Bag:
    """A multiset of hashes: eight bytes each."""

    def __init__(self) -> None:
        # A small ledger has few of them.
        self._parts: defaultdict[int, array[int]] = defaultdict(lambda: array("Q"))

    def add(self, one: Hash) -> None:
        """Add a hash."""
        self._parts[one % _PARTS].append(one)

    def extend(self, other: "Bag") -> None:
        """Add all of another bag."""
        for part, more in other._parts.items():  # noqa: SLF001, of this class
            self._parts[part].extend(more)

    def more_than(self, other: "Bag", times: int) -> set[Hash]:
        """Return the hashes that are in this bag over `times` times oftener than in the other."""
        found: set[Hash] = set()
        for part, own in self._parts.items():
            counts = Counter(own)
            counts.subtract(other._parts.get(part, ()))  # noqa: SLF001, of this class
            found.update(one for one, count in counts.items() if count > times)
        return found


class Doubts(NamedTuple):
    """Ids that a first reading leaves in doubt, as hashes."""

    keys: frozenset[Hash] = frozenset()
    """Of identities that may count more than once."""
    states: frozenset[Hash] = frozenset()
    """Of states that were superseded without being there, or more than once."""

    def __bool__(self) -> bool:
        """Say whether anything is in doubt."""
        return bool(self.keys or self.states)


class Identities:
    """The identities and states of some pages, read in order."""

    def __init__(self) -> None:
        self.counted = Bag()
        """By identity: entries that begin to count."""
        self.withdrawn = Bag()
        """By identity: entries that were taken back."""
        self._added = Bag()
        self._taken = Bag()

    def add(self, page: Page) -> None:
        """Take in the next page."""
        for entry, state in placed(page):
            is_withdrawal = entry.state.kind is Kind.WITHDRAWAL
            if is_withdrawal:
                self.withdrawn.add(hash_of(entry.key))
            else:
                self._added.add(_state_hash(entry.key, state))
            if entry.supersedes is not None:
                self._taken.add(_state_hash(entry.key, entry.supersedes))
            elif not is_withdrawal:
                self.counted.add(hash_of(entry.key))

    def extend(self, other: "Identities") -> None:
        """Take in all identities of another ledger."""
        self.counted.extend(other.counted)
        self.withdrawn.extend(other.withdrawn)

    def doubts(self) -> Doubts:
        """Return what a second reading has to look at."""
        return Doubts(
            frozenset(self.counted.more_than(self.withdrawn, 1)),
            frozenset(self._taken.more_than(self._added, 0)),
        )


class Named:
    """The second reading of the same pages: the faults behind what is in doubt, in words."""

    def __init__(self, doubts: Doubts) -> None:
        self._doubts = doubts
        self._active: dict[EventKey, list[Superseded]] = {}
        self._open: set[Hash] = set()
        self._wrong: list[str] = []

    def add(self, page: Page) -> None:
        """Take in the next page."""
        for entry, state in placed(page):
            if entry.supersedes is not None:
                self._supersede(entry, state.at, entry.supersedes)
            own = _state_hash(entry.key, state)
            if own in self._doubts.states and entry.state.kind is not Kind.WITHDRAWAL:
                self._open.add(own)
            if hash_of(entry.key) in self._doubts.keys:
                self._track(entry, state)

    def _supersede(self, entry: Entry, here: Reference, superseded: Superseded) -> None:
        taken = _state_hash(entry.key, superseded)
        if taken in self._open:
            self._open.discard(taken)
        elif taken in self._doubts.states:
            place = f"page {here.page} row {here.row}"
            self._wrong.append(
                f"{place}: what it supersedes is not the latest entry of id {entry.id!r}"
            )

    def _track(self, entry: Entry, state: Superseded) -> None:
        active = self._active.setdefault(entry.key, [])
        if entry.supersedes in active:
            active.remove(entry.supersedes)
        if entry.state.kind is not Kind.WITHDRAWAL:
            active.append(state)

    def faults(self) -> list[str]:
        """Return the faults: identities that count again, then entries that supersede nothing."""
        again = [
            f"page {second.at.page} row {second.at.row}: id {key[2]!r} counts again"
            f" (first on page {first.at.page})"
            for key, (first, *others) in self._several()
            for second in others
        ]
        return [*again, *self._wrong]

    def _several(self) -> Iterable[tuple[EventKey, list[Superseded]]]:
        return ((key, active) for key, active in self._active.items() if len(active) > 1)


class Elsewhere:
    """The second reading of several ledgers: the identities that count in more than one."""

    def __init__(self, keys: frozenset[Hash]) -> None:
        self._keys = keys
        self._counts: dict[EventKey, Counter[LedgerId]] = {}

    def add(self, page: Page) -> None:
        """Take in the next page of one of the ledgers."""
        for entry in page.entries:
            if hash_of(entry.key) in self._keys:
                is_withdrawal = entry.state.kind is Kind.WITHDRAWAL
                if is_withdrawal or entry.supersedes is None:
                    counts = self._counts.setdefault(entry.key, Counter())
                    counts[page.ledger] += -1 if is_withdrawal else 1

    def faults(self) -> dict[LedgerId, list[str]]:
        """Return the faults of each ledger that counts what another one counts too."""
        found: dict[LedgerId, list[str]] = {}
        for key, counts in self._counts.items():
            active = sorted(ledger for ledger, count in counts.items() if count > 0)
            for ledger in active:
                others = ", ".join(str(one) for one in active if one != ledger)
                if others:
                    reason = f"id {key[2]!r} of {key[1]} counts in {others} too"
                    found.setdefault(ledger, []).append(reason)
        return found
