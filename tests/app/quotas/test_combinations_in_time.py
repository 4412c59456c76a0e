"""What windows, holds, increases, time zones and clocks come to together."""

import json
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.core.basics.instants import HOUR, SECOND, format_instant, parse_instant
from tests.app.quotas.test_combinations import REQUESTS, document, put, raised, use
from tests.builders import NOW, body

type System = Any


async def test_of_windows_that_are_used_up_the_last_to_end_is_named(system: System) -> None:
    windows = ("hour", "year", "day", "week", "quarter", "period")
    await put(system, "p", *({**REQUESTS, "window": one} for one in windows))
    await use(system, 2)
    found = await document(system)
    assert found["detail"] == "requests a year: 2 of 2 used"
    assert found["resets_at"] == "2027-01-01T00:00:00Z"


async def test_a_stream_over_midnight_is_held_in_the_day_in_which_it_began(system: System) -> None:
    system.clock.set(parse_instant("2026-11-20T23:59:30Z"))
    tokens = {**REQUESTS, "metric": "tokens", "limit": "600"}
    await put(system, "p", tokens, {**tokens, "window": "week"})
    stream = {"id": "s", "time": format_instant(system.clock.now()), "data__tokens": "pending"}
    hold = {"prompt_tokens_estimate": 200, "max_output_tokens": 64000}
    sent = body(**stream, data__usage=..., data__hold=hold)
    await system.ingest.batch([Message(sent, "0", 0)])
    found = await document(system)
    # 200 and the 500 tokens that are expected; counts usually come after two minutes.
    assert (found["reason"], found["retry_after_s"]) == ("held", 120)
    assert found["detail"].startswith("tokens a week: 700 of 600 used, 700 of it by streams")
    await put(system, "q", tokens)
    system.clock.set(parse_instant("2026-11-21T00:05:30Z"))
    assert (await document(system))["remaining"] == "600"


async def test_thresholds_above_the_limit_are_told_while_an_increase_moves_them(
    system: System,
) -> None:
    await put(system, "p", {**REQUESTS, "thresholds": [100, 150, 200], "action": "notify"})
    await use(system, 3)
    await raised(system, "4", NOW + HOUR)
    await use(system, 2)
    (ledger,) = await system.store.ledgers()
    said = [json.loads(one.detail) for one in await system.effects.effects_of(ledger, 50)]
    # 3 of 2 are 150 %, 5 of 4 are 125 %.
    assert [(one["threshold"], one["limit"]) for one in reversed(said)] == [(100, "2"), (150, "2")]
    system.clock.set(NOW + HOUR)
    await use(system, 1)
    said = [json.loads(one.detail) for one in await system.effects.effects_of(ledger, 50)]
    assert (said[0]["threshold"], said[0]["limit"]) == (200, "2")


async def test_a_verdict_is_kept_no_longer_than_the_increase_that_it_is_about(
    system: System,
) -> None:
    await put(system, "p", REQUESTS, {**REQUESTS, "window": "period", "limit": "100"})
    await use(system, 2)
    await raised(system, "9", NOW + HOUR)
    found = await document(system)
    assert (found["verdict"], found["cache_s"]) == ("allow", 30)
    system.clock.set(NOW + HOUR - 3 * SECOND)
    assert (await document(system))["cache_s"] == 3
    system.clock.set(NOW + HOUR)
    found = await document(system)
    assert (found["verdict"], found["cache_s"]) == ("block", 30)


@pytest.mark.parametrize(
    ("zone", "window", "at", "resets"),
    [
        # 25 hours in Berlin, from 22:00 to 23:00 UTC; the hour that comes twice is two hours.
        ("Europe/Berlin", "day", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),
        ("Europe/Berlin", "hour", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z"),
        ("Europe/Berlin", "hour", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"),
        # 23 hours.
        ("Europe/Berlin", "day", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),
        # Offsets of a quarter and of half an hour; a change by half an hour.
        ("Asia/Kathmandu", "hour", "2026-11-20T12:00:00Z", "2026-11-20T12:15:00Z"),
        ("America/St_Johns", "hour", "2026-03-08T05:00:00Z", "2026-03-08T05:30:00Z"),
        ("Australia/Lord_Howe", "day", "2026-10-03T15:20:00Z", "2026-10-04T13:00:00Z"),
    ],
)
async def test_a_window_ends_by_the_clocks_of_the_zone(
    system: System, zone: str, window: str, at: str, resets: str
) -> None:
    system.clock.set(parse_instant(at))
    await put(system, "p", {**REQUESTS, "window": window}, time_zone=zone)
    await use(system, 2)
    found = await document(system)
    assert (found["verdict"], found["resets_at"]) == ("block", resets)
    system.clock.set(parse_instant(resets) - 1)
    assert (await document(system))["verdict"] == "block"
    system.clock.set(parse_instant(resets))
    assert (await document(system))["verdict"] == "allow"


async def test_a_clock_set_back_opens_no_window_again(system: System) -> None:
    await put(system, "p", REQUESTS, {**REQUESTS, "window": "hour"})
    admission = system.admission()
    system.clock.set(NOW + 3 * HOUR)
    await use(system, 2, at=NOW)
    assert (await admission.of("sub-1")).overall.verdict == "block"
    system.clock.set(NOW)
    assert (await admission.of("sub-1")).overall.verdict == "block"
    await use(system, 1)
    await system.enforce.run()
    assert (await document(system))["detail"] == "requests a day: 3 of 2 used"
