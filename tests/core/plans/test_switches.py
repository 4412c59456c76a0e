"""Switches: on in local hours of the week, with the instant at which they turn."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, parse_instant
from metering.core.plans.plan import Plan, read_plan
from metering.core.plans.switches import next_turn, switches_on

#: 2026-11-20 is a Friday; Berlin is an hour ahead of UTC.
FRIDAY = parse_instant("2026-11-20T00:00:00Z")


def plan(**switch: object) -> Plan:
    made = {"action": {"downgrade": "mini"}, "from": "22:00", "to": "06:00", **switch}
    return read_plan("p", {"id": "p", "time_zone": "Europe/Berlin", "switches": [made]})


def on_at(of: Plan, at: int) -> list[int]:
    """Return the ends of the switches that are on."""
    return [one.until for one in switches_on(of.switches, of.time_zone, at)]


def test_a_night_begins_and_ends_in_local_time() -> None:
    nights = plan()
    evening, morning = FRIDAY + 21 * HOUR, FRIDAY + DAY + 5 * HOUR
    assert on_at(nights, evening - 1) == []
    assert on_at(nights, evening) == on_at(nights, morning - 1) == [morning]
    assert on_at(nights, morning) == []
    assert next_turn(nights.switches, nights.time_zone, evening - 1) == evening
    assert next_turn(nights.switches, nights.time_zone, evening + HOUR // 2) == morning


def test_a_minute_within_the_hour_is_found_and_other_days_are_off() -> None:
    lunch = plan(days=["fri"], **{"from": "12:05", "to": "12:50"})
    start, end = parse_instant("2026-11-20T11:05:00Z"), parse_instant("2026-11-20T11:50:00Z")
    assert on_at(lunch, start) == [end]
    assert on_at(lunch, start + DAY) == []
    assert next_turn(lunch.switches, lunch.time_zone, start - 1) == start


def test_a_switch_that_is_always_on_turns_in_a_week_at_the_latest() -> None:
    always = plan(**{"from": "00:00", "to": "24:00"})
    assert on_at(always, FRIDAY) == [FRIDAY + 7 * DAY + 60_000_000]
    assert next_turn((), "UTC", FRIDAY) is None


def test_a_switch_without_a_length_is_refused_and_a_key_stays_as_it_was() -> None:
    with pytest.raises(ConfigurationError, match=r"switches\.0\.to: equals from"):
        plan(to="22:00")
    assert plan().switches[0].action.model_dump() == {"downgrade": "mini"}
    dearer = plan(action={"downgrade": "mini", "dearer": True})
    assert dearer.switches[0].action.model_dump() == {"downgrade": "mini", "dearer": True}
