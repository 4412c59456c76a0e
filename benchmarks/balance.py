"""The latency of a balance from `metering serve`, alone and while events arrive."""

import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from benchmarks.balance_clients import PATH, Answered, Round, ask_all
from benchmarks.closing import NOW, fill, tenant_name
from benchmarks.counting import disk_folder
from benchmarks.overshoot_latency import percentile
from benchmarks.timing import Progress
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import MINUTE, format_instant
from metering.local.demo.trace import read_trace
from metering.local.demo.traffic import assign, body

REQUESTS_PER_SECOND: Final = 200
SECONDS: Final = 20
TENANTS: Final = 1_000
#: Who asks, in turns: each too rarely to come near METERING_RATE_LIMIT, which stays as it is.
CALLERS: Final = 10
BATCHES_PER_SECOND: Final = 5
EVENTS_A_BATCH: Final = 100
#: Of requests that are not measured: imports, connections and caches as in a process that runs.
_WARM: Final = 200
_LONGEST_S: Final = 60
#: The goal for 99 of 100 answers, in milliseconds.
GOAL_MS: Final = 50.0
_PROJECT: Final = Path(__file__).parents[1]


class BalanceReads(NamedTuple):
    """The time that reading balances took."""

    tenants: int
    alone: Answered
    beside_events: Answered


def measure(progress: Progress) -> BalanceReads:
    """Ask a server of its own over a store on disk, from a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    with (
        TemporaryDirectory(prefix="metering-bench-", dir=disk_folder()) as folder,
        ProcessPoolExecutor(1, mp_context=spawn) as client,
    ):
        store = Path(folder) / "store.db"
        progress(f"{TENANTS:,} tenants use something")
        with ProcessPoolExecutor(1, mp_context=spawn) as before:
            before.submit(fill, store, TENANTS).result()
        settings = {
            "METERING_NOW": format_instant(NOW),
            "METERING_STORE": f"sqlite:///{store}",
            "HOME": folder,
        }
        tokens = [token(settings, "--tenant", tenant_name(number)) for number in range(CALLERS)]
        with served(settings) as url:
            base = Round(url, tokens, REQUESTS_PER_SECOND, REQUESTS_PER_SECOND * SECONDS)
            client.submit(ask_all, base._replace(requests=_WARM)).result()
            progress("balances are read")
            alone = client.submit(ask_all, base).result()
            progress("balances are read while events arrive")
            mixed = base._replace(
                reporter=token(settings, "--producer"),
                batches=_batches(BATCHES_PER_SECOND * SECONDS),
                batches_per_second=BATCHES_PER_SECOND,
            )
            return BalanceReads(TENANTS, alone, client.submit(ask_all, mixed).result())


def balance_document(found: BalanceReads) -> dict[str, object]:
    """Return the figures as a JSON object."""
    return {
        "path": f"/api{PATH}",
        "tenants": found.tenants,
        "requests_per_second": REQUESTS_PER_SECOND,
        "balance": {
            "alone": answered_document(found.alone),
            "beside_events": answered_document(found.beside_events),
        },
    }


def answered_document(one: Answered) -> dict[str, object]:
    """Return the figures of a round; latencies in milliseconds, none without an answer."""
    answers = one.latencies
    p50, p99, longest = (
        [round(percentile(answers, share) * 1_000, 3) for share in (50, 99, 100)]
        if answers
        else [None] * 3
    )
    return {
        "answered": len(answers),
        "seconds": round(one.seconds, 3),
        "events_reported": one.events,
        "events_per_second": round(one.events / one.seconds),
        "p50_ms": p50,
        "p99_ms": p99,
        "max_ms": longest,
        "errors": one.errors,
        "goal_p99_ms": GOAL_MS,
        "met": p99 is not None and p99 < GOAL_MS and not one.errors,
    }


def _batches(number: int) -> Sequence[bytes]:
    """Return batches of events, each of one of the tenants whose balances are read."""
    requests = [assign(row) for row in islice(cycle(read_trace()), EVENTS_A_BATCH)]
    made: list[bytes] = []
    for batch in range(number):
        name = tenant_name(batch % CALLERS)
        events = [
            body(request._replace(subscription=name), NOW - MINUTE, f"balance-{batch}-{row}")
            for row, request in enumerate(requests)
        ]
        made.append(b"[" + b",".join(events) + b"]")
    return made


def token(settings: Mapping[str, str], *who: str) -> str:
    """Return the token that `metering token` prints."""
    command = [sys.executable, "-m", "metering", "token", *who]
    ran = subprocess.run(
        command, env=settings, cwd=_PROJECT, capture_output=True, timeout=_LONGEST_S, check=False
    )
    if ran.returncode:
        raise MeteringError(f"metering token: {ran.stderr.decode().strip()}")
    return ran.stdout.decode().strip()


@contextmanager
def served(settings: Mapping[str, str]) -> Iterator[str]:
    """Run `metering serve` as a child process while the context is open; give its address."""
    command = [sys.executable, "-m", "metering", "serve", "--port", "0"]
    with subprocess.Popen(command, env=settings, cwd=_PROJECT, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            line = child.stdout.readline().decode()
            if not line.startswith("Serving http://"):
                raise MeteringError(f"metering serve: says {line!r}")
            yield line.split()[1]
        finally:
            child.send_signal(signal.SIGINT)
