"""Exports by schedule: what is there decides what is due."""

import asyncio
import csv
import hashlib
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st
from pyarrow import parquet

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.exports.chargeback import ChargebackReport, Scope
from metering.app.exports.deliver_exports import LEFT_OUT, DeliverExports
from metering.app.exports.export_selection import named_window
from metering.app.exports.open_periods import OpenPeriods
from metering.app.exports.provisional_exports import ProvisionalExports
from metering.app.exports.scheduled_exports import ScheduledExports, ScheduledReport
from metering.bootstrap.exports import table_format
from metering.core.basics.errors import LedgerBroken, RetryableError
from metering.core.basics.instants import DAY, HOUR, format_instant, parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.exports.chargeback import Span
from metering.core.exports.delivery_manifest import PROVISIONAL, read_manifest
from metering.core.exports.windows import DELAY, Scheduled
from tests.app.exporting import contents, given, use

type System = Any

#: Usage of the tests is at 11:45; the standing clock begins at 12:00.
TODAY = parse_instant("2026-11-20T00:00:00Z")
TOMORROW = TODAY + DAY
DAILY = Scheduled("chargeback", "daily")


def scheduled(system: System, folder: Path, *schedule: Scheduled) -> ScheduledExports:
    def chargeback(window: Any, tenant: str | None) -> ChargebackReport:
        scope = Scope(window, tenant, by_arrival=True)
        return ChargebackReport(system.store, system.tenancy, scope)

    def open_chargeback(window: Any, tenant: str | None) -> ChargebackReport:
        return ChargebackReport(system.store, system.tenancy, Scope(window, tenant))

    def broken(*_: Any) -> Any:
        return given("broken", a_csv=RetryableError("the ledger is busy"))

    return ScheduledExports(
        exports=DeliverExports(ExportFolder(folder)),
        provisional=ProvisionalExports(DeliverExports(ExportFolder(folder)), system.clock),
        open_periods=OpenPeriods(system.statements, system.tenancy, system.clock),
        ledgers=system.store,
        tenancy=system.tenancy,
        reports={
            "chargeback": ScheduledReport(chargeback, again=0, provisional=open_chargeback),
            "broken": ScheduledReport(broken),
        },
        schedule=schedule,
        clock=system.clock,
        alerts=system.alerts,
        table_format=table_format,
    )


def delivered(folder: Path) -> dict[str, str]:
    """Return the totals by window."""
    found = {}
    for name, content in contents(folder).items():
        if name.endswith("manifest.json"):
            totals = read_manifest(content).totals
            found[name.split("/")[2]] = str(totals.get("USD", 0) // 10**14)
    return found


async def test_without_a_schedule_or_without_usage_nothing_is_due(
    system: System, tmp_path: Path
) -> None:
    assert await scheduled(system, tmp_path, DAILY).run() == 0
    await use(system, "a-1")
    assert await scheduled(system, tmp_path).run() == 0


async def test_a_day_is_delivered_a_while_after_its_end_and_once(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a-1")
    exports = scheduled(system, tmp_path / "out", DAILY)
    system.clock.set(TODAY + DAY + DELAY - 1)
    await exports.run()
    assert "2026-11-20Z" not in delivered(tmp_path / "out")
    system.clock.set(TODAY + DAY + DELAY)
    assert await exports.run() == 1
    # 0.0035 in units of 0.0001.
    assert delivered(tmp_path / "out")["2026-11-20Z"] == "35"
    assert await exports.run() == 0
    # Another process sees the same.
    assert await scheduled(system, tmp_path / "out", DAILY).run() == 0


async def test_every_day_since_the_first_usage_is_caught_up_with(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a-1")
    system.clock.set(TOMORROW + HOUR)
    # The ledger begins on the first of November: twenty days.
    assert await scheduled(system, tmp_path / "out", DAILY).run() == 20
    assert min(delivered(tmp_path / "out")) == "2026-11-01Z"


async def test_late_usage_is_in_the_delivery_of_its_arrival_as_rows_of_its_own_day(
    system: System, tmp_path: Path
) -> None:
    exports = scheduled(system, tmp_path / "out", DAILY)
    third, ninth = (parse_instant(f"2026-11-{day:02}T08:00:00Z") for day in (3, 9))
    system.clock.set(third)
    await use(system, "on-time", time=format_instant(third))
    for day in range(4, 32):
        system.clock.set(third + (day - 3) * DAY)
        if day == 9:
            await use(system, "late", time=format_instant(third))
            await use(system, "own", time=format_instant(ninth))
        await exports.run()
    await exports.run()
    found = delivered(tmp_path / "out")
    # 0.0035 each, in units of 0.0001: the late one is in the delivery of the 9th.
    assert {day: total for day, total in found.items() if total != "0"} == {
        "2026-11-03Z": "35",
        "2026-11-09Z": "70",
    }
    assert len(found) == 30
    text = (tmp_path / "out/chargeback/all/2026-11-09Z/chargeback-2026-11-09Z.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [row["day"] for row in rows] == ["2026-11-03", "2026-11-09"]
    # The days add up to the month, whichever way it is asked for.
    month = ChargebackReport(system.store, system.tenancy, Scope(named_window("2026-11")))
    await DeliverExports(ExportFolder(tmp_path / "month")).deliver(month)
    assert delivered(tmp_path / "month") == {"2026-11": "105"}


@settings(max_examples=25, deadline=None)
@given_(st.integers(0, 40 * DAY), st.integers(0, 40 * DAY))
def test_adjacent_spans_count_each_change_once(used: int, lag: int) -> None:
    committed = min(used + lag, 41 * DAY)
    for by_arrival in (False, True):
        spans = [Span(day * DAY, (day + 1) * DAY, by_arrival) for day in range(41)]
        (of,) = (span for span in spans if span.counts(used, committed))
        assert of.may_count(committed)
        assert not of.is_over(committed)


async def test_a_delivery_that_lost_its_manifest_is_made_again(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a-1")
    system.clock.set(TOMORROW + HOUR)
    await scheduled(system, tmp_path / "out", DAILY).run()
    before = contents(tmp_path / "out")
    (tmp_path / "out/chargeback/all/2026-11-20Z/manifest.json").unlink()
    assert await scheduled(system, tmp_path / "out", DAILY).run() == 1
    assert contents(tmp_path / "out") == before


async def test_one_report_that_fails_is_alerted_and_stops_no_other(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a-1")
    exports = scheduled(
        system, tmp_path / "out", Scheduled("broken", "hourly"), Scheduled("chargeback", "monthly")
    )
    system.clock.set(parse_instant("2026-12-01T01:00:00Z"))
    assert await exports.run() == 1
    assert system.alerts.messages == ["export broken=hourly: the ledger is busy"]
    assert delivered(tmp_path / "out") == {"2026-11Z": "35"}
    system.alerts.messages.clear()
    assert await exports.run() == 0
    assert len(system.alerts.messages) == 1


@pytest.mark.parametrize("every", ["hourly", "daily", "weekly", "monthly"])
async def test_two_processes_at_once_make_the_same(
    system: System, tmp_path: Path, every: Any
) -> None:
    await use(system, "a-1")
    system.clock.set(parse_instant("2026-12-01T01:00:00Z"))
    schedule = Scheduled("chargeback", every)
    await scheduled(system, tmp_path / "one", schedule).run()
    await asyncio.gather(*(scheduled(system, tmp_path / "two", schedule).run() for _ in range(2)))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


async def test_a_delivery_that_had_to_leave_somebody_out_is_told_and_made_again(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(system, "a-1")
    exports = scheduled(system, tmp_path / "out", DAILY)
    system.clock.set(TOMORROW + HOUR)
    monkeypatch.setattr(ChargebackReport, "notes", lambda _: {LEFT_OUT: "acme"})
    made = await exports.run()
    assert made
    assert "export chargeback=daily, 2026-11-20Z: left out: acme" in system.alerts.messages
    monkeypatch.undo()
    assert await exports.run() == made
    assert await exports.run() == 0


async def test_a_broken_ledger_keeps_no_other_tenants_usage_from_a_delivery(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in ("acme", "globex"):
        await use(system, subject, subject=subject)
    read = system.store.read_head

    async def broken(ledger: LedgerId) -> Any:
        if ledger.tenant == "acme":
            raise LedgerBroken(str(ledger), "its head cannot be read")
        return await read(ledger)

    monkeypatch.setattr(system.store, "read_head", broken)
    system.clock.set(TOMORROW + HOUR)
    assert await scheduled(system, tmp_path / "out", DAILY).run()
    # 0.0035 of globex alone, in units of 0.0001; acme is named and comes with a later run.
    assert delivered(tmp_path / "out")["2026-11-20Z"] == "35"
    assert any("left out: ledger acme" in told for told in system.alerts.messages)


async def test_one_tenants_weeks_are_its_own_and_a_typo_is_told(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a-1", subject="acme")
    await use(system, "g-1", subject="globex")
    await system.tenancy.map_subject("sub-9", "quiet", None)
    # 2026-11-20 is a Friday: its week ends with Sunday, the 22nd.
    system.clock.set(parse_instant("2026-11-23T00:30:00Z"))
    exports = scheduled(
        system,
        tmp_path / "out",
        Scheduled("chargeback", "weekly", "acme"),
        Scheduled("chargeback", "weekly", "quiet"),
        Scheduled("chargeback", "weekly", "acmee"),
        Scheduled("chargeback", "weekly"),
        Scheduled("chargeback", "weekly", "globex", "parquet"),
    )
    # Those that end in November, the first of them with its days of October.
    assert await exports.run() == 3 * 4
    (told,) = system.alerts.messages
    assert told == (
        "export chargeback@acmee=weekly: METERING_EXPORT_SCHEDULE: unknown tenant 'acmee':"
        " see `metering tenants list`"
    )
    folder = tmp_path / "out/chargeback"
    manifests = [
        read_manifest((folder / whose / "2026-W47Z/manifest.json").read_bytes())
        for whose in ("all", "tenant-acme")
    ]
    # 0.0035 of each tenant.
    assert [manifest.totals["USD"] for manifest in manifests] == [7 * 10**15, 35 * 10**14]
    assert [manifest.tenant for manifest in manifests] == [None, "acme"]
    assert sorted(path.name for path in folder.iterdir()) == ["all", "tenant-acme"]
    in_parquet = tmp_path / "out/chargeback-parquet/tenant-globex/2026-W47Z"
    table = parquet.read_table(in_parquet / "chargeback-2026-W47Z.parquet")
    (row,) = table.select(["day", "tenants", "amount"]).to_pylist()
    assert row == {"day": date(2026, 11, 20), "tenants": "globex", "amount": Decimal("0.0035")}
    assert await exports.run() == 0


async def test_open_periods_are_replaced_whole_and_gone_when_they_are_closed(
    system: System, tmp_path: Path
) -> None:
    daily = Scheduled("chargeback", "daily", is_provisional=True)
    folder = tmp_path / "chargeback-provisional/all"

    def totals() -> dict[str, str]:
        """Return the totals by period, in units of 0.0001, of manifests whose files are there."""
        found = {}
        for path in sorted(folder.glob("*/manifest.json")):
            manifest = read_manifest(path.read_bytes())
            assert PROVISIONAL in manifest.notes
            for one in manifest.files:
                content = (path.parent / one.name).read_bytes()
                assert hashlib.sha256(content).hexdigest() == one.sha256
            found[path.parent.name] = str(manifest.totals.get("USD", 0) // 10**14)
        return found

    await use(system, "a-1")
    exports = scheduled(system, tmp_path, daily)
    assert await exports.run() == 1
    assert totals() == {"2026-11": "35"}
    # Once a day, whichever process runs.
    assert await exports.run() == await scheduled(system, tmp_path, daily).run() == 0
    await use(system, "a-2")
    system.clock.set(TOMORROW + DELAY - 1)
    assert await exports.run() == 0
    system.clock.set(TOMORROW + DELAY)
    assert await exports.run() == 1
    # 2 x 0.0035; the files of the day before stay for those who have their manifest.
    assert totals() == {"2026-11": "70"}
    assert len([path for path in (folder / "2026-11").iterdir() if path.is_dir()]) == 2
    system.clock.set(TOMORROW + DAY + DELAY)
    assert await exports.run() == 1
    assert len([path for path in (folder / "2026-11").iterdir() if path.is_dir()]) == 2
    # November waits for its close beside December, in which nothing was used yet.
    system.clock.set(parse_instant("2026-12-01T00:30:00Z"))
    assert await exports.run() == 2
    assert totals() == {"2026-11": "70", "2026-12": "0"}
    system.clock.set(parse_instant("2026-12-02T01:00:00Z"))
    await system.close(system.clock.now())
    assert await exports.run() == 1
    assert totals() == {"2026-12": "0"}
    assert not (folder / "2026-11").exists()
    # After the close of November the statement says where the open periods begin.
    system.clock.set(parse_instant("2027-01-01T01:00:00Z"))
    assert await exports.run() == 2
    assert totals() == {"2026-12": "0", "2027-01": "0"}
    # A period that nobody closes for weeks has no provisional report any more.
    system.clock.set(parse_instant("2027-02-20T01:00:00Z"))
    assert await exports.run() == 2
    assert totals() == {"2027-01": "0", "2027-02": "0"}
    assert not system.alerts.messages


async def test_a_broken_ledger_is_named_and_keeps_nobody_out_of_a_provisional_report(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for subject in ("acme", "globex"):
        await use(system, subject, subject=subject)
    read = system.store.read_head
    broken = {"acme"}

    async def read_head(ledger: LedgerId) -> Any:
        if ledger.tenant in broken:
            raise LedgerBroken(str(ledger), "its head cannot be read")
        return await read(ledger)

    monkeypatch.setattr(system.store, "read_head", read_head)
    daily = Scheduled("chargeback", "daily", is_provisional=True)
    exports = scheduled(system, tmp_path, daily)
    assert await exports.run() == 1
    place = tmp_path / "chargeback-provisional/all/2026-11/manifest.json"
    manifest = read_manifest(place.read_bytes())
    # 0.0035 of globex alone.
    assert manifest.totals == {"USD": 35 * 10**14}
    assert "acme" in manifest.notes[LEFT_OUT]
    assert "left out: ledger acme" in system.alerts.messages[-1]
    # With nothing to deliver the one before stays, and the next run tries again.
    broken.add("globex")
    system.clock.set(TOMORROW + DELAY)
    assert await exports.run() == 0
    assert "export chargeback=daily:provisional, 2026-11: " in system.alerts.messages[-1]
    assert read_manifest(place.read_bytes()) == manifest
    broken.clear()
    assert await exports.run() == 1
    # 2 x 0.0035.
    assert read_manifest(place.read_bytes()).totals == {"USD": 7 * 10**15}
