"""`metering statements` and PDFs, as typed."""

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Metering

SETTINGS = {
    "METERING_NOW": "2026-12-10T00:00:00Z",
    "METERING_INVOICE_SERIES": "INV-",
    "METERING_TAXES": "VAT=20",
    "METERING_ISSUER": "Contoso IT",
    "METERING_ISSUER_ADDRESS": "1 Example Street|10115 Berlin",
}
#: 4,000 x 2.50 + 2,000 x 10 a million are 0.01 + 0.02.
USAGE: dict[str, Any] = {"prompt_tokens": 4000, "completion_tokens": 2000, "total_tokens": 6000}


def test_documents_are_issued_shown_voided_reissued_and_proven(
    metering: "Metering", event: "EventBuilder"
) -> None:
    def ask(*arguments: str) -> Any:
        return metering.run("statements", *arguments, "--json", settings=SETTINGS).json

    metering.ingest(event("r-1", data={"usage": USAGE}))
    details = ("--name", "Acme GmbH", "--tax-id", "ATU1", "--recipient", "ada@example.com")
    set_details = metering.run("tenants", "customer", "acme", *details, "--json")
    assert set_details.json["recipients"] == ["ada@example.com"]
    assert "Acme GmbH" in metering.run("tenants", "customer", "acme").stdout
    # A close without a series issues nothing; the next one catches up.
    metering.run("close", settings={"METERING_NOW": SETTINGS["METERING_NOW"]})
    refused = metering.run("statements", "issue")
    assert (refused.code, "METERING_INVOICE_SERIES: is not set" in refused.stderr) == (1, True)
    (issued,) = ask("issue", "--tenant", "acme")
    # 20 % of 0.03 is 0.006, rounded 0.01.
    assert [issued[name] for name in ("number", "net", "gross", "payable")] == [
        *("INV-000001", "0.03", "0.04", "0.04"),
    ]
    assert issued["customer"] == {
        "name": "Acme GmbH", "address": [], "tax_id": "ATU1", "reverse_charge": False
    }  # fmt: skip
    assert ask("issue") == []
    (void,) = ask("void", "INV-000001", "--reason", "wrong address")
    assert (void["refers_to"], void["payable"]) == ("INV-000001", "-0.04")
    (again,) = ask("reissue", "INV-000002")
    assert (again["number"], again["refers_to"]) == ("INV-000003", "INV-000002")
    assert [one["number"] for one in ask("list", "acme")] == [f"INV-00000{n}" for n in (1, 2, 3)]
    assert ask("show", "INV-000003") == again
    assert all(one["holds"] for one in ask("verify", "acme"))
    audit = metering.run("audit", "--json", settings=SETTINGS).json
    assert {"invoices.issue", "invoice.void", "invoice.reissue"} <= {one["action"] for one in audit}
    twice = metering.run("statements", "void", "INV-000001", "--reason", "x", settings=SETTINGS)
    assert (twice.code, "has been voided already" in twice.stderr) == (1, True)


def test_pdfs_are_written_and_exported_with_the_documents(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    metering.run("close", settings=SETTINGS)
    out = metering.folder / "out.pdf"
    for command in (
        ("statement", "acme", "--period", "2026-11"),
        ("statement", "acme", "--period", "2026-12", "--preview"),
        ("statements", "show", "INV-000001"),
    ):
        ran = metering.run(*command, "--format", "pdf", "--out", out, settings=SETTINGS)
        assert (ran.code, out.read_bytes()[:5]) == (0, b"%PDF-"), ran.stderr
        first = out.read_bytes()
        metering.run(*command, "--format", "pdf", "--out", out, settings=SETTINGS)
        assert out.read_bytes() == first
    reports = metering.folder / "reports"
    wanted = ("export", "statement", "--period", "2026-11", "--format", "pdf", "--out", reports)
    found = metering.run(*wanted, "--json", settings=SETTINGS).json
    assert [one["name"] for one in found["files"]] == [
        "statement-acme-2026-11.pdf",
        "INV-000001.pdf",
    ]
    assert found["kind"] == "statement-pdf"
    again = metering.run(*wanted, "--json", settings=SETTINGS).json
    assert again == found


def test_a_broken_document_is_named_and_the_exit_status_says_so(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1", data={"usage": USAGE}))
    metering.run("close", settings=SETTINGS)
    assert metering.run("statements", "verify", settings=SETTINGS).code == 0
    with closing(sqlite3.connect(metering.store)) as store, store:
        store.execute("DELETE FROM statements")
    ran = metering.run("statements", "verify", settings=SETTINGS)
    assert (ran.code, "its statement is not there" in ran.stderr) == (1, True)
    assert "is not there" in metering.run("statements", "show", "INV-000001").stderr
    for wrong in (
        ("statements", "show", "INV-000001", "--out", "x"),
        ("statements", "void", "INV-000001", "--reason", "x" * 300),
        ("tenants", "customer", "acme", "--recipient", "nobody"),
    ):
        assert metering.run(*wrong).code in {1, 2}
