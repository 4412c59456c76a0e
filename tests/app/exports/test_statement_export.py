"""The statement export: three files a statement, and the sum of what is owed."""

import json
from pathlib import Path
from typing import Any

from metering.adapters.exports.export_folder import ExportFolder
from metering.adapters.exports.statement_page import statement_page
from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.statement_export import StatementExport
from metering.core.exports.delivery_manifest import Manifest, Window
from tests.app.focusing import DUE, a_month_of_everything

type System = Any


async def export(system: System, folder: Path) -> Manifest:
    closed = ClosedPeriods(system.statements, system.tenancy, Window("2026-11"))
    report = StatementExport(closed, statement_page)
    return await DeliverExports(ExportFolder(folder), flat=True).deliver(report)


async def test_every_statement_is_delivered_as_json_csv_and_a_page(
    system: System, tmp_path: Path
) -> None:
    await a_month_of_everything(system)
    await system.close(DUE)
    manifest = await export(system, tmp_path)
    names = [f"statement-{tenant}-2026-11" for tenant in ("acme", "beta")]
    endings = ("json", "csv", "html")
    assert [one.name for one in manifest.files] == [f"{n}.{e}" for n in names for e in endings]
    made = json.loads((tmp_path / "statement-acme-2026-11.json").read_text())
    assert (made["tenant"], made["total"]) == ("acme", "70.77")
    rows = (tmp_path / "statement-acme-2026-11.csv").read_text().splitlines()
    assert len(rows) == len(made["lines"]) + 2
    assert "70.77" in (tmp_path / "statement-acme-2026-11.html").read_text()
    # 70.77 and 0.
    assert manifest.totals == {"USD": 70_770_000_000_000_000_000}


async def test_a_tenant_that_is_not_closed_is_named(system: System, tmp_path: Path) -> None:
    await a_month_of_everything(system)
    manifest = await export(system, tmp_path)
    assert (manifest.files, manifest.as_of) == ([], None)
    assert manifest.notes == {"not_closed": "acme, beta"}
