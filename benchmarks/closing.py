"""The time and memory to close all tenants of a company at the same minute."""

import asyncio
import multiprocessing
import resource
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Final, NamedTuple

from benchmarks.counting import disk_folder
from metering.app.billing.close_periods import Closed
from metering.app.ingest.ingest import Message
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant, format_instant, parse_instant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import assign, body
from metering.settings.settings import Settings, SqliteStore

TENANTS: Final = 10_000
#: Of each tenant: a page for each of these slots.
EVENTS_EACH: Final = 20
NOW: Final = parse_instant("2026-10-31T12:00:00Z")
_DUE: Final = parse_instant("2026-11-05T00:00:00Z")
_START: Final = parse_instant("2026-10-02T00:00:00Z")
_MB: Final = 1024 * 1024
_KB: Final = 1024
_TENANTS_A_BATCH: Final = 50


class Closing(NamedTuple):
    """The time and memory that closing one month of many tenants took."""

    tenants: int
    events: int
    seconds: float
    again_seconds: float
    """A run of another process that finds nothing to do."""
    memory: float
    """The most that the process ever held, in MB, the interpreter and all imports included."""


def measure(tenants: int = TENANTS) -> Closing:
    """Close one month of so many tenants, in a process of its own over a store on disk."""
    if tenants < 1:
        raise ConfigurationError("--closing: needs at least one tenant")
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

    seconds, closed = run()
    if closed != tenants:
        raise ConfigurationError(f"--closing: {closed} periods of {tenants} were closed")
    again, _ = run()
    unit = _MB if sys.platform == "darwin" else _KB
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return Closing(tenants, events, seconds, again, memory)


async def _closed(app: App, at: Instant) -> tuple[float, int]:
    start = perf_counter()
    closed = [one async for one in app.billing.close_periods.run(at) if isinstance(one, Closed)]
    seconds = perf_counter() - start
    await app.close()
    return seconds, len(closed)


def closing_document(found: Closing) -> dict[str, object]:
    """Return the figures as a JSON object."""
    return {
        "closing": {
            "tenants": found.tenants,
            "events": found.events,
            "seconds": round(found.seconds, 1),
            "milliseconds_per_tenant": round(1_000 * found.seconds / found.tenants, 2),
            "again_seconds": round(found.again_seconds, 2),
            "peak_memory_mb": round(found.memory),
            "due": format_instant(_DUE),
        }
    }
