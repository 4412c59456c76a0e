"""A state machine that does to the system whatever practice does, and holds it to one sum.

Hosts take batches from a partition that re-delivers, crash between any two steps, lose answers,
race each other and hand the partition over. Afterwards every request counts once, and what the
commits asked to be told was told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from metering.app.ingest.ingest import Message
from metering.core.basics.errors import RetryableError
from metering.core.basics.money import to_decimal
from metering.core.calendars.periods import month_of
from tests.builders import NOW
from tests.faults import outbox
from tests.faults.requests import (
    KINDS,
    PRICED,
    REQUESTS,
    TENANTS,
    TIMES,
    Sent,
    body_of,
    model_of,
)
from tests.systems import System, TickingClock

HOSTS = 3
MAX_BATCH = 8


class Crashed(BaseException):
    """A process ended here."""


class ExactlyOnce(RuleBasedStateMachine):
    """Rules are what may happen; `teardown` is what must hold."""

    #: Set by the test module of each store: makes one more process on the store of this run.
    make_process: Callable[[], Awaitable[System]]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = TickingClock(NOW)
        self.hosts: list[System] = []
        self.processes: list[System] = []
        self.log: list[bytes] = []
        self.checkpoint = 0
        self.best: dict[int, Sent] = {}
        self.conflicting: set[bytes] = set()

    def run(self, work: Awaitable[Any]) -> Any:
        """Run one step to its end."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 30))

    @initialize()
    def start(self) -> None:
        """Start the hosts."""
        self.hosts = [self.run(self.start_process()) for _ in range(HOSTS)]

    async def start_process(self) -> System:
        """Start one more process; whom it told of effects is remembered after its end."""
        self.processes.append(await self.make_process())
        return self.processes[-1]

    @rule(requests=st.lists(REQUESTS, min_size=1, max_size=6))
    def send(self, requests: list[tuple[int, str, int, tuple[int, ...]]]) -> None:
        """Events arrive: for the first time, with better or weaker counts, or moved in time."""
        for number, kind, tokens, times in requests:
            self._send(number, kind, tokens, times[number % 5])

    def _send(self, number: int, kind: str, tokens: int, time: int) -> None:
        rank = KINDS.index(kind)
        counts = (tokens, tokens // 3) if rank > 1 else (0, 0)
        known = self.best.get(number)
        if known is not None and rank == known.rank:
            # The producer repeats what it said.
            counts = (known.prompt, known.output)
        self.log.append(body_of(number, kind, time, counts))
        if known is None or rank > known.rank:
            priced = model_of(number, kind) == PRICED
            self.best[number] = Sent(TENANTS[number % 2], rank, time, *counts, priced)
        elif rank == known.rank and time != known.time:
            self.conflicting.add(self.log[-1])

    @rule(number=st.integers(0, 30), more=st.integers(1, 5000))
    def contradict(self, number: int, more: int) -> None:
        """An id comes back with other counts of the same rank: a conflict, and nothing counts."""
        known = self.best.get(number)
        if known is not None and known.rank > 1:
            counts = (known.prompt + more, known.output)
            self.log.append(body_of(number, KINDS[known.rank], TIMES[number % 5], counts))
            self.conflicting.add(self.log[-1])

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
            self.hosts[host] = self.run(self.start_process())
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

    @rule(host=st.integers(0, HOSTS - 1), end=st.sampled_from(["well", "refused", "crashed"]))
    def tell(self, host: int, end: str) -> None:
        """A host delivers effects; the receiver refuses one, or the host ends before its marks."""
        system = self.hosts[host]
        if end == "crashed":
            self.run(outbox.deliver_and_crash(system))
            self.hosts[host] = self.run(self.start_process())
            return
        if end == "refused":
            system.notifier.faults.append(RetryableError("no"))
        self.run(system.deliver.run())
        system.notifier.faults.clear()

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
        judge = await self.start_process()
        while self.checkpoint < len(self.log):
            await self._ingest(judge, self.checkpoint, MAX_BATCH)
            self.checkpoint += MAX_BATCH
        for tenant in TENANTS:
            await self._judge(judge, tenant)
        letters = await judge.dead_letters.list_dead_letters(len(self.log) + 1)
        assert {letter.code for letter in letters} <= {"id_conflict"}
        assert {letter.body for letter in letters} <= self.conflicting
        await outbox.check(judge, self.processes)

    async def _judge(self, judge: System, tenant: str) -> None:
        amount, requests, unpriced = Decimal(0), 0, 0
        for ledger in await judge.verify.ledgers(tenant):
            verdict = await judge.verify.one(ledger)
            assert verdict.faults == ()
            period = month_of(ledger.start)
            balance = await judge.read.balance(tenant, period)
            amount += to_decimal(balance.amount)
            requests += balance.total.requests
            unpriced += balance.total.unpriced
        counted = [sent for sent in self.best.values() if sent.tenant == tenant and sent.rank > 0]
        assert requests == len(counted)
        assert unpriced == len([sent for sent in counted if sent.rank > 1 and not sent.priced])
        # The list price of the test book: 2.5 in and 10 out per million tokens.
        prices = [Decimal("2.5") * s.prompt + Decimal(10) * s.output for s in counted if s.priced]
        assert amount == sum(prices, Decimal(0)) / 1_000_000


def _raising(fault: BaseException) -> Callable[[], None]:
    def raise_it() -> None:
        raise fault

    return raise_it
