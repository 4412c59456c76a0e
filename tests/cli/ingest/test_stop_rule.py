"""The stop rule: a batch that is mostly unreadable stops the command before it is committed."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Line, Metering


def _batch(event: "EventBuilder", bad: int, good: int) -> "list[Line]":
    lines: list[Line] = [b"no JSON %d" % number for number in range(bad)]
    return lines + [event(f"batch-{number}") for number in range(good)]


def test_an_unreadable_batch_stops_the_command_and_the_batches_before_it_stay(
    metering: "Metering", event: "EventBuilder"
) -> None:
    earlier = [event(f"earlier-{number}") for number in range(1000)]
    file = metering.write([*earlier, *_batch(event, bad=31, good=29)])

    ran = metering.run("ingest", file, "--json")

    assert ran.code == 1
    assert ran.json == {"accepted": 1000, "duplicates": 0, "rejected": {}}
    assert ran.stderr.startswith(f"error: 31 of 60 events from {file}/1001 cannot be read")
    assert "nothing of this batch was committed" in ran.stderr
    assert ran.stderr.count("\n") == 1
    # 1,000 requests at 0.0035; none of the 29 good events of the batch that stopped.
    assert (metering.balance("acme")["amount"], metering.dead_letters()) == ("3.5", [])


@pytest.mark.parametrize(
    ("bad", "good", "stops"),
    [
        pytest.param(19, 6, False, id="19 of 25 are too few"),
        pytest.param(20, 19, True, id="20 of 39 stop"),
        pytest.param(20, 20, False, id="20 of 40 are not more than half"),
    ],
)
def test_it_takes_twenty_unreadable_events_and_more_than_half_of_the_batch(
    metering: "Metering", event: "EventBuilder", bad: int, good: int, *, stops: bool
) -> None:
    ran = metering.ingest(*_batch(event, bad, good))

    assert ran.code == 1
    if stops:
        assert ran.json == {"accepted": 0, "duplicates": 0, "rejected": {}}
        assert "cannot be read" in ran.stderr
    else:
        assert ran.json == {"accepted": good, "duplicates": 0, "rejected": {"not_json": bad}}
        assert ran.stderr == ""


def test_events_that_can_be_read_and_not_counted_are_no_bad_deploy(
    metering: "Metering", event: "EventBuilder"
) -> None:
    old = [event(f"old-{number}", time="2020-01-01T00:00:00Z") for number in range(30)]

    ran = metering.ingest(*old, event("new"))

    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"too_old": 30}}


def test_without_the_stop_rule_an_unreadable_batch_goes_to_dead_letters(
    metering: "Metering", event: "EventBuilder"
) -> None:
    file = metering.write(_batch(event, bad=31, good=29))

    ran = metering.run("ingest", file, "--json", "--no-stop-rule")

    assert ran.code == 1
    assert ran.json == {"accepted": 29, "duplicates": 0, "rejected": {"not_json": 31}}
    assert [letter["code"] for letter in metering.dead_letters()] == ["not_json"] * 31


def test_the_mended_file_counts_everything_once(
    metering: "Metering", event: "EventBuilder"
) -> None:
    earlier = [event(f"earlier-{number}") for number in range(1000)]
    metering.ingest(*earlier, *_batch(event, bad=31, good=29))

    ran = metering.ingest(*earlier, *_batch(event, bad=0, good=60))

    assert (ran.code, ran.json) == (0, {"accepted": 60, "duplicates": 1000, "rejected": {}})
    # 1,060 requests at 0.0035.
    assert metering.balance("acme")["amount"] == "3.71"
