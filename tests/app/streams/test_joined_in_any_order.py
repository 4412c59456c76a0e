"""Identities and logs in any order, repeated, cut into any batches: one ledger comes of it."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from metering.core.basics.instants import DAY
from metering.core.ledger.entry import State
from metering.core.streams.lifetimes import RECOVERY_DELAY
from tests.builders import NOW, body
from tests.gateway_logs import gateway_record, llm_record, log, take_in
from tests.systems import MovableClock, System

REQUESTS = 6
ZERO = {"promptTokens": 0, "completionTokens": 0, "totalTokens": 0}


def pieces(number: int) -> list[tuple[str, bytes]]:
    """Return all that is ever sent of a request: 0-2 streams, 3 final, 4 only logs, 5 no log."""
    name = f"r-{number}"
    counts: dict[str, Any] = {"promptTokens": 100 * number + 7, "completionTokens": number}
    counts["totalTokens"] = 101 * number + 7
    usage = {"prompt_tokens": 100 * number + 7, "completion_tokens": number}
    stream = body(id=name, data__tokens="pending", data__usage=None)
    rows = [
        llm_record(name, **counts),
        llm_record(name, **ZERO, sequenceNumber=1),
        llm_record(name, **ZERO, sequenceNumber=2),
    ]
    sent = [("usage", stream)] if number in {0, 1, 2, 5} else []
    if number == 3:
        sent.append(("usage", body(id=name, data__usage=usage)))
    if number != 5:
        sent += [("logs", log(row)) for row in rows] + [("logs", log(*rows))]
    if number in {2, 3, 4}:
        sent.append(("logs", log(gateway_record(name))))
    return sent


EVERYTHING = [piece for number in range(REQUESTS) for piece in pieces(number)]


@st.composite
def deliveries(draw: st.DrawFn) -> list[tuple[int, list[tuple[str, bytes]]]]:
    """Return batches for processes: everything at least once, some of it again, in any order."""
    again = draw(st.lists(st.sampled_from(EVERYTHING), max_size=12))
    order = draw(st.permutations(EVERYTHING + again))
    batches = []
    while order:
        size = draw(st.integers(1, 9))
        batches.append((draw(st.integers(0, 1)), order[:size]))
        order = order[size:]
    return batches


async def _ledger(batches: list[tuple[int, list[tuple[str, bytes]]]]) -> dict[str, State]:
    """Deliver, let time pass, and return the last state of each request."""
    with tempfile.TemporaryDirectory() as folder:
        clock = MovableClock(NOW)
        databases = [Database(Path(folder, "store.db")) for _ in range(2)]
        systems = [System(sqlite_stores(database), clock=clock) for database in databases]
        for process, batch in batches:
            await take_in(systems[process].ingest, *(b for hub, b in batch if hub == "usage"))
            await take_in(systems[process].join, *(b for hub, b in batch if hub == "logs"))
        for later in (NOW + RECOVERY_DELAY + 1, NOW + DAY + 1):
            clock.set(later)
            await systems[0].recover.run()
            await systems[1].expire.run()
        states = {}
        (ledger,) = await systems[0].verify.ledgers()
        assert (await systems[0].verify.one(ledger)).faults == ()
        assert (await systems[0].dead_letters.count_dead_letters()).kept == {}
        async for page in systems[0].store.pages(ledger):
            for entry in page.entries:
                states[entry.id] = entry.state
        for database in databases:
            await database.close()
        return states


@settings(max_examples=40, deadline=None)
@given(deliveries())
def test_every_order_repetition_and_partition_gives_the_same_ledger(
    batches: list[tuple[int, list[tuple[str, bytes]]]],
) -> None:
    states = asyncio.run(_ledger(batches))
    found = {name: (state.evidence.name, state.amount) for name, state in states.items()}
    # A prompt token costs 2.5, an output token 10 per million: (250 n + 17.5 + 10 n) x 10^-6
    assert found == {
        "r-0": ("TOTALS", 17_500_000_000_000),
        "r-1": ("TOTALS", 277_500_000_000_000),
        "r-2": ("TOTALS", 537_500_000_000_000),
        "r-3": ("FULL", 797_500_000_000_000),
        "r-4": ("RECOVERED", 1_057_500_000_000_000),
        "r-5": ("MISSING", None),
    }
