"""Many commits, a fault in every second one: nothing is lost and nothing counts twice.

METERING_TEST_COMMITS says how many, on each store; `make soak` asks for ten thousand in all.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest

from metering.app.ingest.ingest import Message
from metering.bootstrap import Stores, stores_for
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import MINUTE, format_instant
from metering.core.basics.money import to_decimal
from metering.core.calendars.periods import month_of
from metering.settings.settings import CosmosStore, SqliteStore
from tests.builders import AT, NOW, body
from tests.doubles.cosmos import CosmosPeer, Fault, RequestInfo
from tests.faults import outbox
from tests.systems import System, TickingClock

WRITERS = 4
#: A multiple of writers and tenants, and at least 210: each tenant uses each model without a price.
COMMITS = int(os.environ.get("METERING_TEST_COMMITS", "240"))
TENANTS = 10

FAULTS = [
    Fault(what="succeed_then_time_out", hold_s=0),
    Fault(what="fail_before", status=500),
    Fault(what="throttle", retry_after_ms=1),
    Fault(what="drop_connection"),
]


@pytest.fixture
def peer() -> Iterator[CosmosPeer]:
    with CosmosPeer() as made:
        yield made


def _chance(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4])


def _is_unpriced(number: int) -> bool:
    return number % 7 == 0


def _event(number: int) -> bytes:
    """One request of 1,000 tokens in; each tenant's times wander over a week."""
    model = {"data__model": f"gpt-9{number % 3}"} if _is_unpriced(number) else {}
    return body(
        **model,
        id=f"r-{number}",
        subject=f"sub-{number % TENANTS}",
        time=format_instant(AT - number % 997 * 10 * MINUTE),
        data__usage={"prompt_tokens": 1000},
    )


async def _write(system: System, numbers: range) -> None:
    """Ingest one event a commit, and again until the store has said that it is there."""
    for number in numbers:
        while True:
            try:
                await system.ingest.batch([Message(_event(number), "0", number)])
                break
            except RetryableError:
                continue


async def _check(system: System, events: int) -> None:
    for tenant in range(TENANTS):
        (ledger,) = await system.verify.ledgers(f"sub-{tenant}")
        verdict = await system.verify.one(ledger)
        assert verdict.faults == ()
        balance = await system.read.balance(ledger.tenant, month_of(AT))
        assert balance.total.requests == events // TENANTS
        priced = [n for n in range(tenant, events, TENANTS) if not _is_unpriced(n)]
        # 1,000 tokens at 2.5 a million are 0.0025 a request.
        assert to_decimal(balance.amount) == Decimal("0.0025") * len(priced)
    # Each tenant uses each of the three models without a price.
    assert (await outbox.expected(system)).total() == 3 * TENANTS
    await outbox.check(system, [system])


async def test_commits_over_a_bad_wire(peer: CosmosPeer) -> None:
    events = COMMITS
    made: list[Stores] = []
    clock = TickingClock(NOW)

    def connect() -> System:
        made.append(stores_for(CosmosStore(peer.url, "metering", peer.key)))
        return System(made[-1], clock=clock)

    judge = connect()
    await made[0].prepare()

    def choose(request: RequestInfo) -> Fault | None:
        chance = _chance("wire", request.number)
        right = request.kind == "batch" and chance % 2 == 0
        return FAULTS[chance // 2 % len(FAULTS)] if right else None

    peer.faults.schedule(choose)
    # Each event is written by two of the writers, at different moments.
    half = events // 2
    parts = [range(half), range(half, events), range(half, events), range(half)]
    await asyncio.gather(*(_write(connect(), part) for part in parts))
    peer.faults.schedule(None)
    await _check(judge, events)
    for stores in made:
        await stores.close()


async def test_commits_by_processes_that_fail(tmp_path: Path) -> None:
    events = COMMITS
    made: list[Stores] = []
    clock = TickingClock(NOW)

    def start(writer: int) -> System:
        made.append(stores_for(SqliteStore(tmp_path / "store.db")))
        system = System(made[-1], clock=clock)
        turns = count()

        def strike() -> None:
            if _chance(writer, next(turns)) % 4 == 0:
                raise RetryableError("struck")

        # Before and after each commit of this writer, for ever.
        system.store.strike = strike  # type: ignore[method-assign]
        return system

    quarter = events // WRITERS
    parts = [range(n * quarter, (n + 1) * quarter) for n in range(WRITERS)]
    await asyncio.gather(*(_write(start(n), part) for n, part in enumerate(parts)))
    made.append(stores_for(SqliteStore(tmp_path / "store.db")))
    await _check(System(made[-1], clock=clock), events)
    for stores in made:
        await stores.close()
