"""The FOCUS export of closed periods: whole, exact, and no charge twice."""

import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.billing.close_periods import GRACE
from metering.app.billing.draft_chain import DraftChain
from metering.app.billing.draft_statements import DraftStatements
from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.focus_export import FocusExport
from metering.core.basics.errors import ConfigurationError, LedgerBroken, RetryableError
from metering.core.basics.instants import DAY, parse_instant
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.exports.delivery_manifest import Manifest, Window
from metering.core.ledger.page import Page
from metering.core.plans.plan import Plan
from metering.core.tenancy.grant_records import GrantOffer
from tests.app.exporting import use as call
from tests.app.focusing import (
    DECEMBER,
    DUE,
    NOVEMBER,
    Row,
    a_month_of_everything,
    export,
    late_usage_and_december,
    rows_in,
    total,
    use,
)

type System = Any

NAMES = ("2026-11", "2026-12", "2027-01")


def product(row: Row, price: str) -> Decimal:
    return Decimal(row[price]) * Decimal(row["PricingQuantity"])


def content(folder: Path, name: str) -> bytes:
    return (folder / f"focus-{name}.csv").read_bytes()


async def three_deliveries(system: System, folder: Path) -> list[list[Row]]:
    """Close three months, with late usage after the first, and deliver each when it is closed."""
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, folder, Window("2026-11"))
    await late_usage_and_december(system)
    await system.close(DECEMBER.end + GRACE)
    await export(system, folder, Window("2026-12"))
    system.clock.set(DECEMBER.end + 20 * DAY)
    await use(system, "later", NOVEMBER.start + 8 * DAY)
    await system.close(parse_month("2027-01").end + GRACE)
    await export(system, folder, Window("2027-01"))
    return [rows_in(folder, name) for name in NAMES]


async def test_a_delivery_adds_up_to_the_statements(system: System, tmp_path: Path) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    manifest = await export(system, tmp_path, Window("2026-11"))
    rows = rows_in(tmp_path, "2026-11")
    # Of 2,600 tokens in 2,500 are free: 100 x 2.75 a million = 0.000275. 150 out at 9 and 50 at 7:
    # 0.0017. One package: 0.01. Two searches at 0.004 and 10 %: 0.0088. 0.002 of that is free.
    # Three requests: 0.003. Base fee 20. That is 20.021775: up to 22, less 1.2345, less 5 from the
    # grant, and 55 for the hour in which it used 50 provisioned units at 1.10: 70.7655, so 70.77.
    assert total(rows, SubAccountId="acme") == Decimal("70.77")
    assert total(rows, SubAccountId="acme", x_LineKind="ptu_share") == 55
    assert total(rows, SubAccountId="acme", ChargeCategory="Usage") == Decimal("0.013775")
    assert total(rows, SubAccountId="acme", x_LineKind="tier") == Decimal("0.0017")
    assert total(rows, SubAccountId="acme", x_LineKind="rounding") == Decimal("0.0045")
    # 1,000 x 2.50 + 100 x 10 a million = 0.0035, paid as 0.
    assert total(rows, SubAccountId="beta", ChargeCategory="Usage") == Decimal("0.0035")
    assert total(rows, SubAccountId="beta") == 0
    assert manifest.totals == {"USD": 70_770_000_000_000_000_000}
    assert json.loads((tmp_path / "manifest.json").read_text())["totals"] == {"USD": "70.77"}
    assert [(one.name, one.rows) for one in manifest.files] == [("focus-2026-11.csv", len(rows))]


async def test_every_cost_is_a_price_times_a_quantity_and_no_row_is_delivered_twice(
    system: System, tmp_path: Path
) -> None:
    deliveries = await three_deliveries(system, tmp_path)
    rows = [row for delivery in deliveries for row in delivery]
    for row in rows:
        assert product(row, "ContractedUnitPrice") == Decimal(row["ContractedCost"])
        assert product(row, "ListUnitPrice") == Decimal(row["ListCost"])
        assert row["BilledCost"] == row["EffectiveCost"] == row["ContractedCost"]
    assert len({row["x_RowId"] for row in rows}) == len(rows)
    owed = [one.total async for one in system.statements.statements("acme")]
    found = [total(delivery, SubAccountId="acme") for delivery in deliveries]
    assert [Decimal(amount).scaleb(-18) for amount in owed] == found


async def test_what_came_late_is_in_the_next_delivery_alone_as_a_correction(
    system: System, tmp_path: Path
) -> None:
    (november, december, january) = await three_deliveries(system, tmp_path)
    used = {"SubAccountId": "acme", "ConsumedUnit": "Tokens"}
    # November: 1,000 + 100, 2,000 + 100 and 1,000 + 100; then 1,100 late, and 1,100 later still.
    assert total(november, "ConsumedQuantity", **used) == 4300
    late = {**used, "ChargeClass": "Correction"}
    assert total(december, "ConsumedQuantity", **late) == 1100
    assert total(january, "ConsumedQuantity", **late) == 1100
    days = {row["ChargePeriodStart"] for row in january if row["x_LineKind"] == "usage"}
    assert "2026-11-09T00:00:00Z" in days
    assert {row["BillingPeriodStart"] for row in january} == {"2027-01-01T00:00:00Z"}
    assert not [row for row in november if row["ChargeClass"]]


async def test_a_corrected_request_is_in_a_delivery_as_it_was_in_the_end(
    system: System, tmp_path: Path
) -> None:
    stream = {"data__usage": None, "data__model": "mystery"}
    await use(system, "stream", NOVEMBER.start, data__tokens="pending", **stream)
    await use(system, "stream", NOVEMBER.start, data__evidence="totals")
    counts = {"prompt_tokens": 2000, "completion_tokens": 0, "total_tokens": 2000}
    await use(system, "stream", NOVEMBER.start, data__usage=counts)
    await system.close(DUE)
    await export(system, tmp_path, Window("2026-11"))
    used = [row for row in rows_in(tmp_path, "2026-11") if row["ConsumedQuantity"]]
    assert [(row["SkuId"], row["ConsumedQuantity"]) for row in used] == [("gpt-4o/input", "2000.0")]


async def test_a_second_run_gives_the_same_bytes(system: System, tmp_path: Path) -> None:
    await three_deliveries(system, tmp_path)
    before = [content(tmp_path, name) for name in NAMES]
    for name in NAMES:
        await export(system, tmp_path, Window(name))
    assert [content(tmp_path, name) for name in NAMES] == before


async def test_text_of_others_is_no_formula(system: System, tmp_path: Path) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, tmp_path, Window("2026-11"))
    rows = [row for row in rows_in(tmp_path, "2026-11") if "HYPERLINK" in row["ResourceId"]]
    assert {row["ResourceId"] for row in rows} == {"'=HYPERLINK(1)"}
    assert {json.loads(row["Tags"])["use_case"] for row in rows} == {"=support"}


async def test_the_manifest_names_who_is_not_closed_and_the_others_are_delivered(
    system: System, tmp_path: Path
) -> None:
    await a_month_of_everything(system)
    assert [one async for one in system.closing.run(DUE, ["beta"])]
    manifest = await export(system, tmp_path, Window("2026-11"))
    assert manifest.notes["not_closed"] == "acme"
    assert {row["SubAccountId"] for row in rows_in(tmp_path, "2026-11")} == {"beta"}
    manifest = await export(system, tmp_path, Window("2026-11"), "beta")
    assert "not_closed" not in manifest.notes


async def test_a_period_of_which_nothing_is_closed_gives_a_header_alone(
    system: System, tmp_path: Path
) -> None:
    await use(system, "a", NOVEMBER.start)
    manifest = await export(system, tmp_path, Window("2026-11"))
    assert (rows_in(tmp_path, "2026-11"), manifest.as_of) == ([], None)
    with pytest.raises(ConfigurationError, match="no tenant had such a period"):
        await export(system, tmp_path, Window("2026-10"))


async def test_by_span_each_statement_is_in_the_delivery_of_when_it_was_closed(
    system: System, tmp_path: Path
) -> None:
    await three_deliveries(system, tmp_path)
    spans = [(NOVEMBER.start, DUE), (DUE, DECEMBER.end + GRACE), (DECEMBER.end + GRACE, DUE * 2)]
    found = []
    for number, span in enumerate(spans):
        manifest = await export(system, tmp_path, Window(f"span-{number}", span))
        assert "not_closed" not in manifest.notes
        found.append({row["InvoiceId"] for row in rows_in(tmp_path, f"span-{number}")})
    # Those of beta after the first have no rows: nothing was used and nothing is owed.
    assert found == [set(), {"acme/1", "beta/1"}, {"acme/2", "acme/3"}]


async def test_compressed_files_hold_the_same(system: System, tmp_path: Path) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, tmp_path / "plain", Window("2026-11"))
    await export(system, tmp_path / "packed", Window("2026-11"), gzip=True)
    packed = gzip.decompress((tmp_path / "packed" / "focus-2026-11.csv.gz").read_bytes())
    assert packed == (tmp_path / "plain" / "focus-2026-11.csv").read_bytes()


@pytest.mark.parametrize(
    ("numbers", "fault", "reason"),
    [
        ([1, 2, 3], RetryableError, "page 4 is not there yet"),
        ([1, 3, 4], LedgerBroken, "page 2 is missing: page 3 follows"),
        ([1, 2, 3, -4], LedgerBroken, "page 4 does not have the hash that was recorded for it"),
        ([1, -2, 3, 4], LedgerBroken, "page 3 does not follow the page before it"),
    ],
)
async def test_pages_that_are_not_what_was_billed_are_never_published(
    system: System, tmp_path: Path, numbers: list[int], fault: type[Exception], reason: str
) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, tmp_path, Window("2026-11"))
    before = content(tmp_path, "2026-11")
    ledger = LedgerId("acme", NOVEMBER.start)
    pages = {page.number: page async for page in system.store.pages(ledger)}
    changed = {-number: replace(page, hash="other") for number, page in pages.items()}

    async def read(_: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        for number in numbers:
            assert after == 0
            yield {**pages, **changed}[number]

    system.store.pages = read
    system.store.absent = {1, 2, 3, 4} - set(map(abs, numbers))
    with pytest.raises(fault, match=reason):
        await export(system, tmp_path, Window("2026-11"), "acme")
    assert content(tmp_path, "2026-11") == before


async def export_open(system: System, folder: Path, name: str) -> Manifest:
    """Deliver FOCUS with drafts into a folder."""
    drafts = DraftStatements(
        ledgers=system.store,
        statements=system.statements,
        accounts=system.accounts,
        tenancy=system.tenancy,
    )
    open_ones = DraftChain(drafts, system.app.accruals)
    closed = ClosedPeriods(system.statements, system.tenancy, Window(name), None, open_ones)
    report = FocusExport(closed, system.store, system.tenancy, "Contoso")
    return await DeliverExports(ExportFolder(folder), flat=True).deliver(report)


async def test_a_draft_has_the_shares_of_provisioned_capacity_as_they_stand(
    system: System, tmp_path: Path
) -> None:
    await a_month_of_everything(system)
    await export_open(system, tmp_path, "2026-11")
    (share,) = [row for row in rows_in(tmp_path, "2026-11") if row["x_LineKind"] == "ptu_share"]
    # One hour of 50 units at 1.10, until now.
    assert Decimal(share["BilledCost"]) == 55
    assert share["x_Provisional"] == "true"


async def test_a_grant_pays_once_in_drafts_of_two_months(system: System, tmp_path: Path) -> None:
    await system.tenancy.define_plan(Plan(id="p", base_fee="4", markup="-1"), None)
    await system.tenancy.assign_plan("acme", "p", None)
    await system.tenancy.map_subject("acme", "acme", None)
    await system.tenancy.add_grant(GrantOffer("acme", "5"))
    await call(system, "a-1", subject="acme")
    system.clock.set(parse_instant("2026-12-01T12:00:00Z"))
    await call(system, "a-2", subject="acme", time="2026-12-01T11:00:00Z")
    # Usage costs nothing. The grant pays the fee of November, 4, and 1 of that of December.
    for name, owed in (("2026-11", 0), ("2026-12", 3)):
        manifest = await export_open(system, tmp_path, name)
        assert manifest.totals == {"USD": owed * 10**18}
        assert total(rows_in(tmp_path, name)) == owed


async def test_periods_that_are_open_are_drafted_one_after_another(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day, subject in (("2026-11-20", "acme"), ("2026-12-02", "acme"), ("2026-12-02", "globex")):
        system.clock.set(parse_instant(f"{day}T12:00:00Z"))
        await call(system, f"{day}{subject}", subject=subject, time=f"{day}T11:00:00Z")

    async def provisional(name: str) -> Manifest:
        return await export_open(system, tmp_path, name)

    def usage_in(name: str) -> list[tuple[str, str]]:
        return [
            (row["SubAccountId"], row["ConsumedQuantity"])
            for row in rows_in(tmp_path, name)
            if row["x_LineKind"] == "usage" and row["SkuMeter"] == "Input Tokens"
        ]

    # November waits for its grace: its usage is in its own draft and not in that of December.
    await provisional("2026-11")
    assert usage_in("2026-11") == [("acme", "1000.0")]
    manifest = await provisional("2026-12")
    assert usage_in("2026-12") == [("acme", "1000.0"), ("globex", "1000.0")]
    assert manifest.as_of == system.clock.now()
    for name in ("2025-10", "2027-01"):
        with pytest.raises(ConfigurationError, match="no tenant had such a period"):
            await provisional(name)
    with monkeypatch.context() as patch:
        patch.setattr("metering.app.billing.draft_chain.MAX_OPEN", 0)
        # globex began in December, and none of its periods before is open.
        some = await provisional("2026-12")
    assert "acme" in some.notes["left_out"]
    assert usage_in("2026-12") == [("globex", "1000.0")]
    await system.close(parse_instant("2026-12-02T12:00:00Z") + GRACE)
    assert (await provisional("2026-12")).notes["provisional"]
    draft = DraftStatements.draft

    async def broken(self: DraftStatements, tenant: str, *of: Any, **more: Any) -> Any:
        if tenant == "acme":
            raise LedgerBroken("acme", "its pages do not add up")
        return await draft(self, tenant, *of, **more)

    monkeypatch.setattr(DraftStatements, "draft", broken)
    left = await provisional("2026-12")
    assert "acme" in left.notes["left_out"]
    assert usage_in("2026-12") == [("globex", "1000.0")]
