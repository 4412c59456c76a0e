"""Several processes over one store at once: the same balances as one after another."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Line, Metering


def _events(event: "EventBuilder", count: int) -> "list[Line]":
    """Events of three tenants over ten hours."""
    return [
        event(
            f"r-{number}",
            subject=f"tenant-{number % 3}",
            time=f"2026-11-20T{number % 10:02d}:00:00Z",
        )
        for number in range(count)
    ]


def test_two_processes_with_overlapping_files_count_every_event_once(
    metering: "Metering", event: "EventBuilder"
) -> None:
    events = _events(event, 9_000)
    first = metering.start("ingest", metering.write(events[:6_000]), "--json")
    second = metering.start("ingest", metering.write(events[3_000:]), "--json")
    with first, second:
        meanwhile = metering.run("verify")
        assert (meanwhile.code, meanwhile.stderr) == (0, "")
        answers = [child.communicate() for child in (first, second)]

    assert [child.returncode for child in (first, second)] == [0, 0], answers
    code, verdicts = metering.verify()
    assert code == 0
    # 3,000 requests of each tenant at 0.0035, though 3,000 events came twice.
    assert {name: verdict["amount"] for name, verdict in verdicts.items()} == {
        "tenant-0|2026-11-01T00:00:00Z": "10.5",
        "tenant-1|2026-11-01T00:00:00Z": "10.5",
        "tenant-2|2026-11-01T00:00:00Z": "10.5",
    }
    assert [verdict["entries"] for verdict in verdicts.values()] == [3_000] * 3


def test_four_processes_that_meet_the_same_new_subscriptions_make_one_tenant_each(
    metering: "Metering", event: "EventBuilder"
) -> None:
    names = [f"subscription-{number}" for number in range(12)]
    children = [
        metering.start(
            "ingest",
            metering.write(event(f"{part}-{name}", subject=name) for name in names),
            "--json",
        )
        for part in range(4)
    ]
    for child in children:
        with child:
            output, errors = child.communicate()
            assert (child.returncode, errors) == (0, b""), output

    assert [row["tenant"] for row in metering.run("tenants", "list", "--json").json] == sorted(
        names
    )
    code, verdicts = metering.verify()
    assert code == 0
    assert [verdict["entries"] for verdict in verdicts.values()] == [4] * 12
