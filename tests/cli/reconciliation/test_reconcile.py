"""`metering reconcile`: bills and logs beside the ledgers, through the command line."""

import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from tests.exports import EA, FOCUS, MCA, line, write_export
from tests.gateway_logs import llm_record, log

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

OUT = "gpt 4o 1120 Outp glbl Tokens"


def test_a_bill_that_agrees_ends_with_zero(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event(data={"backend": "contoso"}))
    # 1,000 x 2.50 and 100 x 10 a million.
    lines = line("1", "0.0025"), line("0.1", "0.001", OUT)
    for name, header in (("ea.csv", EA), ("mca.csv.gz", MCA)):
        path = write_export(metering.folder / name, *lines, header=header)
        ran = metering.run("reconcile", "--actual", path)
        assert (ran.code, ran.stderr) == (0, "")
        assert "no difference remains" in ran.stdout
    days = [line("1000", "0.0025", day="2026-11-20T00:00Z")]
    days.append(line("100", "0.001", OUT, day="2026-11-20T00:00Z"))
    focus = write_export(metering.folder / "focus.csv", *days, header=FOCUS)
    found = metering.run("reconcile", "--actual", focus, "--all", "--json")
    assert found.code == 0
    assert [
        (one["metered"], one["our_tokens"], one["billed_tokens"]) for one in found.json["lines"]
    ] == [
        ("input", 1000, "1000"),
        ("output", 100, "100"),
    ]


def test_every_difference_is_explained_line_by_line(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(
        event(data={"backend": "contoso"}),
        event("r-2", data={"backend": "contoso", "tokens": "absent", "usage": None}),
        event("r-3", time="2026-11-19T11:30:00Z", data={"backend": "contoso"}),
        event("r-4", data={"backend": "contoso", "model": "house-7b"}),
    )
    path = write_export(
        metering.folder / "bill.csv",
        # A price of 2.00 a million; on the day before 200 tokens too few, which come a day later.
        line("0.8", "0.002", day="11/19/2026"),
        line("1.5", "0.003"),
        line("-0.1", "-0.0002", charge="Refund"),
        line("24", "48", "Provisioned Managed Global Unit", unit="1/Hour"),
        line("1", "0.7", "gpt 9 Inp glbl Tokens"),
        line("1", "5", "P10 LRS Disk", account=None, category="Storage", family="Disks"),
    )
    ran = metering.run("reconcile", "--actual", path, "--json")

    assert ran.code == 1
    found = ran.json
    explained = {
        (one["day"][-2:], one["model"] or one["sort"], one["metered"]): [
            (part["why"], part["tokens"], part["amount"]) for part in one["explained"]
        ]
        for one in found["lines"]
    }
    # 200 x 0.0025 a thousand; on the 20th each is worth 0.003 / 1,500 = 0.000002: 200 late,
    # 300 missing, and 1,000 at 0.0000005 less than the list says.
    assert explained["19", "gpt-4o", "input"] == [("late", "-200", "-0.0005")]
    assert explained["20", "gpt-4o", "input"] == [
        ("credit", "-100", "-0.0002"),
        ("late", "200", "0.0004"),
        ("missing", "300", "0.0006"),
        ("price", "0", "-0.0005"),
    ]
    assert explained["20", "provisioned", "provisioned"] == [("provisioned", "0", "48")]
    assert explained["20", "unmapped", "gpt 9 Inp glbl Tokens"] == [("unmapped", "0", "0.7")]
    assert found["other_services"] == {"rows": 1, "amount": "5"}
    for one in found["lines"]:
        parts = (Decimal(part["amount"]) for part in one["explained"])
        assert sum(parts) == Decimal(one["difference"])
    shown = metering.run("reconcile", "--actual", path)
    assert "not compared: 1 row of other services (5)" in shown.stdout
    assert "a difference remains on" in shown.stdout


def test_a_tolerance_lets_small_differences_pass(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event(data={"backend": "contoso"}))
    # The same tokens, one percent cheaper.
    lines = line("1", "0.002475"), line("0.1", "0.001", OUT)
    path = write_export(metering.folder / "bill.csv", *lines)
    assert metering.run("reconcile", "--actual", path).code == 1
    assert metering.run("reconcile", "--actual", path, "--tolerance", "0.99").code == 1
    assert metering.run("reconcile", "--actual", path, "--tolerance", "1").code == 0


def test_logs_alone_or_beside_a_bill(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event(data={"backend": "contoso", "deployment": "gpt-4o"}))
    lines = line("1", "0.0025"), line("0.1", "0.001", OUT)
    path = write_export(metering.folder / "bill.csv", *lines)
    logs = metering.write([log(llm_record())])
    both = metering.run("reconcile", "--actual", path, "--gateway-logs", logs)
    assert both.code == 0, both.stderr
    assert "every logged request is in the ledgers" in both.stdout

    lacking = llm_record("r-9", promptTokens=1, totalTokens=101) | {"time": "2026-11-20T08:00:00Z"}
    more = metering.write([log(llm_record(), lacking)])
    alone = metering.run("reconcile", "--gateway-logs", more, "--json")
    assert alone.code == 1
    assert alone.json == {
        "gateway_logs": {
            "lines": [
                {
                    "day": "2026-11-20",
                    "deployment": "gpt-4o",
                    "requests": 1,
                    "tokens": 1100,
                    "logged_requests": 2,
                    "logged_tokens": 1201,
                    "differing": 0,
                }
            ],
            "absent": {"unknown": 1},
            "requests": [
                {
                    "id": "r-9",
                    "day": "2026-11-20",
                    "deployment": "gpt-4o",
                    "tokens": 101,
                    "why": "unknown",
                }
            ],
            "differing": [],
            "refused": 0,
        },
        "left_out": [],
    }
    less = metering.write([log(llm_record(completionTokens=99, totalTokens=1099))])
    (differing,) = metering.run("reconcile", "--gateway-logs", less, "--json").json["gateway_logs"][
        "differing"
    ]
    assert (differing["tokens"], differing["logged_tokens"]) == (1100, 1099)
    assert differing["id"] in metering.run("reconcile", "--gateway-logs", less).stdout
    shown = metering.run(
        "reconcile", "--gateway-logs", more, "--from", "2026-11-20", "--to", "2026-11-20"
    )
    assert "missing from the ledgers: 1 logged request: unknown" in shown.stdout
    refused = metering.run(
        "reconcile", "--gateway-logs", metering.write([b"no", log(llm_record())])
    )
    assert "1 log record with unusable counts" in refused.stdout


def test_wrong_usage_is_named(metering: "Metering") -> None:
    neither = metering.run("reconcile")
    assert (neither.code, "give one of these options" in neither.stderr) == (2, True)
    path = write_export(metering.folder / "bill.csv", line("1,5"))
    bad = metering.run("reconcile", "--actual", path)
    assert (bad.code, "bill.csv: line 2: quantity: '1,5'" in bad.stderr) == (1, True)
    for options in (("--tolerance", "some"), ("--tolerance", "-1"), ("--from", "20.11.2026")):
        ran = metering.run("reconcile", "--actual", path, *options)
        assert (ran.code, options[0] in ran.stderr) == (2, True)
    other = metering.folder / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert "is not a known cost export" in metering.run("reconcile", "--actual", other).stderr
    other.write_text("")
    assert f"{other}: is empty" in metering.run("reconcile", "--actual", other).stderr


def write_parquet(path: Path, *lines: Sequence[str]) -> None:
    columns = zip(*lines, strict=True)
    parquet.write_table(pa.table([list(column) for column in columns], names=list(MCA)), path)


def test_seven_percent_off_list_is_one_explanation(
    metering: "Metering", event: "EventBuilder"
) -> None:
    days = [f"2026-11-{day:02}" for day in range(14, 20)]
    of_contoso = {"data": {"backend": "contoso"}}
    metering.ingest(*(event(day, time=f"{day}T11:00:00Z", **of_contoso) for day in days))
    folder = metering.folder / "20261101-20261130"
    folder.mkdir()
    # 0.0025 and 0.001 less seven percent: 0.002325 and 0.00093.
    parts = [(line("1", "0.002325", day=day), line("0.1", "0.00093", OUT, day=day)) for day in days]
    for number, part in enumerate(parts):
        write_parquet(folder / f"part_{number}_0001.parquet", *part)
    named = [
        {"blobName": f"exports/daily/20261101-20261130/{path.name}", "dataRowCount": 2}
        for path in sorted(folder.iterdir())
    ]
    (folder / "manifest.json").write_text(json.dumps({"blobs": named}))
    command = ("reconcile", "--actual", folder)

    without = metering.run(*command)
    assert without.code == 1
    assert "a difference remains on 12 lines: price" in without.stdout
    assert "every price is 7 % below list: if that is agreed, --discount 7" in without.stdout
    agreed = metering.run(*command, "--discount", "7")
    assert (agreed.code, agreed.stderr) == (0, "")
    assert "the agreed discount was taken off list prices on 12 lines" in agreed.stdout
    assert "no difference remains" in agreed.stdout
    # No line is shown: six days of 0.000175 and 0.00007 are one sum.
    assert "contoso" not in agreed.stdout
    by_category = metering.run(*command, "--discount", "cognitive services=7", "--json")
    assert (by_category.code, by_category.json["remaining"]) == (0, 0)
    assert by_category.json["lines"] == []
    explained = [{"why": "discount", "tokens": "0", "amount": "-0.00147"}]
    assert by_category.json["total"]["explained"] == explained
    # Of five percent that were agreed and seven that were paid, two are no discount:
    # 0.00005 and 0.00002 on each day.
    other = metering.run(*command, "--discount", "5", "--json")
    assert (other.code, other.json["remaining"]) == (1, 12)
    assert other.json["total"]["explained"] == [
        {"why": "discount", "tokens": "0", "amount": "-0.00105"},
        {"why": "price", "tokens": "0", "amount": "-0.00042"},
    ]
    (folder / "part_3_0001.parquet").unlink()
    missing = metering.run(*command, "--discount", "7")
    assert (missing.code, "part_3_0001.parquet" in missing.stderr) == (1, True)
    assert "a part is missing" in missing.stderr


def test_a_discount_that_is_none_is_named(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event(data={"backend": "contoso"}))
    path = write_export(metering.folder / "bill.csv", line())
    for text in ("seven", "-1", "101", "0.00001", "=7", "Storage="):
        ran = metering.run("reconcile", "--actual", path, "--discount", text)
        assert (ran.code, "--discount" in ran.stderr) == (2, True), ran.stderr
    twice = ("--discount", "7", "--discount", "8")
    assert metering.run("reconcile", "--actual", path, *twice).code == 2
    typo = metering.run("reconcile", "--actual", path, "--discount", "Cognitive=7")
    assert typo.code == 1
    assert "no row of an AI service has the meter category 'cognitive'" in typo.stderr
    assert "there are: Cognitive Services" in typo.stderr
