"""A state machine that does to the system whatever practice does, and holds it to one sum.

Hosts take batches from a partition that re-delivers, crash between any two steps, lose answers,
race each other and hand the partition over. Afterwards every request counts once.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from metering.app.ingest import Message
from metering.core.errors import RetryableError
from metering.core.instants import DAY, MINUTE, format_instant
from metering.core.money import to_decimal
from metering.core.periods import month_of
from tests.builders import AT, body
from tests.systems import System

TENANTS = ("sub-1", "sub-2")
HOSTS = 3
MAX_BATCH = 8
#: The edge of November, where ids may return from the ledger before.
EDGE = month_of(AT).start
TIMES = (AT, AT + 7 * MINUTE, AT - 3 * DAY, EDGE - MINUTE, EDGE + MINUTE)


class Sent(NamedTuple):
    """One request as the test remembers it: its best counts so far."""

    tenant: str
    rank: int
    prompt: int
    output: int


class Crashed(BaseException):
    """A process ended here."""


class ExactlyOnce(RuleBasedStateMachine):
    """Rules are what may happen; `teardown` is what must hold."""

    #: Set by the test module of each store: makes one more process on the store of this run.
    make_process: Callable[[], Awaitable[System]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.hosts: list[System] = []
        self.log: list[bytes] = []
        self.checkpoint = 0
        self.best: dict[int, Sent] = {}

    def run(self, work: Awaitable[Any]) -> Any:
        """Run one step to its end."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    @initialize()
    def start(self) -> None:
        """Start the hosts."""
        self.hosts = [self.run(self.make_process()) for _ in range(HOSTS)]

    @rule(
        number=st.integers(0, 30),
        kind=st.sampled_from(["pending", "absent", "totals", "full"]),
        tokens=st.integers(0, 5000),
    )
    def send(self, number: int, kind: str, tokens: int) -> None:
        """A request's event arrives, for the first time or with better or weaker counts."""
        tenant, time = TENANTS[number % 2], TIMES[number % 5]
        rank = ["pending", "absent", "totals", "full"].index(kind)
        counts = (tokens, tokens // 3) if rank > 1 else (0, 0)
        self.log.append(_body(number, kind, time, tenant, counts))
        known = self.best.get(number)
        if known is None or rank > known.rank:
            self.best[number] = Sent(tenant, rank, *counts)
        elif rank == known.rank:
            # The producer repeats what it said: other content would be a conflict.
            self.log[-1] = _body(number, kind, time, tenant, (known.prompt, known.output))

    @rule(number=st.integers(0, 10**6), copies=st.integers(1, 3))
    def repeat(self, number: int, copies: int) -> None:
        """An event of long ago arrives again."""
        if self.log:
            self.log.extend([self.log[number % len(self.log)]] * copies)

    @rule(host=st.integers(0, HOSTS - 1), size=st.integers(1, MAX_BATCH))
    def deliver(self, host: int, size: int) -> None:
        """A host takes the next batch, and the checkpoint moves."""
        self.run(self._ingest(self.hosts[host], self.checkpoint, size))
        self.checkpoint = min(len(self.log), self.checkpoint + size)

    @rule(
        host=st.integers(0, HOSTS - 1),
        size=st.integers(1, MAX_BATCH),
        edge=st.sampled_from(["before", "after"]),
        fault=st.sampled_from([RetryableError("lost"), Crashed(), asyncio.CancelledError()]),
        times=st.integers(1, 3),
    )
    def deliver_badly(
        self, host: int, size: int, edge: str, fault: BaseException, times: int
    ) -> None:
        """A commit fails before or after it is written; if the process dies, another takes over."""
        system = self.hosts[host]
        getattr(system.store, edge).extend([_raising(fault)] * times)
        try:
            self.run(self._ingest(system, self.checkpoint, size))
        except (RetryableError, asyncio.CancelledError):
            return
        except Crashed:
            self.hosts[host] = self.run(self.make_process())
            return
        finally:
            getattr(system.store, edge).clear()
        self.checkpoint = min(len(self.log), self.checkpoint + size)

    @rule(back=st.integers(1, 20))
    def rewind(self, back: int) -> None:
        """The partition is handed over: the new owner starts from an older checkpoint."""
        self.checkpoint = max(0, self.checkpoint - back)

    @rule(size=st.integers(1, MAX_BATCH))
    def race(self, size: int) -> None:
        """All hosts have the same and overlapping batches at the same moment."""
        starts = [max(0, self.checkpoint - shift) for shift in range(HOSTS)]

        async def together() -> None:
            work = zip(self.hosts, starts, strict=True)
            await asyncio.gather(*(self._ingest(host, start, size) for host, start in work))

        self.run(together())

    @rule(host=st.integers(0, HOSTS - 1), lag=st.integers(0, 2))
    def lag(self, host: int, lag: int) -> None:
        """A replica falls behind: queries leave out the newest pages."""
        self.hosts[host].store.lag = lag

    async def _ingest(self, system: System, start: int, size: int) -> None:
        taken = self.log[start : start + size]
        messages = [Message(content, "0", start + n) for n, content in enumerate(taken)]
        await system.ingest.batch(messages, stop_for=0)

    def teardown(self) -> None:
        """Deliver what is left, then hold every ledger to the sum."""
        try:
            if self.hosts:
                self.run(self._settle())
        finally:
            self.loop.run_until_complete(self.close())
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    async def close(self) -> None:
        """Let go of what the processes had open."""

    async def _settle(self) -> None:
        judge = await self.make_process()
        while self.checkpoint < len(self.log):
            await self._ingest(judge, self.checkpoint, MAX_BATCH)
            self.checkpoint += MAX_BATCH
        for tenant in TENANTS:
            await self._judge(judge, tenant)
        assert await judge.dead_letters.count_dead_letters() == {}

    async def _judge(self, judge: System, tenant: str) -> None:
        amount, requests = Decimal(0), 0
        for ledger in await judge.verify.ledgers(tenant):
            verdict = await judge.verify.one(ledger)
            assert verdict.faults == ()
            period = month_of(ledger.start)
            balance = await judge.read.balance(tenant, period)
            amount += to_decimal(balance.amount)
            requests += balance.total.requests
        counted = [sent for sent in self.best.values() if sent.tenant == tenant and sent.rank > 0]
        assert requests == len(counted)
        # The list price of the test book: 2.5 in and 10 out per million tokens.
        prices = [Decimal("2.5") * s.prompt + Decimal(10) * s.output for s in counted]
        assert amount == sum(prices, Decimal(0)) / 1_000_000


def _raising(fault: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise fault

    return raise_it


def _body(number: int, kind: str, time: int, tenant: str, counts: tuple[int, int]) -> bytes:
    usage = {"prompt_tokens": counts[0], "completion_tokens": counts[1]}
    final = kind in {"totals", "full"}
    return body(
        id=f"r-{number}",
        time=format_instant(time),
        subject=tenant,
        data__tokens="final" if final else kind,
        data__evidence=kind if final else "full",
        data__usage=usage if final else None,
    )
