"""Plans one commit to one ledger: classify events, rate new ones, cut pages, fold.

It is pure: from the head, the known entries and the events it derives the pages and the head to
write. metering/app/ledger/committer.py has the protocol around it (read, write, retry).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from metering.core.basics.errors import HeadMovedError, LedgerBroken, TooLargeError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import SLOT, LedgerId, Slot, slot_of
from metering.core.ledger.effect import Effect, effects_of, size_of
from metering.core.ledger.entry import (
    Entry,
    Kind,
    Reference,
    State,
    Superseded,
    any_source,
    expected_amount,
)
from metering.core.ledger.head import ITEM_BYTES, Head, fold
from metering.core.ledger.head_document import write_head
from metering.core.ledger.limits import LimitChange
from metering.core.ledger.names import BoundedNames, Rating
from metering.core.ledger.page import (
    ENTRIES_ONLY,
    MAX_ENTRIES,
    NOTHING_ELSE,
    Carried,
    Diagnostics,
    Page,
    seal,
)
from metering.core.ledger.past import Past, expected
from metering.core.usage.event import BUSINESS_OUTCOME
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Dimensions, EventKey, Usage, new_record

#: Slots of one commit's events; each becomes a page, and Cosmos takes 100 operations a batch.
MAX_SLOTS: Final = 40
MAX_OPERATIONS: Final = 100
#: Bytes of a segment's pages from which on it is closed: half of the 20 GB of a logical partition
#: of Cosmos DB, for effects, heads and what the service adds.
MAX_SEGMENT_BYTES: Final = 10_000_000_000
#: Pages between two checkpoints of the head. Replacing a head of 7.6 KB costs as much as creating
#: three small pages; whoever opens a ledger reads at most so many pages beyond the checkpoint.
CHECKPOINT_PAGES: Final = 16
#: Cosmos takes 2 MiB a batch; the rest is for the envelope of the request, less than 200 bytes an
#: operation. A document in it may be as large.
MAX_COMMIT_BYTES: Final = 1_900_000


class CommitTooLargeError(TooLargeError):
    """These events exceed one transactional batch: commit them in halves."""


type Known = tuple[Page, int]
"""The latest entry of an event: its page, and its row in the page."""

type KnownBySlot = Mapping[Slot, Mapping[EventKey, Known]]
"""The latest entry by event, for the slots of the events and both neighbours of each."""

#: Looked up once: a member of an enumeration costs as much as a small function.
_USAGE: Final = Kind.USAGE
_HOLD: Final = Kind.HOLD
_OUTCOME: Final = Kind.OUTCOME
_HELD: Final = Evidence.HELD
#: From this rank on a rated amount stands as it is, unless it is nothing: see `expected_amount`.
_LEAST_COUNTED: Final = Evidence.ESTIMATED

_RECOVERED: Final = Evidence.RECOVERED
_FULL: Final = Evidence.FULL
_AGGREGATE: Final = Evidence.AGGREGATE
#: Other content of the same rank contradicts nothing.
_REPLACEABLE: Final = frozenset({_HELD, _AGGREGATE})
#: In a slot's known entries it says that some were recovered, and so known to any source.
SOME_RECOVERED: Final[EventKey] = ("", "", "")

type _Near = tuple[Mapping[EventKey, Known], ...]
_NOWHERE: Final[Mapping[EventKey, Known]] = {}


@dataclass(frozen=True, slots=True)
class Commit:
    """The documents to write for a batch, and the answer to each of its events."""

    head: Head
    pages: tuple[Page, ...]
    contents: tuple[bytes, ...]
    """The pages as bytes to store, in the same order."""
    effects: tuple[Effect, ...]
    """Outbox messages that follow from the commit: written with the pages or not at all."""
    accepted: int = 0
    """Events that changed what is known: new ones, and better counts for known ones."""
    duplicates: int = 0
    conflicts: tuple[Usage, ...] = ()
    for_adjacent_ledger: Mapping[LedgerId, Sequence[Usage]] = field(default_factory=dict)
    """Better counts for entries of an adjacent ledger: they are to be committed there."""

    @property
    def before(self) -> int:
        """The number of the last page before this commit."""
        return self.head.pages - len(self.pages)

    @property
    def segment(self) -> int:
        """The segment that the pages of this commit are in: only its last page may close one."""
        return self.head.segment_of(self.before + 1 if self.pages else max(1, self.head.pages))

    @property
    def checkpoint(self) -> bool:
        """Whether the head is written with the pages: also with the first and last of a segment."""
        parts = self.before // CHECKPOINT_PAGES, self.head.pages // CHECKPOINT_PAGES
        edges = {self.before + 1, self.head.pages + 1} & set(self.head.segments)
        return not self.pages or not self.before or parts[0] != parts[1] or bool(edges)


def with_seen(checkpoint: Head, commit: Commit) -> Head:
    """Return the checkpoint to store for a commit without pages, given the stored one."""
    if checkpoint.pages < commit.head.pages:
        return commit.head
    seen = Diagnostics(commit.duplicates, len(commit.conflicts))
    return replace(checkpoint, diagnostics=checkpoint.diagnostics.plus(seen))


def lost_race(commit: Commit) -> HeadMovedError:
    """Return the error for a page whose number another process has used first."""
    reason = f"another process committed after page {commit.before}"
    return HeadMovedError(f"ledger {commit.head.ledger}: {reason}")


def left_behind(commit: Commit) -> LedgerBroken:
    """Return the error for an effect that is there before the page which caused it."""
    reason = f"an effect of page {commit.head.pages} is there without the page"
    return LedgerBroken(str(commit.head.ledger), f"{reason}: a restore has left it behind")


@dataclass(slots=True)
class _Batch:
    """The answers so far."""

    entries: defaultdict[Slot, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    fresh: dict[EventKey, tuple[Slot, int]] = field(default_factory=dict)
    recovered: set[EventKey] = field(default_factory=set)
    """Requests that a log told in this batch, as any source knows them."""
    renamed: dict[tuple[EventKey, Evidence, str], Usage] = field(default_factory=dict)
    """Events as they came, by what they are counted as where another source recovered them."""
    duplicates: int = 0
    conflicts: list[Usage] = field(default_factory=list)
    for_adjacent_ledger: defaultdict[LedgerId, list[Usage]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def as_it_came(self, usage: Usage) -> Usage:
        """Return an event under the source that it named."""
        return self.renamed.get((usage.key, usage.evidence, usage.digest), usage)


class Planner(Protocol):
    """Decides what committing usages to the ledger of a head writes."""

    def __call__(
        self,
        head: Head,
        known: KnownBySlot,
        usages: Sequence[Usage],
        rate: Rating,
        now: Instant,
        *,
        change: LimitChange | None = None,
    ) -> "Commit":
        """Return the commit; `change` makes other quotas count from it on."""
        ...


def plan_commit(
    head: Head,
    known: KnownBySlot,
    usages: Sequence[Usage],
    rate: Rating,
    now: Instant,
    *,
    change: LimitChange | None = None,
) -> Commit:
    """Return the commit of `usages` to the ledger of `head`, with the answer to each.

    Raises CommitTooLargeError if it exceeds the bounds of one transactional batch.
    """
    rate = BoundedNames(rate, head)
    past = head.counts.past or (None if change is None else change.past)
    batch = _classified(head.ledger, known, _with_expectations(usages, past, rate), rate)
    seen = Diagnostics(batch.duplicates, len(batch.conflicts))
    for_adjacent_ledger = sum(map(len, batch.for_adjacent_ledger.values()))
    return replace(
        commit_of(head, batch.entries, now, change, seen),
        accepted=len(usages) - batch.duplicates - len(batch.conflicts) - for_adjacent_ledger,
        duplicates=batch.duplicates,
        conflicts=tuple(map(batch.as_it_came, batch.conflicts)),
        for_adjacent_ledger={
            name: list(map(batch.as_it_came, found))
            for name, found in batch.for_adjacent_ledger.items()
        },
    )


def _with_expectations(usages: Sequence[Usage], past: Past | None, rate: Rating) -> list[Usage]:
    """Return the usages; a stream without counts with the tokens that it is expected to use."""
    return [
        usage
        if usage.evidence is not _HELD
        else expected(past, rate(usage, usage.time)[0].model, usage)
        for usage in usages
    ]


def _classified(
    ledger: LedgerId, known: KnownBySlot, usages: Sequence[Usage], rate: Rating
) -> _Batch:
    """Return the answer to every event, given the known entries and the earlier events."""
    batch = _Batch()
    nearest: dict[Slot, _Near] = {}
    recoveries: set[Slot] = set()
    for usage in usages:
        slot = usage.time // SLOT
        near = nearest.get(slot)
        if near is None:
            near = nearest[slot] = tuple(known.get(slot + step, _NOWHERE) for step in (0, -1, 1))
            if any(SOME_RECOVERED in one for one in near):
                recoveries.add(slot)
        here, before, after = near
        key = usage.key
        found = here.get(key) or before.get(key) or after.get(key)
        if found is None and batch.recovered and _is_recovered(usage, batch):
            if key not in batch.fresh:
                # Once that entry is written, another commit corrects it.
                batch.for_adjacent_ledger[ledger].append(usage)
                continue
        elif found is None and slot in recoveries and key not in batch.fresh:
            usage, found = _recovered_before(batch, near, usage)  # noqa: PLW2901, as it counts
            key = usage.key
        if found is None and key not in batch.fresh:
            # Nearly every event ends here, so this much stands in the loop itself.
            rows = batch.entries[slot]
            batch.fresh[key] = (slot, len(rows))
            rows.append(_new_entry(usage, rate))
            if usage.evidence is _RECOVERED and not usage.dimensions.is_of_producer:
                batch.recovered.add(any_source(key))
        else:
            _classify_known(batch, ledger, found, usage, rate)
    return batch


def _is_recovered(usage: Usage, batch: _Batch) -> bool:
    """Say whether a log told of this request in the batch.

    An id under a source of a producer's own is another request than a log's or a policy's.
    """
    return any_source(usage.key) in batch.recovered and not usage.dimensions.is_of_producer


def _recovered_before(batch: _Batch, near: _Near, usage: Usage) -> tuple[Usage, Known | None]:
    """Return a usage as that of the request which a log told first, and its latest entry.

    The log names the gateway in its own way. Whichever source a policy's event names, it is about
    the same request, and counts under the identity that the request has already.
    """
    name = any_source(usage.key)
    found = next((slot[name] for slot in near if name in slot), None)
    if found is None or usage.dimensions.is_of_producer:
        return usage, None
    page, row = found
    key = page.entries[row].key
    of = usage.dimensions._replace(source=key[1])
    batch.renamed[key, usage.evidence, usage.digest] = usage
    return usage._replace(key=key, dimensions=of), found


def commit_of(
    head: Head,
    entries: Mapping[Slot, Sequence[Entry]],
    now: Instant,
    change: LimitChange | None = None,
    seen: Diagnostics = NOTHING_ELSE,
) -> Commit:
    """Return the commit of these entries after `head`: pages, the head after them, effects.

    The first page carries a change of limits (one without entries, if need be) and the events
    that made no entry. Duplicates alone make no page: they are noted in the checkpoint.

    Raises CommitTooLargeError if it exceeds the bounds of one transactional batch.
    """
    is_first = not entries and head.counts.past is None
    if is_first and change is not None and change.takes_over_only(head.counts.limits):
        # The past waits for the first entries.
        change = None
    if change is not None and not entries:
        entries = {slot_of(now): ()}
    first = Carried(change, seen)
    is_set_right = change is not None and change.holds is not None
    committed = now if is_set_right else max(now, head.committed)
    pages, contents = _cut_pages(head, entries, committed, first)
    following = fold(head, pages)
    if not pages:
        following = replace(head, diagnostics=head.diagnostics.plus(seen))
    commit = Commit(following, tuple(pages), tuple(contents), effects_of(head, following))
    _check_size(commit)
    return commit


def _classify_known(
    batch: _Batch, ledger: LedgerId, known: Known | None, usage: Usage, rate: Rating
) -> None:
    """Answer an event that came before: in this batch, or in a page that is there already."""
    key = usage.key
    if _is_beyond_its_hold(batch, usage):
        # Delivered alone, it would not find the hold: it counts at its own time, or corrects what
        # is there, and the hold, which was never written, is none.
        _take_out(batch, key)
        if known is None:
            _add(batch, usage, rate)
            return
        batch.duplicates += 1
    if key in batch.fresh or known is None:
        # The entry that it makes or corrects is not in any page yet.
        _classify_again(batch, usage, rate)
        return
    page, row = known
    if _is_better(batch, page.entries[row], usage):
        if page.ledger != ledger:
            batch.for_adjacent_ledger[page.ledger].append(usage)
            return
        batch.fresh[key] = (page.slot, len(batch.entries[page.slot]))
        at = Reference(page.number, row)
        batch.entries[page.slot].append(replacement(page.entries[row], at, usage, rate))


def _is_beyond_its_hold(batch: _Batch, usage: Usage) -> bool:
    """Say whether the batch has a hold for these counts, at a time that is not near theirs."""
    place = batch.fresh.get(usage.key)
    if place is None or usage.evidence is _HELD:
        return False
    slot, row = place
    entry = batch.entries[slot][row]
    is_new_hold = entry.state.is_hold and entry.supersedes is None
    return is_new_hold and abs(slot_of(usage.time) - slot) > 1


def _take_out(batch: _Batch, key: EventKey) -> None:
    """Remove the entry of an event from the batch; the last one of its slot takes its row."""
    slot, row = batch.fresh.pop(key)
    rows = batch.entries[slot]
    last = rows.pop()
    if row < len(rows):
        rows[row] = last
        batch.fresh[last.key] = slot, row
    if not rows:
        del batch.entries[slot]


def _add(batch: _Batch, usage: Usage, rate: Rating) -> None:
    slot = slot_of(usage.time)
    rows = batch.entries[slot]
    batch.fresh[usage.key] = slot, len(rows)
    rows.append(_new_entry(usage, rate))


def _classify_again(batch: _Batch, usage: Usage, rate: Rating) -> None:
    slot, row = batch.fresh[usage.key]
    entry = batch.entries[slot][row]
    if not _is_better(batch, entry, usage):
        return
    if entry.supersedes is None:
        # The weaker state was never written: record the better one, at the time given first.
        batch.entries[slot][row] = _new_entry(usage._replace(time=entry.time), rate)
    else:
        replaced = entry.supersedes
        first = entry._replace(state=replaced.state, end_user=replaced.end_user)
        batch.entries[slot][row] = replacement(first, replaced.at, usage, rate)


def _is_better(batch: _Batch, entry: Entry, usage: Usage) -> bool:
    """Say whether `usage` supersedes `entry`; if not, record it as duplicate or conflict.

    A withdrawn entry counts elsewhere, so no better counts correct it here: that is a conflict.
    What the gateway says of its request stands, whatever others said of it before or say later. Of
    an aggregate the highest revision stands; an earlier one that comes late is a duplicate. One
    request is no aggregate: under one id they contradict each other.
    """
    evidence = entry.state.evidence
    is_withdrawn = entry.state.kind is Kind.WITHDRAWAL
    was_stand_in, is_stand_in = entry.state.dimensions.is_stand_in, usage.dimensions.is_stand_in
    if was_stand_in is not is_stand_in:
        is_better, is_other = was_stand_in, True
    else:
        of, known = usage.dimensions, entry.state.dimensions
        is_better = _rank(usage.evidence, of) > _rank(evidence, known)
        is_other = usage.evidence == evidence and evidence not in _REPLACEABLE
        if _AGGREGATE in {usage.evidence, evidence} and _FULL in {usage.evidence, evidence}:
            is_better, is_other = False, True
    if is_better and not is_withdrawn:
        return True
    if (is_other or is_withdrawn) and usage.digest != entry.digest:
        batch.conflicts.append(usage)
    else:
        batch.duplicates += 1
    return False


def _rank(evidence: Evidence, dimensions: Dimensions) -> tuple[Evidence, int]:
    return evidence, dimensions.revision or 0


def _state(kind: Kind, usage: Usage, rate: Rating, at: Instant) -> State:
    _, _, evidence, _, _, dimensions, _, buckets = usage
    applied, amount = rate(usage, at)
    state: State = new_record(State, (kind, evidence, dimensions, applied, buckets, amount))
    if amount and evidence >= _LEAST_COUNTED:
        return state
    return state._replace(amount=expected_amount(state))


def _new_entry(usage: Usage, rate: Rating) -> Entry:
    key, digest, evidence, time, arrival, _, end_user, _ = usage
    counted = _OUTCOME if key[0] == BUSINESS_OUTCOME else _USAGE
    state = _state(_HOLD if evidence is _HELD else counted, usage, rate, time)
    entry: Entry = new_record(Entry, (key, digest, time, arrival, end_user, state, None))
    return entry


def replacement(earlier: Entry, at: Reference, usage: Usage, rate: Rating) -> Entry:
    """Return the entry that supersedes `earlier` with better counts, at its time."""
    kind = Kind.USAGE if earlier.state.is_hold else Kind.CORRECTION
    if usage.evidence is _HELD:
        # The gateway's stream, counted by somebody else before: it waits for its counts again.
        kind = _HOLD
    return Entry(
        usage.key,
        usage.digest,
        earlier.time,
        usage.arrival,
        usage.end_user,
        _state(kind, usage, rate, earlier.time),
        Superseded(at, earlier.state, earlier.end_user),
    )


def _cut_pages(
    head: Head, entries: Mapping[Slot, Sequence[Entry]], committed: Instant, first_page: Carried
) -> tuple[list[Page], list[bytes]]:
    pages: list[Page] = []
    contents: list[bytes] = []
    number, previous, size = head.pages, head.last_hash, head.segment_bytes
    parts = [
        (slot, entries[slot][first : first + MAX_ENTRIES])
        for slot in sorted(entries)
        for first in range(0, max(1, len(entries[slot])), MAX_ENTRIES)
    ]
    for place, (slot, rows) in enumerate(parts, 1):
        number += 1
        carried = ENTRIES_ONLY if pages else first_page
        # A commit is one transaction of one partition, so only its last page ends a segment.
        closes = place == len(parts) and size >= MAX_SEGMENT_BYTES
        page, content = seal(
            head.ledger,
            slot,
            rows,
            number=number,
            previous=previous,
            committed=committed,
            carried=carried._replace(closes=closes),
        )
        pages.append(page)
        contents.append(content)
        previous, size = page.hash, size + page.size + ITEM_BYTES
    return pages, contents


def _check_size(commit: Commit) -> None:
    """Raise CommitTooLargeError if what a store sends for a commit exceeds one batch."""
    contents, effects = commit.contents, commit.effects
    checkpoint = len(write_head(commit.head)) if commit.checkpoint else 0
    size = sum(map(len, contents)) + checkpoint + sum(map(size_of, effects))
    if len(contents) + 1 + len(effects) > MAX_OPERATIONS or size > MAX_COMMIT_BYTES:
        parts = f"{len(contents)} pages, {len(effects)} effects, a head of {checkpoint} bytes"
        raise CommitTooLargeError(f"{parts}: {size} bytes, at most {MAX_COMMIT_BYTES}")
