"""Take over the partial records that versions before the register left in the store."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.recover_usage import RecoverUsage
from metering.app.streams.register import Register
from metering.core.basics.instants import DAY, SECOND, Instant
from metering.core.streams.gateway_log import read_log
from metering.core.streams.lifetimes import PATIENCE, REGISTER_TTL_S
from metering.core.streams.log_rows import LlmRow
from metering.core.streams.sheets import Stream, file_streams, stream_of
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Clock, DeadLetterStore, PendingHalf, PendingStore

#: Records of one round, and rounds of one run of the timer; the next run continues.
_TOGETHER: Final = 500
_ROUNDS: Final = 20
#: Partial records lapsed after a week; processes of the version before may have run on for a while.
_OVER_AFTER: Final[Instant] = REGISTER_TTL_S * SECOND + DAY


@dataclass(slots=True, kw_only=True)
class TakeOverPending:
    """The use case that the timer `expire_pending` runs before anything else, after an upgrade."""

    pending: PendingStore
    register: Register
    streams: CompleteStreams
    recover: RecoverUsage
    dead_letters: DeadLetterStore
    clock: Clock
    _over: bool = field(init=False, default=False)

    async def run(self) -> int:
        """File what waits in the old container, join it, and return the number of records.

        Nine days after its first run it does nothing any more. Safe to repeat at any point: a
        record is removed only after it was filed or published.
        """
        if self._over or await self._is_over():
            return 0
        taken = 0
        async for identities in self._rounds("identity"):
            await self._take(identities)
            taken += len(identities)
        async for due in self._rounds("recovery"):
            await self.recover.publish_unknown({half.request_id: half.body for half in due})
            await self.pending.remove_halves("recovery", [half.request_id for half in due])
            taken += len(due)
        return taken

    async def rows(self, request_ids: Collection[str]) -> list[LlmRow]:
        """Return the counts of these requests that processes of the version before stored."""
        if self._over or await self._is_over():
            return []
        return _rows(await self.pending.read_halves("tokens", request_ids))

    async def _is_over(self) -> bool:
        mark, now = await self.register.store.read_mark("pending"), self.clock.now()
        if mark is None:
            await self.register.store.write_mark("pending", {"since": now})
        self._over = mark is not None and now - int(mark["since"]) > _OVER_AFTER
        return self._over

    async def _rounds(
        self, kind: Literal["identity", "recovery"]
    ) -> AsyncIterator[list[PendingHalf]]:
        for _ in range(_ROUNDS):
            halves = await self.pending.read_pending(kind, _TOGETHER)
            if not halves:
                return
            yield halves

    async def _take(self, identities: list[PendingHalf]) -> None:
        """File request records; complete those whose log row has come, before or after."""
        streams = {half.request_id: (half, _stream(half)) for half in identities}
        for settled in (False, True):
            due = None if settled else self.clock.now() + PATIENCE
            found = [one for half, one in streams.values() if half.is_settled is settled]
            await self.register.file(file_streams(found, due))
        rows = _rows(await self.pending.read_halves("tokens", streams.keys()))
        joined = [(streams[row.request_id][1], row) for row in rows]
        dead_letters = await self.streams.complete(joined)
        dead_letters += await self.streams.complete_reported([one for _, one in streams.values()])
        await self.dead_letters.put(dead_letters)
        await self.pending.remove_halves("identity", streams.keys())


def _rows(bodies: Mapping[str, bytes]) -> list[LlmRow]:
    return [row for body in bodies.values() for row in read_log(body).llm_rows]


def _stream(half: PendingHalf) -> Stream:
    return stream_of(UsageReader().read(half.body, half.since), half.body)
