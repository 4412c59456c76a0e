"""Come back to waiting log rows: complete, recover, or count them as unclaimed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from metering.app.hubs.batch import LOGS_HUB, Message, dead_letter_of
from metering.app.hubs.publish import publish
from metering.app.streams.complete_streams import CompleteStreams, Joined
from metering.app.streams.register import REPORTED, Register
from metering.app.streams.timer_marks import TimerMarks
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId, Slot, slot_of
from metering.core.streams.filing import KINDS, Filed
from metering.core.streams.id_index import digest_of
from metering.core.streams.joining import recovered
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.streams.matching import Report
from metering.core.streams.sheets import rows_of, sender_digest
from metering.core.usage.event import LLM_USAGE
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Clock, DeadLetter, DeadLetterStore, LedgerStore, UsagePublisher


class Recovered(NamedTuple):
    """The outcomes of one run, in requests."""

    recovered: int
    """Published, because nobody had reported them."""
    unclaimed: int
    """Neither reported nor recovered."""


class _Due(NamedTuple):
    """The outcome of one round."""

    joined: list[Joined]
    events: dict[str, bytes]
    """Usage to recover, by request."""
    unclaimed: int
    dead_letters: list[DeadLetter]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverUsage:
    """The use case that the timer `expire_pending` runs first."""

    register: Register
    streams: CompleteStreams
    marks: TimerMarks
    ledgers: LedgerStore
    tenancy: Tenancy
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock
    recovery_delay: Instant | None

    async def run(self) -> Recovered:
        """Settle the log rows that have waited long enough, and return the outcomes.

        Those of a stream complete it, if whoever filed the second of the two missed the first. A
        request that a ledger has counted or holds was reported by a policy: it is dropped. Safe to
        repeat at any point: publishing twice makes a duplicate.
        """
        recovered = unclaimed = 0
        async for filed in self.marks.rounds("waiting"):
            done = await self._settle(filed)
            recovered, unclaimed = recovered + done.recovered, unclaimed + done.unclaimed
        return Recovered(recovered, unclaimed)

    async def _settle(self, filed: Sequence[Filed]) -> Recovered:
        due = await self._due(filed)
        dead_letters = [*due.dead_letters, *await self.streams.complete(due.joined)]
        published = await self.publish_unknown(due.events)
        await self.dead_letters.put(dead_letters)
        await self.marks.add("waiting", due.unclaimed)
        return Recovered(published, due.unclaimed)

    async def _due(self, filed: Sequence[Filed]) -> _Due:
        slots = _slots(filed)
        wanted = {digest_of(name): slot for name, slot in slots.items()}
        wanted |= {sender_digest(name): slot for name, slot in slots.items()}
        found = await self.register.look(KINDS, wanted, REPORTED, again=True)
        due = _Due([], {}, 0, [])
        unclaimed = 0
        for name, slot in slots.items():
            one = self.register.match(found, name, slot)
            if one.row is None or one.report is Report.COUNTED:
                continue
            if one.stream is not None:
                due.joined.append((one.stream, one.row))
            elif one.sender is None or self.recovery_delay is None:
                unclaimed += 1
            else:
                try:
                    due.events[name] = recovered(one.sender, one.row)
                except RejectedEvent as why:
                    message = Message(one.row.body(), "", 0)
                    now = self.clock.now()
                    due.dead_letters.append(dead_letter_of(LOGS_HUB, message, now, why))
        return due._replace(unclaimed=unclaimed)

    async def publish_unknown(self, events: Mapping[str, bytes]) -> int:
        """Publish usage of requests that no ledger knows; return their number."""
        if not events:
            return 0
        await self.tenancy.refresh()
        known = await self._known(events)
        bodies = [body for name, body in events.items() if name not in known]
        await self.dead_letters.put(await publish(self.publisher, bodies, self.clock.now()))
        return len(bodies)

    async def _known(self, events: Mapping[str, bytes]) -> set[str]:
        """Return the ids of these requests that ledgers have counted or hold, from any source.

        Requests that a policy reported without counts are left out: the log's counts are better. So
        is what producers say, for they do not speak for the gateway.
        """
        slots: defaultdict[LedgerId, set[Slot]] = defaultdict(set)
        reader = UsageReader()
        for body in events.values():
            try:
                usage = reader.read(body, self.clock.now())
                terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
            except RejectedEvent:
                # Ingestion dead-letters it with the same code, and it can be replayed.
                continue
            slot = slot_of(usage.time)
            slots[terms.ledger] |= {slot - 1, slot, slot + 1}
        ids: set[str] = set()
        for ledger, wanted in slots.items():
            try:
                pages = await self.ledgers.read_slots(ledger, sorted(wanted))
            except LedgerBroken:
                # Ingestion dead-letters it with the other events of that ledger.
                continue
            ids.update(
                entry.id
                for page in pages
                for entry in page.entries
                if entry.key[0] == LLM_USAGE
                and entry.state.dimensions.producer is None
                and (entry.state.is_hold or entry.state.evidence >= Evidence.RECOVERED)
            )
        return ids


def _slots(filed: Sequence[Filed]) -> dict[str, Slot]:
    """Return the requests of waiting rows, each with the slot under which its rows are filed."""
    slots: dict[str, Slot] = {}
    for one in filed:
        slot = int(one.place.partition("|")[2])
        rows = cast("list[LlmRow | GatewayRow]", rows_of(one))
        slots |= {row.request_id: slot for row in rows if row.request_id not in slots}
    return slots
