"""Quotas set late, with anything before, between and after: pieces come to one full count."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.adapters.sqlite.database import Database
from metering.app.quotas import enforce_quotas
from metering.bootstrap import sqlite_stores
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import HOUR, MINUTE
from tests.app.long_windows import CAP, DECEMBER, OCTOBER, counted, proven, told, use
from tests.app.quotas.test_catching_up import DAILY, now_under, with_usage
from tests.app.quotas.test_catching_up_faults import MADE, crash
from tests.builders import NOW
from tests.systems import MovableClock, System

#: What happens next: an event (how many hours ago, by whom), a run of the timer, or a crash in one.
steps = st.one_of(
    st.tuples(st.sampled_from([0, 1, 30, 24 * 25, 24 * 45]), st.sampled_from([None, "ada"])),
    st.sampled_from(["run", "before", "after"]),
)
QUOTAS: list[dict[str, Any]] = [
    CAP,
    {**CAP, "scope": {"end_user": "*"}},
    {**CAP, "window": "week"},
    DAILY,
    {**DAILY, "window": "period", "scope": {"model": "gpt-4o"}},
]


async def play(system: System, before: list[Any], after: list[Any]) -> None:
    """Let things happen before and after quotas are set."""
    await with_usage(system, *MADE)
    for number, step in enumerate([*before, None, *after]):
        system.clock.set(system.clock.now() + MINUTE)
        if step is None:
            await now_under(system, *QUOTAS)
        elif isinstance(step, tuple):
            await use(system, f"s-{number}", system.clock.now() - step[0] * HOUR, step[1])
        else:
            if step != "run":
                getattr(system.store, step).append(crash)
            with suppress(RetryableError):
                await system.enforce.run()
            system.store.before.clear()
            system.store.after.clear()
    # Ledgers that ended more than two days ago are read once an hour.
    for start in (system.clock.now(), DECEMBER.start + 5 * HOUR):
        for minute in range(13):
            system.clock.set(start + minute * MINUTE)
            await system.enforce.run()


@settings(max_examples=10, deadline=None)
@given(st.lists(steps, max_size=5), st.lists(steps, max_size=10), st.integers(1, 3))
def test_pieces_come_to_what_one_full_read_counts(
    before: list[Any], after: list[Any], pages: int
) -> None:
    async def run(bound: int) -> tuple[Any, Any]:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(enforce_quotas, "MAX_PAGES_OF_ONE", bound)
            database = Database(Path(folder, "store.db"))
            system = System(sqlite_stores(database), clock=MovableClock(NOW))
            await play(system, before, after)
            await proven(system)
            assert (await system.admission().of("sub-1")).counting == ()
            found = await counted(system), await told(system)
            await database.close()
            return found

    in_pieces, at_once = asyncio.run(run(pages)), asyncio.run(run(1_000_000))
    assert in_pieces == at_once
    assert in_pieces[0]["quarter", "tokens a quarter", OCTOBER] >= 5500
    assert max(in_pieces[1].values()) == 1
