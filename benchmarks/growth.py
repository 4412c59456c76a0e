"""Ingest while one ledger grows: speed by tenth, and the memory of its process."""

import asyncio
import multiprocessing
import resource
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final, NamedTuple

from benchmarks.counting import disk_folder
from benchmarks.events import BATCH_SIZE
from metering.app.ingest.ingest import Message
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.core.basics.instants import DAY, Instant, format_instant, parse_instant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import SUBSCRIPTIONS, assign, body
from metering.settings.settings import Settings, SqliteStore

ENTRIES: Final = 1_000_000
TENTHS: Final = 10
#: The rate of the last tenth beside that of the first, at least.
RATIO_GOAL: Final = 0.8
#: The peak memory of the process, at most.
MEMORY_GOAL_MB: Final = 300.0

_START: Final = parse_instant("2026-10-01T00:00:00Z")
#: The month that the entries are spread over; all of them are of one period.
_SPAN: Final[Instant] = 30 * DAY
_NOW: Final = parse_instant("2026-10-31T12:00:00Z")
#: Rows of the trace that the events are made of, again and again with new ids and times.
_ROWS: Final = 1_000
_MB: Final = 1024 * 1024


class Tenth(NamedTuple):
    """The time ingest took for one tenth of the entries."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    """The part of it that does not depend on what else the machine does."""


class Grown(NamedTuple):
    """A ledger that has grown."""

    entries: int
    tenths: Sequence[Tenth]
    memory: float
    """The most that the process ever held, in MB, the interpreter and all imports included."""

    @property
    def rates(self) -> list[float]:
        """Events a second, tenth by tenth."""
        return [self.entries / TENTHS / tenth.seconds for tenth in self.tenths]

    @property
    def cpu_microseconds(self) -> list[float]:
        """Microseconds of computing an event, tenth by tenth."""
        return [tenth.cpu_seconds * 1e6 * TENTHS / self.entries for tenth in self.tenths]

    @property
    def ratio(self) -> float:
        """The rate of the last tenth beside that of the first."""
        return self.rates[-1] / self.rates[0]


def growth_document(found: Grown) -> dict[str, object]:
    """Return the figures as a JSON object, those of the whole run in `growth`."""
    tenth = found.entries // TENTHS
    return {
        "tenths": [
            {
                "entries": f"{position * tenth + 1:,} to {(position + 1) * tenth:,}",
                "events_per_second": round(rate),
                "cpu_microseconds_per_event": round(computed, 2),
                "ratio_to_first": round(rate / found.rates[0], 3),
            }
            for position, (rate, computed) in enumerate(
                zip(found.rates, found.cpu_microseconds, strict=True)
            )
        ],
        "growth": {
            "entries": found.entries,
            "ratio": round(found.ratio, 3),
            "goal": RATIO_GOAL,
            "met": found.ratio >= RATIO_GOAL,
            "peak_memory_mb": round(found.memory, 1),
            "peak_memory_goal_mb": MEMORY_GOAL_MB,
            "peak_memory_met": found.memory < MEMORY_GOAL_MB,
        },
    }


def measure(entries: int) -> Grown:
    """Let a ledger grow in a process of its own: nothing else is in the figure of its memory.

    ConfigurationError for a number that does not come in tenths of whole batches.
    """
    if entries < TENTHS * BATCH_SIZE or entries % (TENTHS * BATCH_SIZE):
        raise ConfigurationError(f"--growth: {entries} is no multiple of {TENTHS * BATCH_SIZE:,}")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as process:
        return process.submit(_grow, entries).result()


def _grow(entries: int) -> Grown:
    with TemporaryDirectory(prefix="metering-growth-", dir=disk_folder()) as folder:
        store = SqliteStore(Path(folder) / "metering.db")
        tenths = asyncio.run(_ingest(App(Settings(store, fixed_now=_NOW)), entries))
    return Grown(entries, tenths, _peak_memory())


async def _ingest(app: App, entries: int) -> list[Tenth]:
    """Return what ingest took by tenth; making the events is not in it."""
    bodies = _bodies(entries)
    tenths = []
    accepted = 0
    try:
        for _ in range(TENTHS):
            spent = computed = 0.0
            for _ in range(entries // TENTHS // BATCH_SIZE):
                batch = [Message(each, "0", row) for row, each in enumerate(_next(bodies))]
                start, cpu = perf_counter(), process_time()
                accepted += (await app.ingest.batch(batch)).accepted
                spent += perf_counter() - start
                computed += process_time() - cpu
            tenths.append(Tenth(spent, computed))
    finally:
        await app.close()
    if accepted != entries:
        raise MeteringError(f"{accepted} of {entries} events were accepted")
    return tenths


def _next(bodies: Iterator[bytes]) -> list[bytes]:
    return list(islice(bodies, BATCH_SIZE))


def _bodies(entries: int) -> Iterator[bytes]:
    """Yield the events of one tenant in order of time, each by filling in a form."""
    forms = _forms()
    for number in range(entries):
        time = format_instant(_START + _SPAN * number // entries).encode()
        yield forms[number % len(forms)] % (number, time)


def _forms() -> list[bytes]:
    """Return events with a place for a number in the id, and one for the time."""
    subscription, _ = SUBSCRIPTIONS[0]
    when = format_instant(_START)
    forms = []
    for row in read_trace()[:_ROWS]:
        request = assign(row)._replace(subscription=subscription)
        text = body(request, _START, "growth").decode().replace("%", "%%")
        text = text.replace(f'"growth-{row.number:06d}"', '"growth-%08d"')
        forms.append(text.replace(f'"{when}"', '"%b"').encode())
    return forms


def _peak_memory() -> float:
    """Return the most that this process ever held, in MB: Linux counts KB, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / _MB if sys.platform == "darwin" else peak * 1024 / _MB
