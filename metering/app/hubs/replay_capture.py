"""Replay files of Event Hubs Capture: events that are counted already are duplicates."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from metering.app.hubs.batch import Message, Tally
from metering.core.basics.errors import CaptureDamaged, ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.hubs.capture import CapturePart, parts_in_order
from metering.ports import CaptureSource

#: Most events, and most bytes in memory, of one batch.
BATCH_EVENTS: Final = 1_000
BATCH_BYTES: Final = 16 * 1024 * 1024
#: Most gaps reported.
MAX_GAPS: Final = 1_000


class TakesBatches(Protocol):
    """The use case that ingests the messages of a hub."""

    async def batch(self, messages: Sequence[Message], *, stop_for: Instant) -> Tally:
        """Ingest a batch and return the tally of its outcomes."""
        ...


class Damaged(NamedTuple):
    """A file that could not be read to its end."""

    name: str
    why: str
    events: int
    """Events that were read, and ingested, before the damage."""


class Gap(NamedTuple):
    """Sequence numbers of a partition in no file: a file is missing or truncated."""

    hub: str
    partition: str
    after: int
    before: int


@dataclass(slots=True, kw_only=True)
class ReplayCapture:
    """One run of `metering replay --from`.

    Its progress can be read while it runs and after an error.
    """

    source: CaptureSource
    hubs: Mapping[str, TakesBatches]
    """The use case of each hub, by the hub name in file names."""
    hub: str | None = None
    """The hub of files whose names do not contain a known one."""
    on_progress: Callable[[int, int], None] = lambda _done, _all: None
    """Called with the bytes read so far, and with all bytes to read."""
    tally: Tally = field(init=False, default_factory=Tally)
    files: int = field(init=False, default=0)
    events: int = field(init=False, default=0)
    damaged: list[Damaged] = field(init=False, default_factory=list)
    gaps: list[Gap] = field(init=False, default_factory=list)
    _bytes: int = field(init=False, default=0)
    _all_bytes: int = field(init=False, default=0)

    async def run(self, *, dry: bool = False) -> None:
        """Ingest all files by hub, partition and sequence number; `dry` only reads and counts them.

        A damaged file is reported and does not stop the others. An unreadable event becomes a dead
        letter, as on its first arrival. Raises RetryableError if the source or the store is
        unavailable. Raises ConfigurationError, with nothing ingested, for files of an unknown hub.
        Safe to repeat at any point.
        """
        parts = parts_in_order(await self.source.list_files())
        self._all_bytes = sum(part.file.size for part in parts)
        by_hub: defaultdict[str, list[CapturePart]] = defaultdict(list)
        for part in parts:
            by_hub[self._hub_of(part)].append(part)
        for hub, ours in by_hub.items():
            batch: list[Message] = []
            size = 0
            async for message in self._messages(ours):
                batch.append(message)
                size += len(message.body)
                if len(batch) == BATCH_EVENTS or size >= BATCH_BYTES:
                    await self._take_in(hub, batch, dry=dry)
                    batch, size = [], 0
            await self._take_in(hub, batch, dry=dry)

    def _hub_of(self, part: CapturePart) -> str:
        if self.hub in {None, part.hub} and part.hub in self.hubs:
            return part.hub
        if self.hub is None or part.hub in self.hubs or self.hub not in self.hubs:
            what = f"is of hub {part.hub!r}" if part.hub else "does not name its hub"
            known = " or ".join(f"--hub {name}" for name in self.hubs)
            raise ConfigurationError(f"{part.file.name}: {what}; use {known}")
        return self.hub

    async def _take_in(self, hub: str, batch: Sequence[Message], *, dry: bool) -> None:
        self.events += len(batch)
        if batch and not dry:
            self.tally = self.tally.plus(await self.hubs[hub].batch(batch, stop_for=0))

    async def _messages(self, parts: Sequence[CapturePart]) -> AsyncIterator[Message]:
        last: dict[str, int] = {}
        for part in parts:
            read = 0
            try:
                async for event in self.source.events(part.file):
                    read += 1
                    before = last.get(part.partition, event.sequence)
                    if event.sequence > before + 1 and len(self.gaps) < MAX_GAPS:
                        self.gaps.append(Gap(part.hub, part.partition, before, event.sequence))
                    last[part.partition] = event.sequence
                    yield Message(event.body, part.partition, event.sequence)
            except CaptureDamaged as why:
                self.damaged.append(Damaged(part.file.name, str(why), read))
            self.files += 1
            self._bytes += part.file.size
            self.on_progress(self._bytes, self._all_bytes)
