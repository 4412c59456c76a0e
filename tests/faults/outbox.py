"""What the outbox of a store must hold, worked out from the pages alone, and its delivery."""

from collections import Counter, defaultdict
from itertools import groupby

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import HOUR
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.page import Page
from tests.systems import System

#: More than any run leaves.
ALL = 10_000
#: Runs of the timer until nothing is left, at most.
ROUNDS = 30

type Told = tuple[LedgerId, int, str]
"""Ledger, last page of the commit, model."""


async def expected(system: System, tenant: str | None = None) -> Counter[Told]:
    """Return what the pages of each commit, counted up in order, ask to be told, each once.

    Commits are told apart by their time: the clock never says the same twice.
    """
    told: Counter[Told] = Counter()
    for ledger in await system.store.ledgers(tenant):
        requests: defaultdict[str, int] = defaultdict(int)
        pages = [page async for page in system.store.pages(ledger)]
        for _, together in groupby(pages, key=lambda page: page.committed):
            commit = list(together)
            before = {model for model, number in requests.items() if number}
            for page in commit:
                _count(requests, page)
            after = {model for model, number in requests.items() if number}
            told.update((ledger, commit[-1].number, model) for model in after - before)
    return told


def _count(requests: defaultdict[str, int], page: Page) -> None:
    for entry in page.entries:
        replaced = entry.supersedes.state if entry.supersedes else None
        for state, sign in ((entry.state, 1), (replaced, -1)):
            if state is not None and not state.is_hold and state.is_unpriced:
                requests[state.dimensions.model or ""] += sign


async def deliver_and_crash(system: System) -> int:
    """Deliver what is due in a process that ends after telling and before its mark."""
    taken = await system.effects.due(FOREVER, 3)
    for stored in taken:
        await system.notifier.notify(stored.effect)
    return len(taken)


async def deliver_all(system: System) -> None:
    """Deliver until nothing is left, whatever the store says and receivers said in between."""
    for _ in range(ROUNDS):
        if not await system.deliver.waiting(1):
            return
        # What was put off is due within the hour.
        system.clock.set(system.clock.now() + HOUR)
        try:
            await system.deliver.run()
        except RetryableError:
            continue


async def check(judge: System, processes: list[System]) -> None:
    """Hold the outbox to the pages: every effect was there once and was told, and none is left."""
    wanted = await expected(judge)
    keys = await _all_written(judge, processes)
    assert keys == wanted
    await deliver_all(judge)
    told = {effect.key for process in processes for effect in process.notifier.effects}
    assert len(told) == wanted.total()
    assert await judge.effects.due(FOREVER, ALL) == await judge.effects.parked(ALL) == []


async def _all_written(judge: System, processes: list[System]) -> Counter[Told]:
    """Return every effect there was: what is waiting, and what a process settled."""
    waiting = {stored.effect for stored in await judge.effects.due(FOREVER, ALL)}
    told = {effect for process in processes for effect in process.notifier.effects}
    found = waiting | told
    assert len({effect.key for effect in found}) == len(found)
    return Counter((effect.ledger, effect.page, effect.detail) for effect in found)
