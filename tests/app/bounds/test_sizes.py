"""What is sent is what is sized: no name, number or size of a batch holds a partition up."""

import json
from typing import Any

import pytest

from metering.app.hubs.batch import Message, Tally
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.names import MAX_NAMED_LINES
from metering.core.prices.rating import OTHER_NAMES
from tests.builders import AT, body, meter_event
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.systems import System

LEDGER = LedgerId("sub-1", month_of(AT).start)


async def ingest(system: System, *bodies: bytes) -> Tally:
    return await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)])


def refused(number: int, name: str, **changes: Any) -> bytes:
    """Return a refused request: status 404, unbilled, to a deployment of a made-up name."""
    absent = {"data__status": 404, "data__tokens": "absent", "data__usage": None}
    return body(id=f"r-{number}", data__deployment=name, **absent, **changes)


async def test_long_names_in_another_script_fit_into_commits(process: System) -> None:
    # 650 names of 256 letters of two bytes, of six when they are escaped: 1 MB of names.
    names = [str(n).rjust(256, "ж") for n in range(650)]
    tally = await ingest(process, *(refused(n, name) for n, name in enumerate(names)))
    assert tally == Tally(accepted=650)
    assert (await process.verify.one(LEDGER)).faults == ()


async def test_long_use_cases_and_end_users_fit_into_commits(process: System) -> None:
    names = [str(n).rjust(256, "ж") for n in range(400)]
    bodies = [
        refused(n, name, data__use_case=name, data__end_user=name) for n, name in enumerate(names)
    ]
    assert await ingest(process, *bodies) == Tally(accepted=400)
    assert await process.roll_up.run() > 0
    assert (await process.verify.one(LEDGER)).faults == ()


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_what_the_store_finds_too_large_is_halved(process: System, peer: CosmosPeer) -> None:
    await ingest(process, body(id="first"))
    peer.faults.add(Fault(what="fail_before", kind="create", status=413, times=1))
    assert await ingest(process, *(body(id=f"r-{n}") for n in range(8))) == Tally(accepted=8)
    # The batch of eight was refused; its two halves are a page each.
    assert (await process.verify.one(LEDGER)).pages == 3


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_one_event_that_the_store_finds_too_large_parks_alone(
    process: System, peer: CosmosPeer
) -> None:
    await ingest(process, body(id="first"))
    peer.faults.add(Fault(what="fail_before", kind="create", status=413, times=1))
    tally = await ingest(process, body(id="r-1"))
    assert tally.rejected == {"ledger_stopped": 1}
    (letter,) = await process.dead_letters.list_dead_letters(10)
    assert "more bytes than one request may have" in letter.reason
    assert (await process.letters.replay([letter])).accepted == 1


async def test_more_names_than_a_ledger_has_lines_count_under_one(process: System) -> None:
    # Each request has 1,100 tokens and no price; 4,300 names of 250 characters, then one again.
    names = [str(n).rjust(250, "m") for n in range(4_300)]
    bodies = [body(id=f"r-{n}", data__model=name) for n, name in enumerate(names)]
    for first in range(0, len(bodies), 1_000):
        await ingest(process, *bodies[first : first + 1_000])
    await ingest(process, body(id="known", data__model=names[0]), body(id="priced"))
    stored = await process.store.read_head(LEDGER)
    assert stored is not None
    lines = {rate.model: line for rate, line in stored.head.lines.items()}
    assert len(lines) == MAX_NAMED_LINES + 2  # and the others, and the model with a price
    assert lines[OTHER_NAMES].requests == 4_300 - MAX_NAMED_LINES
    assert lines[names[0]].requests == 2
    assert sum(line.requests for line in lines.values()) == 4_302
    assert sum(lines[OTHER_NAMES].tokens) == (4_300 - MAX_NAMED_LINES) * 1_100
    # 1,000 x 0.0000025 + 100 x 0.00001 = 0.0035, in 10^-18
    assert stored.head.amount == 3_500_000_000_000_000
    assert (await process.verify.one(LEDGER)).faults == ()


async def test_somebody_is_told_once_that_there_are_too_many_names(
    process: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.core.ledger.names.MAX_NAMED_LINES", 3)
    for batch in range(2):
        await ingest(
            process, *(body(id=f"{batch}-{n}", data__model=f"m-{batch}-{n}") for n in range(5))
        )
    while await process.deliver.run():
        pass
    told = [(effect.kind, effect.detail) for effect in process.notifier.effects]
    assert sorted(told) == [
        ("names", json.dumps({"named": 250, "as": "(other names)"})),
        ("unpriced", "m-0-0"),
        ("unpriced", "m-0-1"),
        ("unpriced", "m-0-2"),
    ]


async def test_meters_of_any_name_and_unit_are_bounded_too(
    process: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.core.ledger.names.MAX_NAMED_LINES", 3)
    made = []
    for n in range(6):
        event = meter_event(id=f"m-{n}", data__meter=f"m-{n}", data__unit=f"u-{n}")
        event["subject"] = "sub-1"
        made.append(json.dumps(event).encode())
    assert await ingest(process, *made) == Tally(accepted=6)
    stored = await process.store.read_head(LEDGER)
    assert stored is not None
    others = [line for rate, line in stored.head.lines.items() if rate.unit == OTHER_NAMES]
    # Three meters of two units each, in millionths.
    assert [(line.requests, sum(line.tokens)) for line in others] == [(3, 6_000_000)]


async def test_a_name_among_the_others_gets_its_price_when_there_is_one(
    process: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    from metering.core.ledger.rerating import Scope  # noqa: PLC0415

    monkeypatch.setattr("metering.core.ledger.names.MAX_NAMED_LINES", 1)
    await ingest(process, *(body(id=f"r-{n}", data__model=f"m-{n}") for n in range(3)))
    rerated = await process.app.rerate.ledger(LEDGER, Scope.ALL, dry_run=False)
    assert (rerated.repricings, rerated.corrected) == ((), 0)
