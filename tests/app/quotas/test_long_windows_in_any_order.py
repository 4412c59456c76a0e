"""Weeks, quarters and years of any calendar, with events in any order: one sum of all ledgers."""

import asyncio
import tempfile
from collections import Counter as Tally
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from metering.core.basics.instants import (
    DAY,
    HOUR,
    MINUTE,
    Instant,
    format_instant,
    instant_of,
    to_datetime,
)
from metering.core.calendars.calendar import Calendar
from metering.core.plans.plan import read_plan
from tests.app.long_windows import counted, proven, told, use
from tests.builders import NOW
from tests.systems import MovableClock, System

ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia"]
WINDOWS = ("week", "quarter", "year")
THRESHOLDS = [1, 10, 20, 50]
QUOTA = {"metric": "tokens", "limit": "100000", "thresholds": THRESHOLDS}

type Made = list[tuple[Instant, str | None]]
"""When each event was made, and by whom."""


def first_day(kind: str, calendar: Calendar, today: date) -> date:
    """Return the first day of a window, in the most obvious way: by going back day by day."""
    weekday = calendar.anchor if calendar.cycle == "weekly" else 1
    anchor = calendar.anchor if calendar.cycle == "monthly" else 1
    months = {"quarter": (1, 4, 7, 10), "year": (1,)}.get(kind, ())
    while True:
        following = today.replace(day=28) + timedelta(days=4)
        last = (following - timedelta(days=following.day)).day
        if kind == "week" and today.isoweekday() == weekday:
            return today
        if today.month in months and today.day == min(anchor, last):
            return today
        today -= timedelta(days=1)


def window_start(kind: str, calendar: Calendar, at: Instant) -> Instant:
    zone = ZoneInfo(calendar.time_zone)
    first = first_day(kind, calendar, to_datetime(at).astimezone(zone).date())
    return instant_of(datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC))


zones = st.sampled_from(ZONES)
calendars = st.one_of(
    st.builds(lambda day, zone: Calendar(anchor=day, time_zone=zone), st.just(31), zones),
    st.builds(lambda zone: Calendar(cycle="daily", time_zone=zone), zones),
    st.builds(lambda zone: Calendar(time_zone=zone), zones),
    st.builds(
        lambda day, zone: Calendar(cycle="weekly", anchor=day, time_zone=zone),
        st.integers(1, 7),
        zones,
    ),
)
#: The hour at which an event is sent, how many minutes after it was made, by whom, and whether
#: timers run then.
events = st.tuples(
    st.integers(0, 50 * 24),
    st.sampled_from([0, 1, 30, 60 * 30, 60 * 24 * 4]),
    st.sampled_from([None, "ada", "bob"]),
    st.booleans(),
)


async def begin(system: System, calendar: Calendar, later: Calendar | None, zone: str) -> None:
    """Put acme on a plan with quotas of all windows, in every scope that is counted apart."""
    scopes: list[Any] = ["all", {"end_user": "*"}, {"model": "gpt-4o"}]
    quotas = [{**QUOTA, "window": one, "scope": scope} for one in WINDOWS for scope in scopes]
    plan = read_plan("p", {"id": "long", "quotas": quotas, "time_zone": zone})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "long", None)
    await system.tenancy.set_calendar("acme", calendar, None)
    if later is not None:
        turn = system.tenancy.directory.period_at("acme", NOW + 20 * DAY).end
        await system.tenancy.set_calendar("acme", later, turn)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def send(system: System, events: list[tuple[int, int, str | None, bool]]) -> Made:
    """Send events in the order of time, and one at the end, and let the timer settle it all."""
    made: Made = []
    for number, (hours, late, user, has_timer) in enumerate(sorted(events, key=lambda one: one[0])):
        system.clock.set(NOW + hours * HOUR)
        made.append((system.clock.now() - late * MINUTE, user))
        await use(system, f"r-{number}", *made[-1])
        if has_timer:
            await system.enforce.run()
    turn = system.tenancy.directory.period_at("acme", system.clock.now() + 2 * HOUR).start
    system.clock.set(max(system.clock.now(), turn))
    await use(system, "last", system.clock.now())
    made.append((system.clock.now(), None))
    # A ledger of long ago is read once an hour.
    for _ in range(62):
        system.clock.set(system.clock.now() + MINUTE)
        await system.enforce.run()
    return made


def plain_sums(made: Made, calendar: Calendar, now: Instant) -> Tally[tuple[str, str, Instant]]:
    """Return the tokens of each quota in the windows of now, by the label of the quota."""
    found = Tally[tuple[str, str, Instant]]()
    for kind in WINDOWS:
        start = window_start(kind, calendar, now)
        for at, user in made:
            labels = ["", " of model gpt-4o", *([f" of end user {user}"] if user else [])]
            for label in labels if at >= start else []:
                # 1,000 tokens of input and 100 of output each
                found[kind, f"tokens a {kind}{label}", start] += 1_100
    return found


async def check(system: System, made: Made) -> None:
    now = system.clock.now()
    calendar, _, _ = system.tenancy.directory.calendar_of("acme", now)
    expected = plain_sums(made, calendar, now)
    assert await counted(system) == expected
    said = await told(system)
    assert not said or max(said.values()) == 1
    for (_, label, start), used in expected.items():
        for threshold in THRESHOLDS:
            # Per cent of a limit of 100,000
            assert said[label, threshold, format_instant(start)] == (used >= threshold * 1_000)
    await proven(system)


@settings(max_examples=6, deadline=None)
@given(calendars, st.none() | calendars, zones, st.lists(events, min_size=1, max_size=10))
def test_the_present_ledger_counts_all_entries_whose_time_is_in_the_window(
    calendar: Calendar,
    later: Calendar | None,
    zone: str,
    events: list[tuple[int, int, str | None, bool]],
) -> None:
    async def run(folder: str) -> None:
        database = Database(Path(folder, "store.db"))
        system = System(sqlite_stores(database), clock=MovableClock(NOW))
        await begin(system, calendar, later, zone)
        await check(system, await send(system, events))
        await database.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(folder))
