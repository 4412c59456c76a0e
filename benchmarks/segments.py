"""A ledger at one event a commit: bytes an entry, segments, and the rate as it grows.

The committer runs as in production on a store that keeps nothing but what it is asked for: the
latest head and the pages of the latest slots. Items are made as Cosmos DB gets them, measured and
dropped, so that millions of entries need neither a disk nor an account.
"""

import asyncio
import multiprocessing
import resource
import sys
from collections import OrderedDict
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ProcessPoolExecutor
from time import process_time
from typing import Final, NamedTuple

from pydantic_core import to_json

from benchmarks.growth import TENTHS
from metering.adapters.clock import FixedClock
from metering.adapters.cosmos.segments import head_item, page_item
from metering.app.ledger.committer import Committer
from metering.core.basics.documents import Document
from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.core.basics.instants import DAY, Instant, format_instant, parse_instant
from metering.core.calendars.periods import LedgerId, Slot, month_of
from metering.core.ledger import commit as planning
from metering.core.ledger.commit import Commit
from metering.core.ledger.effect import size_of
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.prices.rating import NO_UNITS, Rate
from metering.core.usage.usage_reader import UsageReader
from metering.ports import StoredHead

ENTRIES: Final = 5_000_000
#: Bytes an entry at one event a commit, at most.
BYTES_GOAL: Final = 700
#: Segments are closed ten times as early as in production, so that a run has some.
SEGMENT_BYTES: Final = planning.MAX_SEGMENT_BYTES // 10

_START: Final = parse_instant("2026-10-01T00:00:00Z")
_NOW: Final = parse_instant("2026-10-31T12:00:00Z")
_SPAN: Final[Instant] = 30 * DAY
_LEDGER: Final = LedgerId("contoso", _START)
_PRICES: Final = {0: 2_500_000_000_000, 1: 1_250_000_000_000, 8: 10_000_000_000_000}
_RATE: Final = Rate(
    "gpt-4o",
    "azure-retail-2026-11-30",
    "gpt-4o/data_zone/any/standard",
    1_000_000,
    tuple(_PRICES.get(place) for place in range(len(NO_UNITS))),
    "microsoft",
)
_SLOTS_KEPT: Final = 4
_MB: Final = 1024 * 1024


class Measured(NamedTuple):
    """A ledger that has grown, one event a commit."""

    entries: int
    bytes: int
    segments: int
    cpu_microseconds: Sequence[float]
    """Of one event, by tenth of the entries."""
    memory: float
    """The most that the process ever held, in MB."""


class Passing:
    """Implements what the committer asks of a LedgerStore; items are measured and dropped."""

    def __init__(self) -> None:
        self.bytes = 0
        self._head: Head | None = None
        self._slots: OrderedDict[Slot, list[Page]] = OrderedDict()

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed."""
        is_mine = self._head is not None and ledger == _LEDGER
        return StoredHead(self._head, self._head.pages) if is_mine and self._head else None

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:  # noqa: ARG002
        """Return a page that is still kept."""
        kept = (page for pages in self._slots.values() for page in pages)
        return next((page for page in kept if page.number == number), None)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:  # noqa: ARG002
        """Return the pages of these slots; the events come in order of time."""
        return [page for slot in slots for page in self._slots.get(slot, [])]

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:  # noqa: ARG002
        """Return nothing: no request is looked for by its id alone."""
        return []

    async def commit(self, commit: Commit) -> None:
        """Measure what would be sent, and keep the pages of the latest slots."""
        for page, content in zip(commit.pages, commit.contents, strict=True):
            self.bytes += len(to_json(page_item(page, content, commit.segment)))
            self._slots.setdefault(page.slot, []).append(page)
        if commit.checkpoint and commit.segment > commit.head.segment_of(commit.before or 1):
            # The head of the segment before stays beside the new one.
            self.bytes += len(to_json(head_item(commit.head, commit.segment)))
        self.bytes += sum(map(size_of, commit.effects))
        while len(self._slots) > _SLOTS_KEPT:
            self._slots.popitem(last=False)
        self._head = commit.head

    async def write_checkpoint(self, head: Head) -> bool:
        """Do nothing: nobody reads from a checkpoint."""
        self._head = head
        return True

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:  # noqa: ARG002
        """Yield nothing: no page is kept."""
        for page in list[Page]():
            yield page

    async def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:  # noqa: ARG002
        """Yield nothing: no page is kept."""
        for document in list[Document]():
            yield document

    async def ledgers_of_pages(self) -> list[LedgerId]:
        """Return the one ledger."""
        return [_LEDGER]

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:  # noqa: ARG002
        """Return the one ledger."""
        return [_LEDGER]


def measure(entries: int) -> Measured:
    """Let a ledger grow in a process of its own, so that its memory is its own too."""
    if entries < TENTHS:
        raise ConfigurationError(f"--segments {entries}: at least {TENTHS} entries")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_grown, entries).result()


def _grown(entries: int) -> Measured:
    planning.MAX_SEGMENT_BYTES = SEGMENT_BYTES  # type: ignore[misc]
    store = Passing()
    clock = FixedClock(_NOW)
    committer = Committer(store=store, clock=clock, periods=lambda _, at: month_of(at))
    tenths = asyncio.run(_commit_all(committer, entries))
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    head = asyncio.run(store.read_head(_LEDGER))
    if head is None or head.head.entries != entries:
        raise MeteringError("not every event has become an entry")
    return Measured(entries, store.bytes, 1 + len(head.head.segments), tenths, peak / _MB)


async def _commit_all(committer: Committer, entries: int) -> list[float]:
    reader, tenths = UsageReader(), list[float]()
    tenth = entries // TENTHS
    began = process_time()
    for number in range(tenth * TENTHS):
        usage = reader.read(_event(number, entries), _NOW)
        await committer.commit(
            _LEDGER, [usage], lambda one, _: (_RATE, sum(map(_cost, enumerate(one.buckets))))
        )
        if (number + 1) % tenth == 0:
            tenths.append((process_time() - began) * 1e6 / tenth)
            began = process_time()
    return tenths


def _cost(bucket: tuple[int, int]) -> int:
    place, count = bucket
    return count * _PRICES.get(place, 0)


def _event(number: int, entries: int) -> bytes:
    usage = {
        "prompt_tokens": 900 + number % 700,
        "completion_tokens": 50 + number % 300,
        "total_tokens": 950 + number % 700 + number % 300,
    }
    data = {
        "model": "gpt-4o",
        "requested_model": "gpt-4o",
        "deployment": f"gpt-4o-{number % 5}",
        "deployment_type": "data_zone",
        "provider": "azure.openai",
        "region": "swedencentral",
        "api": "azure-openai",
        "operation": "chat-completions",
        "backend": "contoso-sweden",
        "product": "internal",
        "use_case": f"use-case-{number % 20}",
        "end_user": f"user-{number % 5_000}@contoso.com",
        "status": 200,
        "streamed": False,
        "usage": usage,
    }
    event = {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "id": f"{number:08x}-6f0c-4a52-9b1d-{number * 2_654_435_761 % 2**48:012x}",
        "source": "/apim/contoso",
        "time": format_instant(_START + _SPAN * number // entries),
        "subject": f"contoso-{number % 3}",
        "data": data,
    }
    return to_json(event)


def segments_document(found: Measured) -> dict[str, object]:
    """Return the figures as a JSON object."""
    an_entry = found.bytes / found.entries
    first, last = found.cpu_microseconds[0], found.cpu_microseconds[-1]
    return {
        "segments": {
            "entries": found.entries,
            "bytes_an_entry": round(an_entry, 1),
            "met": an_entry <= BYTES_GOAL,
            "gigabytes": round(found.bytes / 1e9, 3),
            "segments": found.segments,
            "cpu_microseconds_first_tenth": round(first, 1),
            "cpu_microseconds_last_tenth": round(last, 1),
            "ratio": round(first / last, 3),
            "memory_mb": round(found.memory, 1),
        }
    }
