"""The time and memory to close all tenants of a company at the same minute."""

import asyncio
import math
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Final, NamedTuple

from benchmarks.counting import disk_folder
from benchmarks.timing import Progress
from metering.app.billing.close_periods import Closed
from metering.app.ingest.ingest import Message
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant, parse_instant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import assign, body
from metering.settings.settings import Settings, SqliteStore

TENANTS: Final = 10_000
#: Of each tenant: a page for each of these slots.
EVENTS_EACH: Final = 20
NOW: Final = parse_instant("2026-10-31T12:00:00Z")
_DUE: Final = parse_instant("2026-11-05T00:00:00Z")
_START: Final = parse_instant("2026-10-02T00:00:00Z")
#: Of the tenants: the months that are closed one after the other, to show that it is linear.
_PARTS: Final = (0.1, 0.2, 0.4, 1)
_MB: Final = 1024 * 1024
_KB: Final = 1024
_TENANTS_A_BATCH: Final = 50


class Closing(NamedTuple):
    """The time and memory that closing one month of many tenants took."""

    tenants: int
    events: int
    seconds: float
    processor_s: float
    again_seconds: float
    """A run of another process that finds nothing to do."""
    memory: float
    """The most that the process ever held, in MB, the interpreter and all imports included."""


def measure(tenants: int = TENANTS) -> Closing:
    """Close one month of so many tenants, in a process of its own over a store on disk."""
    spawn = multiprocessing.get_context("spawn")
    with TemporaryDirectory(dir=disk_folder()) as folder:
        store = Path(folder) / "store.db"
        with ProcessPoolExecutor(1, mp_context=spawn) as before:
            events = before.submit(fill, store, tenants).result()
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:
            return alone.submit(_close, store, tenants, events).result()


def fill(store: Path, tenants: int) -> int:
    """Make so many tenants with a page for each of EVENTS_EACH slots; return how many events."""
    return asyncio.run(_filled(App(Settings(SqliteStore(store), fixed_now=NOW)), tenants))


async def _filled(app: App, tenants: int) -> int:
    requests = [assign(row) for row in read_trace()[:EVENTS_EACH]]
    sent = 0
    for first in range(0, tenants, _TENANTS_A_BATCH):
        messages: list[Message] = []
        for tenant in range(first, min(tenants, first + _TENANTS_A_BATCH)):
            for number, request in enumerate(requests):
                theirs = request._replace(subscription=tenant_name(tenant))
                made = body(theirs, _START + number * DAY, f"closing-{tenant}")
                messages.append(Message(made, "0", len(messages)))
        tally = await app.ingest.batch(messages)
        sent += tally.accepted
    await app.close()
    return sent


def tenant_name(number: int) -> str:
    """Return the name of a tenant, which is that of its subscription too."""
    return f"tenant-{number:05d}"


def _close(store: Path, tenants: int, events: int) -> Closing:
    def run() -> tuple[float, int]:
        return asyncio.run(_closed(App(Settings(SqliteStore(store), fixed_now=NOW)), _DUE))

    before = process_time()
    seconds, closed = run()
    processor_s = process_time() - before
    if closed != tenants:
        raise ConfigurationError(f"--closing: {closed} periods of {tenants} were closed")
    again, _ = run()
    unit = _MB if sys.platform == "darwin" else _KB
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return Closing(tenants, events, seconds, processor_s, again, memory)


async def _closed(app: App, at: Instant) -> tuple[float, int]:
    start = perf_counter()
    closed = [one async for one in app.billing.close_periods.run(at) if isinstance(one, Closed)]
    seconds = perf_counter() - start
    await app.close()
    return seconds, len(closed)


def closing_document(tenants: int, progress: Progress) -> dict[str, object]:
    """Return the figures of a tenth, a fifth and two fifths of so many tenants, and of all.

    `beside_first` is the processor time of a tenant beside that in the smallest month.
    """
    if tenants < 1:
        raise ConfigurationError("--closing: needs at least one tenant")
    found: list[Closing] = []
    for number in sorted({math.ceil(tenants * part) for part in _PARTS}):
        progress(f"the periods of {number:,} tenants end")
        found.append(measure(number))
    first = found[0].processor_s / found[0].tenants
    return {
        "closing": [
            {
                "tenants": one.tenants,
                "events": one.events,
                "seconds": round(one.seconds, 1),
                "processor_s": round(one.processor_s, 1),
                "processor_ms_per_tenant": round(1_000 * one.processor_s / one.tenants, 2),
                "beside_first": round(one.processor_s / one.tenants / first, 2),
                "again_seconds": round(one.again_seconds, 2),
                "peak_memory_mb": round(one.memory),
            }
            for one in found
        ]
    }
