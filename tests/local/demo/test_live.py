"""Made-up traffic: subjects, times and repeats."""

import json
from collections import Counter
from itertools import islice

from metering.core.basics.instants import SECOND, parse_instant
from metering.local.demo.live import live_events
from metering.local.demo.trace import read_trace
from metering.ports import Outgoing

START = parse_instant("2026-11-20T12:00:00Z")


def first(count: int, tenants: int | None = None) -> list[Outgoing]:
    return list(islice(live_events(read_trace(), START, 100, tenants), count))


def test_an_event_is_published_under_its_subject_and_made_at_the_rate() -> None:
    for body, key in first(1_000):
        event = json.loads(body)
        assert event["subject"] == key
        # A thousand events at 100 a second, repeats aside, and places change within fifty.
        assert START <= parse_instant(event["time"]) < START + 11 * SECOND


def test_many_tenants_are_unevenly_busy_and_a_repeat_is_of_the_same_one() -> None:
    events = first(5_000, tenants=100)
    busy = Counter(key for _, key in events)
    assert {f"sim-{number:06d}" for number in range(1, 101)} >= set(busy)
    # Tenant 1 has the share whose square is below 1/100: a tenth; the even share is a hundredth.
    assert busy["sim-000001"] > 300
    assert len(busy) > 90
    once = {json.loads(body)["id"]: body for body, _ in events}
    assert len(once) < len(events)
    assert {body for body, _ in events} == set(once.values())


def test_one_tenant_has_everything() -> None:
    assert {key for _, key in first(200, tenants=1)} == {"sim-000001"}
