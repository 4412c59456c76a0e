"""Expire streams whose counts never came: after a day an entry records them as missing."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.app.ledger.committer import Committer
from metering.app.ledger.one_by_one import OneByOne
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.open_holds import OpenHolds
from metering.app.streams.register import Register, Window
from metering.app.streams.take_over_pending import TakeOverPending
from metering.app.streams.timer_marks import TimerMarks
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken, RejectedEvent
from metering.core.basics.instants import DAY, HOUR, SECOND, Instant
from metering.core.calendars.periods import LedgerId, slot_of
from metering.core.streams.filing import COUNTED, WAITING, Filed
from metering.core.streams.id_index import digest_of
from metering.core.streams.lifetimes import REGISTER_TTL_S
from metering.core.streams.log_rows import LlmRow
from metering.core.streams.matching import Report
from metering.core.streams.sheets import Stream, rows_of
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Alerts, Clock, DeadLetterStore

#: Where a stream's counts may be noted: under its own time.
_COUNTED: Final = Window(back=1, ahead=1)
#: Where the log row of a stream may wait that was logged at its end, some hours later.
_LOGGED: Final = Window(back=1, ahead=36)
#: After so long without a run, documents that no run has seen may have lapsed.
_AWAY: Final[Instant] = 6 * DAY
_NOTED_EVERY: Final[Instant] = HOUR


_MARK: Final = "holds"


class _Mark(NamedTuple):
    """The counts of one run of the timer."""

    ran: Instant
    """About when it last ran; 0: never."""
    broken: tuple[str, ...]
    """Ledgers with streams that could not be settled."""


class Expired(NamedTuple):
    """The outcomes of one run."""

    completed: int
    """Streams whose counts had arrived after all."""
    missing: int
    """Streams whose entry now records missing counts."""

    @property
    def settled(self) -> int:
        """The number of streams that need not wait any longer."""
        return self.completed + self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirePending:
    """The use case behind the timer `expire_pending`."""

    register: Register
    streams: CompleteStreams
    marks: TimerMarks
    open_holds: OpenHolds
    old: TakeOverPending
    tenancy: Tenancy
    committer: Committer
    dead_letters: DeadLetterStore
    clock: Clock
    alerts: Alerts

    async def run(self) -> Expired:
        """Settle the streams that have waited for a day, and return the outcomes.

        Counts that arrive later still correct the entry, by the evidence rule. Safe to repeat at
        any point: the timer moves on only after the entries are in the ledger.
        """
        missing = await self._settle_ledgers()
        completed = 0
        async for filed in self.marks.rounds("stream"):
            done = await self._settle(filed)
            completed, missing = completed + done.completed, missing + done.missing
        await self.marks.add("stream", missing)
        await self.register.store.forget(self.clock.now() - REGISTER_TTL_S * SECOND)
        return Expired(completed, missing)

    async def _settle(self, filed: Sequence[Filed]) -> Expired:
        streams = {row.request_id: row async for row in self._uncounted(filed)}
        wanted = {digest_of(name): slot_of(one.time) for name, one in streams.items()}
        found = await self.register.look(WAITING, wanted, _LOGGED, again=True)
        rows = [row for row in found.values() if isinstance(row, LlmRow)]
        rows += await self.old.rows(streams.keys() - {row.request_id for row in rows})
        joined = [(streams[row.request_id], row) for row in rows]
        dead_letters = await self.streams.complete(joined)
        await self.dead_letters.put(dead_letters)
        completed = {row.request_id for _, row in joined if self.streams.counts_of(row.request_id)}
        left = [one for name, one in streams.items() if name not in completed]
        return Expired(len(completed), await self._give_up(left))

    async def _uncounted(self, filed: Sequence[Filed]) -> AsyncIterator[Stream]:
        """Yield the streams of documents that no ledger is noted to have counted."""
        streams = [row for one in filed for row in rows_of(one) if isinstance(row, Stream)]
        wanted = {digest_of(one.request_id): slot_of(one.time) for one in streams}
        found = await self.register.look(COUNTED, wanted, _COUNTED, again=True)
        for one in streams:
            found["stream", digest_of(one.request_id)] = one
            noted = self.register.match(found, one.request_id, slot_of(one.time))
            if noted.report is Report.STREAM:
                yield one

    async def _give_up(self, streams: Sequence[Stream]) -> int:
        reader, count = UsageReader(), 0
        await self.tenancy.refresh()
        by_ledger: defaultdict[LedgerId, list[Usage]] = defaultdict(list)
        for stream in streams:
            usage = _missing(stream, reader, self.clock.now())
            try:
                terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
            except RejectedEvent:
                # No tenant pays for it, so its event is a dead letter; a replay restores it.
                continue
            by_ledger[terms.ledger].append(usage)
        one_by_one = OneByOne(self.alerts)
        for ledger, usages in by_ledger.items():
            with one_by_one.about(ledger):
                try:
                    rate = self.tenancy.terms_book.rate
                    count += (await self.committer.commit(ledger, usages, rate)).accepted
                except LedgerBroken as fault:
                    # They wait until their ledger is repaired; streams of other ledgers do not.
                    await self._note_broken(ledger, fault)
        one_by_one.settle()
        return count

    async def _note_broken(self, ledger: LedgerId, fault: LedgerBroken) -> None:
        self.alerts.alert(str(fault), "ledger")
        mark = await self._mark()
        broken = sorted({*mark.broken, str(ledger)})
        await self._write(mark._replace(broken=tuple(broken)))

    async def _settle_ledgers(self) -> int:
        """Settle the holds of ledgers that were broken, and all after a week without a run."""
        now, mark, count = self.clock.now(), await self._mark(), 0
        left = {LedgerId.parse(name) for name in mark.broken}
        if mark.ran and now - mark.ran > _AWAY:
            left |= set(await self.open_holds.since(mark.ran))
        broken = []
        for ledger in sorted(left):
            try:
                count += await self.open_holds.settle(ledger)
            except LedgerBroken:
                broken.append(str(ledger))
        if left or now - mark.ran > _NOTED_EVERY:
            await self._write(_Mark(now, tuple(broken)))
        return count

    async def _mark(self) -> _Mark:
        mark = await self.register.store.read_mark(_MARK) or {}
        return _Mark(int(mark.get("ran", 0)), tuple(mark.get("broken", ())))

    async def _write(self, mark: _Mark) -> None:
        await self.register.store.write_mark(_MARK, {"ran": mark.ran, "broken": mark.broken})


def _missing(stream: Stream, reader: UsageReader, now: Instant) -> Usage:
    event = stream.to_event()
    event["data"] |= {"tokens": "pending"}
    # Validated as of its own time: it was accepted then, however long this timer was down.
    usage = reader.read(to_json(event), stream.time)
    return usage._replace(evidence=Evidence.MISSING, buckets=NO_TOKENS, arrival=now)
