"""Streams, final requests and logs on two hosts, with faults at the edge of every store and hub."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from metering.bootstrap import Stores
from metering.core.basics.documents import Document
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import Instant
from metering.core.ledger.commit import Commit
from metering.core.streams.filing import Filed, Filing
from metering.ports import Outgoing, RegisterStore
from tests.systems import MovableClock, System


class Crash(RetryableError):
    """A process that ended, or a reply that was lost."""


class Trouble:
    """Lets one step fail: before it is carried out, or after it, so that its reply is lost."""

    def __init__(self) -> None:
        self.step = 0
        self.fails_at: int | None = None
        self.lags_at: int | None = None

    async def strike(self, *, is_done: bool = False) -> None:  # noqa: ARG002, of hosts in turns
        """Count a point before a step or after it (`is_done`), and fail if it is the one."""
        self.step += 1
        if self.step == self.fails_at:
            raise Crash(f"at step {self.step}")

    def is_lagging(self) -> bool:
        """Say whether this read lacks what was filed last."""
        return self.step == self.lags_at


class Baton:
    """Lets several hosts run one at a time, each from one step to its next, in a given order."""

    def __init__(self, order: Sequence[str]) -> None:
        self._order = list(order)
        self._holder: str | None = None
        self._gone: set[str] = set()
        self._changed = asyncio.Condition()

    def of(self, name: str) -> "Trouble":
        """Return the steps of one host."""
        return _Runner(self, name)

    async def take(self, name: str) -> None:
        """Pass the baton on, and wait for the next turn."""
        async with self._changed:
            if self._holder == name:
                self._holder = None
                self._changed.notify_all()
            await self._changed.wait_for(lambda: self._is_next(name))
            self._holder = name
            if name in self._order:
                self._order.remove(name)

    async def leave(self, name: str) -> None:
        """Pass the baton on for good."""
        async with self._changed:
            self._holder = None
            self._gone.add(name)
            self._changed.notify_all()

    def _is_next(self, name: str) -> bool:
        waiting = [one for one in self._order if one not in self._gone]
        return self._holder is None and (not waiting or waiting[0] == name)


class _Runner(Trouble):
    """The steps of a host that runs when it has the baton."""

    def __init__(self, baton: Baton, name: str) -> None:
        super().__init__()
        self._baton, self._name = baton, name

    async def strike(self, *, is_done: bool = False) -> None:
        if not is_done:
            await self._baton.take(self._name)


class FaultyRegister:
    """Implements RegisterStore over another one."""

    def __init__(self, store: RegisterStore, trouble: Trouble) -> None:
        self._store = store
        self._trouble = trouble
        self._last: set[str] = set()

    async def file(self, filings: Sequence[Filing], now: Instant) -> None:
        await self._trouble.strike()
        await self._store.file(filings, now)
        self._last = {filing.id for filing in filings}
        await self._trouble.strike(is_done=True)

    async def read(self, places: Collection[str], after: int) -> AsyncIterator[Filed]:
        await self._trouble.strike()
        lags = self._trouble.is_lagging()
        async for filed in self._store.read(places, after):
            if not lags or filed.id not in self._last:
                yield filed

    async def due(self, after: str, until: str, limit: int) -> list[Filed]:
        await self._trouble.strike()
        return await self._store.due(after, until, limit)

    async def read_mark(self, name: str) -> Document | None:
        return await self._store.read_mark(name)

    async def write_mark(self, name: str, mark: Document) -> None:
        await self._trouble.strike()
        await self._store.write_mark(name, mark)
        await self._trouble.strike(is_done=True)

    async def forget(self, before: Instant) -> None:
        await self._store.forget(before)


class Host(System):
    """A process of its own over a shared store, whose every step may fail."""

    def __init__(
        self, stores: Stores, clock: MovableClock, trouble: Trouble, **options: Any
    ) -> None:
        register: Any = FaultyRegister(stores.register, trouble)
        super().__init__(stores._replace(register=register), clock=clock, **options)
        commit, publish = self.store.commit, self.publisher.publish

        async def committed(of: Commit) -> None:
            await trouble.strike()
            await commit(of)
            await trouble.strike(is_done=True)

        async def published(events: Sequence[Outgoing]) -> None:
            await trouble.strike()
            await publish(events)
            await trouble.strike(is_done=True)

        self.store.commit = committed  # type: ignore[method-assign, assignment]
        self.publisher.publish = published  # type: ignore[method-assign]
