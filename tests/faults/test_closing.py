"""Closing under everything at once: late usage, better counts, crashes, two processes, downtime.

Afterwards every token is on exactly one statement, for the period it was used in, and no grant has
paid more than it has.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from metering.adapters.sqlite.database import Database
from metering.app.billing.close_periods import GRACE, PATIENCE
from metering.app.ingest.ingest import Message
from metering.bootstrap import sqlite_stores
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import parse_amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import month_of, parse_month
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import body
from tests.systems import MovableClock, System

MONTHS = [parse_month(name) for name in ("2026-09", "2026-10", "2026-11")]
START, END = MONTHS[0].start, MONTHS[-1].end
TENANTS = ("acme", "beta")
GRANT = parse_amount("0.05")


class Crashed(BaseException):
    """A process ended here."""


def crash() -> None:
    raise Crashed


class Closing(RuleBasedStateMachine):
    """Rules are what may happen; `teardown` is what must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = MovableClock(START + DAY)
        self.databases: list[Database] = []
        self.tokens: dict[tuple[str, int], tuple[Instant, int]] = {}

    def run(self, work: Awaitable[Any]) -> Any:
        """Run one step to its end."""
        return self.loop.run_until_complete(asyncio.wait_for(work, 60))

    @initialize()
    def start(self) -> None:
        """Start two processes over one store; one tenant has credit."""
        self.systems = [self._process(), self._process()]
        self.run(
            self.systems[0].tenancy.add_grant(GrantOffer("acme", "0.05", start=MONTHS[0].start))
        )

    def _process(self) -> System:
        self.databases.append(Database(Path(self.folder.name) / "store.db"))
        return System(sqlite_stores(self.databases[-1]), clock=self.clock)

    @rule(
        which=st.integers(0, 1),
        tenant=st.sampled_from(TENANTS),
        number=st.integers(0, 30),
        ago=st.integers(0, 80 * DAY),
        tokens=st.integers(1, 9_000),
    )
    def use(self, which: int, tenant: str, number: int, ago: Instant, tokens: int) -> None:
        """A request is counted, in a period that may be closed; a known one is a duplicate."""
        known = self.tokens.get((tenant, number))
        at, count = known or (max(START, self.clock.now() - ago), tokens)
        self.tokens[tenant, number] = (at, count)
        made = body(
            id=f"{tenant}-{number}",
            time=format_instant(at),
            subject=tenant,
            data__usage={"prompt_tokens": count, "completion_tokens": 0, "total_tokens": count},
        )
        done = self.run(self.systems[which].ingest.batch([Message(made, "0", 0)]))
        assert done.accepted == (known is None), done

    @rule(days=st.integers(1, 50))
    def wait(self, days: int) -> None:
        """Time goes by, and nobody may have closed anything meanwhile."""
        self.clock.set(min(self.clock.now() + days * DAY, END + GRACE))

    @rule(which=st.integers(0, 1))
    def close(self, which: int) -> None:
        """A timer runs."""
        self.run(self.systems[which].close(self.clock.now()))

    @rule(which=st.integers(0, 1))
    def close_again(self, which: int) -> None:
        """A timer runs in a process that remembers what it did."""

        async def go() -> None:
            async for _ in self.systems[which].closing.run(self.clock.now()):
                pass

        self.run(go())

    @rule(
        which=st.integers(0, 1),
        store=st.sampled_from(["statements", "faulty_accounts"]),
        place=st.sampled_from(["before", "after"]),
    )
    def close_and_crash(self, which: int, store: str, place: str) -> None:
        """A process ends around a write, and another takes its place."""
        faults = getattr(getattr(self.systems[which], store), place)
        faults.append(crash)
        try:
            self.run(self.systems[which].close(self.clock.now()))
        except Crashed:
            self.systems[which] = self._process()
        else:
            faults.clear()

    @rule(which=st.integers(0, 1))
    def close_while_another_does(self, which: int) -> None:
        """Both close; one of them finds the statement there."""
        other = self.systems[1 - which]
        at = self.clock.now()
        self.systems[which].statements.before.append(lambda: other.close(at))
        self.run(self.systems[which].close(at))
        self.systems[which].statements.before.clear()

    @invariant()
    def no_grant_has_paid_more_than_it_has(self) -> None:
        """What was settled is what statements say, and never more than was given."""
        if not self.databases:
            return
        stored = self.run(self.systems[0].accounts.read_account("acme"))
        if stored is not None:
            assert sum(stored.account.settled.values()) <= GRANT

    async def _statements(self, tenant: str) -> list[Statement]:
        return [one async for one in self.systems[0].read_statements.every(tenant)]

    async def _all_closed(self) -> None:
        # One period more, so that what came late to the last one is collected.
        at = parse_month("2026-12").end + GRACE + PATIENCE
        await self.systems[0].close(at)
        for tenant in TENANTS:
            billed: Counter[str] = Counter()
            paid = 0
            for statement in await self._statements(tenant):
                paid += sum(statement.burnt.values())
                for line in statement.lines:
                    if line.kind in {"usage", "correction"}:
                        name = line.charge_period or statement.period.name
                        billed[name] += line.quantity or 0
            used: Counter[str] = Counter()
            for (owner, _), (at, count) in self.tokens.items():
                if owner == tenant:
                    used[month_of(at).name] += count
            assert +billed == +used
            # 2.50 a million.
            due = sum(used.values()) * parse_amount("0.0000025")
            assert paid == (min(due, GRANT) if tenant == "acme" else 0)
            proofs = self.systems[0].read_statements.verify(tenant)
            assert [one.faults async for one in proofs if one.faults] == []

    def teardown(self) -> None:
        """Close all that is left, and add up."""
        try:
            if self.databases:
                self.run(self._all_closed())
                for database in self.databases:
                    self.run(database.close())
        finally:
            self.loop.close()
            self.folder.cleanup()


TestClosing = Closing.TestCase
TestClosing.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
