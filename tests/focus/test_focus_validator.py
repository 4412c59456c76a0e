"""What the official validator says of a delivery: what is written down, and nothing else."""

import csv
import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from metering.app.billing.close_periods import GRACE
from metering.core.basics.csv_text import csv_line
from metering.core.basics.money import parse_amount
from metering.core.exports.delivery_manifest import Window
from metering.core.focus.columns import COLUMNS, RowCells
from tests.app.focusing import (
    DECEMBER,
    DUE,
    ISSUER,
    a_month_of_everything,
    export,
    late_usage_and_december,
    rows_in,
)
from tests.core.focusing import a_billed, rows_of
from tests.focus.validator import Verdict, is_installed, read_verdict, validate
from tests.statements import an_allocation

type System = Any

FINDINGS: Final = Path(__file__).with_name("validator_findings.json")


async def a_file_of_everything(system: System, folder: Path) -> Path:
    """Return two deliveries and a share of capacity as one file: every kind of row is in it."""
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, folder, Window("2026-11"))
    await late_usage_and_december(system)
    await system.close(DECEMBER.end + GRACE)
    await export(system, folder, Window("2026-12"))
    share = an_allocation(parse_amount("7.25"), parse_amount("3"))
    billed = a_billed([], allocations=[share])
    shares = [csv_line(RowCells(billed.statement, ISSUER).cells(row)) for row in rows_of(billed)]
    november, december = ((folder / f"focus-2026-{month}.csv").read_text() for month in (11, 12))
    whole = folder / "everything.csv"
    whole.write_text(november + december.split("\n", 1)[1] + "".join(shares), newline="")
    return whole


@pytest.fixture
def validator() -> None:
    if not is_installed():
        why = "no .venv-focus: run `make test`, which installs the official FOCUS validator"
        assert not os.environ.get("CI"), why
        pytest.skip(why)


@pytest.mark.usefixtures("validator")
async def test_the_validator_finds_what_is_written_down_and_nothing_else(
    system: System, tmp_path: Path
) -> None:
    verdict = validate(await a_file_of_everything(system, tmp_path), tmp_path)
    written = json.loads(FINDINGS.read_text(encoding="utf-8"))
    assert verdict.failed == frozenset(written), "new, or gone: read tests/focus and docs/focus.md"
    # What was checked at all: an export that is empty, or columns that are not read, would pass.
    assert {
        "BilledCost-C-003-M",
        "ChargeCategory-C-003-M",
        "ChargeClass-C-005-C",
        "ConsumedQuantity-C-006-C",
        "ListUnitPrice-C-010-C",
        "ContractedUnitPrice-C-011-C",
        "PricingUnit-C-003-O",
        "SkuPriceDetails-C-001-M",
        "SkuPriceId-C-008-M",
        "Tags-C-001-M",
    } <= verdict.passed
    assert len(verdict.passed) > 350


@pytest.mark.usefixtures("validator")
async def test_the_validator_is_heard_when_a_column_is_wrong_and_is_silent_on_products(
    system: System, tmp_path: Path
) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    await export(system, tmp_path, Window("2026-11"))
    rows = rows_in(tmp_path, "2026-11")
    rows[0]["ListCost"], rows[1]["BilledCost"], rows[2]["ServiceCategory"] = "1.5", "", "Magic"
    wrong = tmp_path / "wrong.csv"
    with wrong.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    failed = validate(wrong, tmp_path).failed
    assert {"BilledCost-C-003-M", "ServiceName-C-005-C"} <= failed
    # Why our own tests multiply: where ChargeClass is null its product rules look at no row.
    assert "ListUnitPrice-C-010-C" not in failed


def test_a_validator_that_breaks_off_is_no_success() -> None:
    with pytest.raises(AssertionError, match="did not come to a result: no such file"):
        read_verdict("", "no such file")
    with pytest.raises(AssertionError, match="counts other rules than it lists"):
        read_verdict("Total: 2 | Pass: 2 | Fail: 0 | Skipped: 0\nok Tags-C-001-M: PASS\n", "")
    output = "Total: 1 | Pass: 0 | Fail: 1 | Skipped: 0\nx Tags-C-001-M: FAIL  (violations=1)\n"
    assert read_verdict(output, "") == Verdict(
        frozenset(), frozenset({"Tags-C-001-M"}), frozenset()
    )


async def test_what_the_validator_skips_holds_too(system: System, tmp_path: Path) -> None:
    await a_file_of_everything(system, tmp_path)
    rows = [row for name in ("2026-11", "2026-12") for row in rows_in(tmp_path, name)]
    for row in rows:
        assert bool(row["CapacityReservationId"]) == bool(row["CapacityReservationStatus"])
        assert row["BillingPeriodStart"] < row["BillingPeriodEnd"]
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"]
        assert bool(row["ChargeClass"]) == (row["ChargePeriodEnd"] <= row["BillingPeriodStart"])
        for name in ("Tags", "SkuPriceDetails"):
            pairs = json.loads(row[name] or "{}")
            assert all(isinstance(value, str) for value in pairs.values())
        assert all(key.startswith("x_") for key in json.loads(row["SkuPriceDetails"] or "{}"))
        assert bool(row["SkuPriceDetails"]) == bool(row["SkuPriceId"]) == bool(row["SkuId"])
        assert all(value == value.strip() for value in row.values())
