"""`metering export`: files and a manifest, as typed."""

import csv
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

QUERY = Path(__file__).parents[3] / "docs" / "power-bi" / "chargeback.pq"
TYPED = re.findall(r'\{"(\w+)", ', QUERY.read_text(encoding="utf-8"))

type Metering = Any
type EventBuilder = Callable[..., dict[str, Any]]


@pytest.fixture
def used(metering: Metering, event: EventBuilder) -> Metering:
    """Return a store with a call of each of two tenants, one of them from a strange product."""
    strange = event("r-2", subject="globex", data={"product": '=HYPERLINK("x")'})
    metering.ingest(event("r-1", data={"product": "chat"}), strange)
    return metering


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_chargeback_as_typed(used: Metering) -> None:
    out = used.folder / "out"
    ran = used.run("export", "chargeback", "--period", "2026-11", "--out", out)
    assert ran.code == 0, ran.stderr
    assert sorted(path.name for path in out.iterdir()) == [
        "chargeback-2026-11.csv",
        "manifest.json",
    ]
    found = rows(out / "chargeback-2026-11.csv")
    assert [(row["product"], row["callers"], row["amount"]) for row in found] == [
        ('\'=HYPERLINK("x")', "globex", "0.0035"),
        ("chat", "acme", "0.0035"),
    ]
    # The query for Power BI and Excel types each column, and those of other reports of this kind.
    others = {"day", "tenant", "use_case"}
    assert [name for name in TYPED if name not in others] == list(found[0])
    manifest = json.loads((out / "manifest.json").read_text())
    # Twice 0.0035.
    assert manifest["totals"] == {"USD": "0.007"}
    content = (out / "chargeback-2026-11.csv").read_bytes()
    assert manifest["files"][0]["sha256"] == hashlib.sha256(content).hexdigest()
    assert "total: 0.007 USD" in ran.stdout
    assert ran.stderr == ""


def test_without_a_folder_deliveries_go_where_the_setting_says(used: Metering) -> None:
    place = {"METERING_EXPORTS": "file://" + str(used.folder / "exports")}
    options = ("--by", "tenant", "--tenant", "acme", "--gzip", "--json")
    ran = used.run("export", "chargeback", "--period", "2026-11", *options, settings=place)
    assert ran.json["files"][0]["name"] == "chargeback-by-tenant-2026-11.csv.gz"
    assert ran.json["tenant"] == "acme"
    folder = used.folder / "exports/chargeback-by-tenant/tenant-acme/2026-11"
    packed = (folder / "chargeback-by-tenant-2026-11.csv.gz").read_bytes()
    assert gzip.decompress(packed).startswith(b"tenant,model,")
    default = used.run("export", "chargeback", "--period", "2026-11", "--json")
    assert default.code == 0
    assert (used.folder / ".metering/exports/chargeback/all/2026-11/manifest.json").is_file()


def test_a_second_run_writes_the_same_bytes(used: Metering) -> None:
    out = used.folder / "out"
    span = ("--from", "2026-11-20T11:00:00Z", "--to", "2026-11-20T12:00:00Z")
    found = []
    for _ in range(2):
        assert used.run("export", "chargeback", *span, "--out", out).code == 0
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert found[0] == found[1]
    assert len(found[0]) == 2


@pytest.mark.parametrize(
    ("options", "code", "about"),
    [
        ([], 2, "give either --period, or --from and --to"),
        (["--period", "2026-11", "--to", "2026-11-20T12:00:00Z"], 2, "give either --period"),
        (["--from", "yesterday", "--to", "2026-11-20T12:00:00Z"], 2, "--from"),
        (["--period", "2026-13"], 1, "period '2026-13' is not a period"),
        (["--period", "../x"], 1, "write it like 2026-11"),
        (["--period", "2026-11", "--tenant", "nobody"], 1, "unknown tenant 'nobody'"),
        (["--period", "2026-11", "--by", "colour"], 2, "--by"),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    used: Metering, options: list[str], code: int, about: str
) -> None:
    ran = used.run("export", "chargeback", *options, "--out", used.folder / "out")
    assert (ran.code, about in ran.stderr) == (code, True), ran.stderr
    assert not (used.folder / "out").exists()


def test_a_place_that_is_none_is_named(used: Metering) -> None:
    place = {"METERING_EXPORTS": "https://example.com/x"}
    ran = used.run("export", "chargeback", "--period", "2026-11", settings=place)
    assert ran.code == 1
    assert "METERING_EXPORTS: the value is not a folder" in ran.stderr


def test_a_disk_that_is_full_leaves_no_manifest_that_is_wrong(
    metering: Metering, event: EventBuilder
) -> None:
    many = (event(f"r-{number}", data={"product": f"p-{number}"}) for number in range(400))
    metering.ingest(*many)
    out = metering.folder / "out"
    # Room for what the store itself maps, and not for 400 rows of more than 150 bytes.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))"
    ignore = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    export = ("export", "chargeback", "--period", "2026-11", "--out", out)
    ran = metering.run_process(*export, before=f"{limit}\n{ignore}")
    assert ran.code == 1
    assert ran.stderr.startswith("error: exports: "), ran.stderr
    assert list(out.iterdir()) == []
    assert metering.run(*export).code == 0
    assert len(list(out.iterdir())) == 2


def test_focus_and_statements_as_typed(used: Metering) -> None:
    assert used.run("close", settings={"METERING_NOW": "2026-12-10T00:00:00Z"}).code == 0
    out, papers = used.folder / "focus", used.folder / "statements"
    ran = used.run("export", "focus", "--period", "2026-11", "--out", out)
    assert ran.code == 0, ran.stderr
    assert sorted(path.name for path in out.iterdir()) == ["focus-2026-11.csv", "manifest.json"]
    found = rows(out / "focus-2026-11.csv")
    costs = {(row["SubAccountId"], row["SkuMeter"]): row["BilledCost"] for row in found}
    # 1,000 x 2.50 and 100 x 10 a million; 0.0035 is paid as nothing.
    for tenant in ("acme", "globex"):
        assert costs[tenant, "Input Tokens"] == "0.0025"
        assert costs[tenant, "Output Tokens"] == "0.001"
        assert costs[tenant, ""] == "-0.0035"
    assert {row["ProviderName"] for row in found} == {"LLM platform"}
    ran = used.run("export", "statement", "--period", "2026-11", "--out", papers, "--json")
    names = [one["name"] for one in ran.json["files"]]
    assert names[:3] == [f"statement-acme-2026-11.{ending}" for ending in ("json", "csv", "html")]
    assert ran.json["totals"] == {"USD": "0"}


def test_focus_of_one_tenant_names_the_issuer_and_who_is_not_closed(used: Metering) -> None:
    settings = {"METERING_ISSUER": "Contoso"}
    out = used.folder / "out"
    chosen = ("--period", "2026-11", "--out", out)
    ran = used.run("export", "focus", *chosen, "--json", settings=settings)
    assert (ran.json["files"][0]["rows"], ran.json["notes"]["not_closed"]) == (0, "acme, globex")
    used.run("close", settings={"METERING_NOW": "2026-12-10T00:00:00Z"})
    options = ("--tenant", "acme", "--gzip", "--json")
    ran = used.run("export", "focus", *chosen, *options, settings=settings)
    assert ran.json["files"][0]["name"] == "focus-2026-11.csv.gz"
    text = gzip.decompress((out / "focus-2026-11.csv.gz").read_bytes()).decode()
    found = list(csv.DictReader(text.splitlines()))
    assert {(row["SubAccountId"], row["InvoiceIssuerName"]) for row in found} == {
        ("acme", "Contoso")
    }


def typed(row: dict[str, Any]) -> dict[str, str]:
    """Return a row of Parquet as CSV has it: trailing zeros trimmed, nothing as an empty text."""
    found = {}
    for name, value in row.items():
        text = "" if value is None else str(value)
        if isinstance(value, Decimal):
            text = format(value, "f").rstrip("0").rstrip(".")
        if isinstance(value, datetime):
            assert value.utcoffset() == timedelta(0)
            text = value.isoformat().replace("+00:00", "Z")
        found[name] = text
    return found


def test_parquet_says_what_csv_says(used: Metering) -> None:
    used.run("close", settings={"METERING_NOW": "2026-12-10T00:00:00Z"})
    out = used.folder / "out"
    for report in ("chargeback", "focus"):
        command = ("export", report, "--period", "2026-11", "--out", out)
        assert used.run(*command).code == 0
        ran = used.run(*command, "--format", "parquet", "--json")
        assert (ran.json["format"], ran.stderr) == ("parquet", "")
        # The delivery as CSV is another one: its file stays.
        as_csv = rows(out / f"{report}-2026-11.csv")
        table = parquet.read_table(out / f"{report}-2026-11.parquet")
        assert ran.json["files"][0]["rows"] == table.num_rows == len(as_csv) > 0
        for was, row in zip(as_csv, map(typed, table.to_pylist()), strict=True):
            # CSV has a decimal point in every figure of FOCUS, and a ' before formulas.
            plain = {
                name: value.removesuffix(".0").removeprefix("'") for name, value in was.items()
            }
            assert row == plain
    costs = table.column("BilledCost").to_pylist()
    assert table.schema.field("BilledCost").type == pa.decimal128(38, 18)
    # Twice 1,000 x 2.50 and 100 x 10 a million, which is paid as nothing.
    assert sorted(costs) == sorted(map(Decimal, ("0.0025", "0.001", "-0.0035") * 2))
    place = {"METERING_EXPORTS": "file://" + str(out)}
    options = ("--period", "2026-11", "--format", "parquet")
    assert used.run("export", "chargeback", *options, settings=place).code == 0
    assert (out / "chargeback-parquet/all/2026-11/manifest.json").is_file()
    packed = used.run("export", "chargeback", *options, "--gzip")
    assert (packed.code, "Parquet files are compressed inside" in packed.stderr) == (2, True)


def test_without_pyarrow_the_extra_is_named(used: Metering) -> None:
    out = used.folder / "out"
    command = ("export", "chargeback", "--period", "2026-11", "--format", "parquet", "--out", out)
    absent = used.folder / "absent"
    absent.mkdir()
    (absent / "pyarrow.py").write_text("raise ImportError('No module named pyarrow')")
    ran = used.run_process(*command, settings={"PYTHONPATH": str(absent)})
    assert ran.code == 1
    assert ran.stderr.startswith("error: Parquet needs the extra `parquet`"), ran.stderr
    assert "pip install 'metering[parquet]'" in ran.stderr
    assert not out.exists()


def test_the_open_month_is_provisional_and_its_statement_takes_its_place(used: Metering) -> None:
    out = used.folder / "out"
    command = ("export", "focus", "--period", "2026-11", "--out", out, "--json")
    found = []
    for _ in range(2):
        ran = used.run(*command, "--provisional")
        assert (ran.code, ran.json["provisional"]) == (0, True), ran.stderr
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert found[0] == found[1]
    drafted = rows(out / "focus-2026-11.csv")
    # 1,000 x 2.50 and 100 x 10 a million for each of two tenants; 0.0035 is paid as nothing.
    assert ran.json["totals"] == {"USD": "0"}
    assert sorted(row["BilledCost"] for row in drafted) == sorted(
        ("0.0025", "0.001", "-0.0035") * 2
    )
    for row in drafted:
        said = row["x_Provisional"], row["InvoiceId"], row["x_StatementHash"]
        assert said == ("true", "", "")
    assert used.run("export", "chargeback", *command[2:]).json["provisional"] is True

    used.run("close", settings={"METERING_NOW": "2026-12-10T00:00:00Z"})
    final = used.run(*command, "--provisional", settings={"METERING_NOW": "2026-12-11T00:00:00Z"})
    assert (final.json["provisional"], final.json["files"][0]["rows"]) == (False, 6)
    closed = rows(out / "focus-2026-11.csv")
    assert {(row["x_Provisional"], bool(row["InvoiceId"])) for row in closed} == {("false", True)}
    assert not {row["x_RowId"] for row in closed} & {row["x_RowId"] for row in drafted}
    past = used.run(*command[:-1], "--provisional", "--tenant", "acme")
    assert past.code == 0
    wrong = ("--from", "2026-11-01T00:00:00Z", "--to", "2026-12-01T00:00:00Z", "--provisional")
    refused = used.run("export", "focus", *wrong)
    assert (refused.code, "goes with --period" in refused.stderr) == (2, True)
