"""The register of reported requests: filed before ledgers commit, found by request id and time."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.periods import Slot, slot_of
from metering.core.streams.filing import Filed, Filing, Kind, place_of, places_of
from metering.core.streams.id_index import Digest
from metering.core.streams.lifetimes import PATIENCE
from metering.core.streams.matching import Found, Match, match
from metering.core.streams.sheets import Stream, file_finals, file_streams, sheet_of
from metering.core.streams.shelves import Shelves
from metering.core.usage.event import LLM_USAGE
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.ports import Alerts, Clock, RegisterStore

#: Requests that were counted are filed together: so many, or after so long.
_FINALS_TOGETHER: Final = 500
_FINALS_WAIT: Final[Instant] = 20 * SECOND
#: Most of them that wait while the store is out of reach; beyond, the ledgers alone know.
_MOST_FINALS: Final = 20_000


class Window(NamedTuple):
    """Around the slot of what is looked for, the slots that may have it."""

    back: int
    ahead: int

    def slots(self, slot: Slot) -> list[Slot]:
        """Return the slots, the nearest first."""
        around = range(slot - self.back, slot + self.ahead + 1)
        return sorted(around, key=lambda one: (abs(one - slot), one))


#: A log row has the time at which its request began or ended; clocks differ by minutes.
REPORTED: Final = Window(back=3, ahead=1)
"""Where the report of a log row is, seen from the row."""
LOGGED: Final = Window(back=1, ahead=3)
"""Where the log row of a report is, seen from the report."""


type Wanted = Mapping[Digest, Slot]
"""A request to look for, and the slot around which it was reported."""


@dataclass(slots=True, kw_only=True)
class Register:
    """One process's copy of the register, read from the store on demand."""

    store: RegisterStore
    clock: Clock
    alerts: Alerts
    shelves: Shelves = field(default_factory=Shelves)
    _reading: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _finals: defaultdict[Slot, dict[str, str]] = field(
        init=False, default_factory=lambda: defaultdict(dict)
    )
    _since: Instant = field(init=False, default=0)
    _told: bool = field(init=False, default=False)

    async def file_streams(self, streams: Sequence[Stream]) -> None:
        """File streams before the ledgers commit: afterwards a redelivery is only a duplicate."""
        await self.file(file_streams(streams, self.clock.now() + PATIENCE))

    async def file(self, filings: Sequence[Filing]) -> None:
        """File documents. Safe to repeat."""
        if filings:
            await self.store.file(filings, self.clock.now())

    async def note_counted(self, usages: Iterable[Usage]) -> None:
        """Note the requests whose counts ledgers have now: their log rows are done with at once.

        They are filed when there are many or some have waited. If the process ends before, nothing
        is lost: a log row waits longer then, and the ledgers are asked before it is recovered.
        """
        now = self.clock.now()
        for usage in usages:
            if usage.evidence < Evidence.RECOVERED or usage.key[0] != LLM_USAGE:
                continue
            if usage.dimensions.producer is not None:
                # Whatever its id is, it settles no row of a log.
                continue
            self._finals[slot_of(usage.time)][usage.id] = usage.key[1]
            self._since = self._since or now
        waiting = sum(map(len, self._finals.values()))
        if waiting >= _FINALS_TOGETHER or (waiting and now - self._since >= _FINALS_WAIT):
            await self.flush()

    async def flush(self) -> None:
        """File the requests that were noted."""
        noted, self._since = dict(self._finals), 0
        self._finals.clear()
        filings = [one for slot, ids in noted.items() for one in _filings(slot, ids)]
        try:
            await self.file(filings)
        except RetryableError:
            if sum(map(len, noted.values())) < _MOST_FINALS:
                for slot, ids in noted.items():
                    self._finals[slot] = ids | self._finals[slot]
                self._since = self.clock.now()

    async def look(
        self, kinds: Collection[Kind], wanted: Wanted, window: Window, *, again: bool = False
    ) -> Found:
        """Return what is filed of these kinds under these digests.

        What the process remembers needs no request, unless `again`: then what was filed since is
        read in any case. A report that is not remembered is looked for in the store.
        """
        found = {} if again else self._remembered(kinds, wanted, window)
        left = {
            digest: slot
            for digest, slot in wanted.items()
            if not any((kind, digest) in found for kind in kinds)
        }
        if left:
            slots = {one for slot in set(left.values()) for one in window.slots(slot)}
            async with self._reading:
                beside = await self._read(places_of(kinds, sorted(slots)), left)
            found |= {**beside, **self._remembered(kinds, left, window)}
        return found

    def match(self, found: Found, request_id: str, slot: Slot) -> Match:
        """Return what was found of the request of a log row, and what is noted and not filed."""
        noted = (
            self._finals[one].get(request_id) for one in REPORTED.slots(slot) if one in self._finals
        )
        return match(found, request_id, next(filter(None, noted), None))

    def _remembered(self, kinds: Collection[Kind], wanted: Wanted, window: Window) -> Found:
        places = {
            (kind, slot): [place_of(kind, one) for one in window.slots(slot)]
            for slot in set(wanted.values())
            for kind in kinds
        }
        found: Found = {}
        for digest, slot in wanted.items():
            for kind in kinds:
                row = self.shelves.find(digest, places[kind, slot])
                if row is not None:
                    found[kind, digest] = row
        return found

    async def _read(self, places: Sequence[str], wanted: Wanted) -> Found:
        """Read what is new under these places; return the rows that memory has no room for.

        A slot that was never read is read alone, and kept: another attempt goes on from there.
        """
        groups: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
        for place in places:
            position = self.shelves.read_to(place)
            alone = place.partition("|")[2] if position is None else ""
            groups[position or 0, alone].append(place)
        in_use, beside = set(places), _Beside(wanted)
        for (position, _), together in groups.items():
            latest = position
            async for filed in self.store.read(together, position):
                latest = max(latest, filed.at)
                self._take(filed, in_use, beside)
            self.shelves.now_read(set(together) - beside.places, latest)
        return beside.found

    def _take(self, filed: Filed, in_use: Collection[str], beside: "_Beside") -> None:
        """Remember a document, or match it at once if there is no room."""
        if filed.place not in beside.places:
            self.shelves.add(filed)
            if not self.shelves.is_full(in_use):
                return
            self._tell()
            beside.places.add(filed.place)
            beside.take_over(self.shelves, filed.place)
            return
        beside.match(filed)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            megabytes = self.shelves.max_bytes // 1024**2
            self.alerts.alert(
                f"register: the requests of an hour take more than {megabytes} MB of memory:"
                " every batch of logs reads them again, which costs request units:"
                " see docs/runbook/hubs.md"
            )


@dataclass(slots=True)
class _Beside:
    """The places that memory has no room for, and what was looked for there."""

    wanted: Wanted
    places: set[str] = field(default_factory=set)
    found: Found = field(default_factory=dict)

    def take_over(self, shelves: Shelves, place: str) -> None:
        """Match what is remembered of a place, then forget it."""
        kind: Kind = place.partition("|")[0]  # type: ignore[assignment]
        for digest in self.wanted:
            row = shelves.find(digest, [place])
            if row is not None:
                self.found.setdefault((kind, digest), row)
        shelves.forget(place)

    def match(self, filed: Filed) -> None:
        """Match a document."""
        kind: Kind = filed.kind  # type: ignore[assignment]
        sheet = sheet_of(filed)
        for number, digest in enumerate(list(sheet.digests())):
            if digest in self.wanted:
                self.found.setdefault((kind, digest), sheet.row(number))


def _filings(slot: Slot, ids: Mapping[str, str]) -> list[Filing]:
    by_source: defaultdict[str, list[str]] = defaultdict(list)
    for request_id, source in ids.items():
        by_source[source].append(request_id)
    return file_finals(slot, by_source)
