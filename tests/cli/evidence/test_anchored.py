"""`metering verify` over a billed store whose records were changed, hashes and all."""

import json
import shutil
from collections.abc import Callable
from typing import Any, Final

import pytest

from metering.core.tenancy.record import GENESIS, Record, chained
from tests.cli.conftest import Metering
from tests.cli.evidence.conftest import NOW, run
from tests.forging import Forger, sealed

OCTOBER, NOVEMBER = "acme|2026-10-01T00:00:00Z", "acme|2026-11-01T00:00:00Z"

type Harm = Callable[[Forger], object]


def verified(store: Metering, *options: str) -> tuple[int, list[str]]:
    """Return the exit status and all faults."""
    ran = store.run("verify", *options, "--json", settings={"METERING_NOW": NOW})
    return ran.code, [fault for one in ran.json for fault in one["faults"]]


def rechained(forger: Forger) -> None:
    """Compute the hashes of all records again."""
    rows = forger.run(
        "SELECT number, kind, key, value, effective, recorded FROM records ORDER BY number"
    )
    previous = GENESIS
    forger.run("DELETE FROM record_hashes")
    for number, *content in rows:
        previous = chained(Record(*content), number, previous).hash
        forger.run("INSERT INTO record_hashes VALUES (?, ?)", number, previous)


def edited(kind: str, old: str, new: str) -> Harm:
    """Edit the records of a kind, without their hashes."""

    def harm(forger: Forger) -> None:
        sql = "UPDATE records SET value = replace(value, ?, ?) WHERE kind = ?"
        forger.run(sql, old, new, kind)

    return harm


def both(*harms: Harm) -> Harm:
    return lambda forger: [harm(forger) for harm in harms]


def sql(text: str, *values: object) -> Harm:
    return lambda forger: forger.run(text, *values)


def effect_invented(forger: Forger) -> None:
    forger.run(
        "INSERT INTO effects (ledger, page, position, kind, detail, created) VALUES"
        " (?, 2, 7, 'unpriced', 'nothing', 1)",
        NOVEMBER,
    )


def account(change: Callable[[Any], object]) -> Harm:
    def harm(forger: Forger) -> None:
        ((content,),) = forger.run("SELECT document FROM accounts WHERE tenant = 'acme'")
        document = json.loads(content)
        change(document["burnt"])
        sql = "UPDATE accounts SET document = ? WHERE tenant = 'acme'"
        forger.run(sql, json.dumps(document).encode())

    return harm


def statement(change: Callable[[Any], object]) -> Harm:
    """Change the last statement and seal it again."""

    def harm(forger: Forger) -> None:
        of_acme = "SELECT start, document FROM statements WHERE tenant = 'acme'"
        rows = forger.run(f"{of_acme} ORDER BY start DESC LIMIT 1")
        ((start, content),) = rows
        document = json.loads(content)
        change(document)
        update = "UPDATE statements SET document = ? WHERE tenant = 'acme' AND start = ?"
        forger.run(update, json.dumps(sealed(document)).encode(), start)

    return harm


def truncated(forger: Forger) -> None:
    """Take the last page away, and make the head fit."""
    forger.put_pages(NOVEMBER, forger.pages(NOVEMBER)[:-1])


def headless(forger: Forger) -> None:
    """Take the head and the first page away."""
    forger.run("DELETE FROM heads WHERE ledger = ?", NOVEMBER)
    forger.run("DELETE FROM pages WHERE ledger = ? AND number = 1", NOVEMBER)
    forger.run("DELETE FROM statements WHERE start = (SELECT max(start) FROM statements)")


def invoice(change: Callable[[Any], object]) -> Harm:
    """Change the last invoice and seal it again."""

    def harm(forger: Forger) -> None:
        rows = forger.run("SELECT number, document FROM invoices ORDER BY number DESC LIMIT 1")
        ((number, content),) = rows
        document = json.loads(content)
        change(document)
        update = "UPDATE invoices SET document = ? WHERE number = ?"
        forger.run(update, json.dumps(sealed(document)).encode(), number)

    return harm


FOUND: Final[dict[str, tuple[Harm, str]]] = {
    "an edited plan": (edited("plan", "0.2", "0.1"), "it, or one before it, is not as it was"),
    "an edited grant": (edited("grant", '"1"', '"9"'), "it, or one before it, is not as it was"),
    "a record without its hash": (
        sql("DELETE FROM record_hashes WHERE number = 3"),
        "record 3: it, or one before it, is not as it was recorded",
    ),
    "a changed account": (
        account(lambda burnt: burnt[NOVEMBER].update({"grant-001": "1"})),
        "the account does not have what the statement of 2026-11 took",
    ),
    "an account of nothing": (
        account(lambda burnt: burnt.update({"acme|2026-12-01T00:00:00Z": {}})),
        "the account has settled acme|2026-12-01T00:00:00Z, which has no statement",
    ),
    "the first statement deleted": (
        sql("DELETE FROM statements WHERE start = (SELECT min(start) FROM statements)"),
        "is missing or was exchanged",
    ),
    "the last statement deleted": (
        sql("DELETE FROM statements WHERE start = (SELECT max(start) FROM statements)"),
        f"the account has settled {NOVEMBER}, which has no statement",
    ),
    "a statement that cannot be read": (
        sql("UPDATE statements SET document = '{}'"),
        "has schema None",
    ),
    "a document deleted": (
        sql("DELETE FROM invoices WHERE number = 'INV-000003'"),
        "a document before INV-000004 is missing",
    ),
    "a document that cannot be read": (
        sql("UPDATE invoices SET document = '{}' WHERE number = 'INV-000003'"),
        "has schema None",
    ),
    "an invented effect": (effect_invented, "effect-00000002-7 (unpriced) does not follow"),
    "a deleted effect": (
        sql("DELETE FROM effects WHERE ledger = ?", NOVEMBER),
        "the unpriced effect of page 1 is missing",
    ),
    "a truncated chain": (truncated, "page 2 is missing: the statement of 2026-11 has it"),
    "a ledger without head and first page": (
        headless,
        "it has pages, and neither a head nor a first page",
    ),
}

ANCHORED: Final[dict[str, tuple[Harm, str]]] = {
    "the last document deleted": (
        sql("DELETE FROM invoices WHERE number = 'INV-000006'"),
        "document INV-000006 is missing: an anchor has it",
    ),
    "a document of another customer": (
        invoice(lambda document: document["customer"].update(name="Other Ltd")),
        "document INV-000006 is not the one that an anchor has",
    ),
    "an edited plan, chained again": (
        both(edited("plan", '"minimum":"6"', '"minimum":"1"'), rechained),
        "record 1 is not the one that an anchor has",
    ),
    "the last record deleted": (
        both(
            sql("DELETE FROM records WHERE number = (SELECT max(number) FROM records)"), rechained
        ),
        "is missing: an anchor has it",
    ),
    "another last statement": (
        statement(lambda document: document.update(closed=document["closed"] + 1)),
        f"statement 3 ({NOVEMBER}) is not the one that an anchor has",
    ),
    "no statement at all": (
        both(sql("DELETE FROM statements"), sql("DELETE FROM accounts")),
        f"statement 3 ({NOVEMBER}) is missing: an anchor has it",
    ),
    "a whole ledger deleted": (
        both(
            sql("DELETE FROM heads WHERE tenant = 'other'"),
            sql("DELETE FROM pages WHERE ledger LIKE 'other%'"),
        ),
        "page 1 is missing: the anchor of",
    ),
}


def test_a_billed_store_holds_in_every_respect(store: Metering) -> None:
    assert verified(store, "--statement", "--anchored") == (0, [])
    ran = store.run("verify", "--statement", "--anchored", "--json", settings={"METERING_NOW": NOW})
    records = {one["records_of"]: one["records"] for one in ran.json if "records_of" in one}
    # Two closes and so two anchors.
    assert (records["anchors"], records["acme"], records["other"]) == (2, 3, 1)
    shown = run(store, "verify", "--anchored", now=NOW).stdout
    assert "what is checked" in shown


@pytest.mark.parametrize("name", FOUND)
def test_a_change_is_found_without_an_anchor(name: str, store: Metering) -> None:
    harm, fault = FOUND[name]
    harm(Forger(store.store))
    code, faults = verified(store)
    assert code == 1
    assert any(fault in one for one in faults), faults


@pytest.mark.parametrize("name", ANCHORED)
def test_what_only_an_anchor_shows_is_found_with_it(name: str, store: Metering) -> None:
    harm, fault = ANCHORED[name]
    harm(Forger(store.store))
    code, faults = verified(store, "--anchored")
    assert code == 1
    assert any(fault in one for one in faults), faults


def test_a_document_with_another_amount_is_found_by_deriving_it_again(store: Metering) -> None:
    invoice(lambda document: document.update(payable="0"))(Forger(store.store))
    assert verified(store) == (0, [])
    code, faults = verified(store, "--statement", "acme")
    assert (code, faults) == (1, ["it is not what its statement and the documents before it give"])
    ran = store.run("verify", "--statement", settings={"METERING_NOW": NOW})
    assert "document INV-000006: it is not what its statement" in ran.stderr
    Forger(store.store).run("DELETE FROM invoices WHERE number = 'INV-000003'")
    assert "it follows 2: a number is missing" in verified(store, "--statement")[1]


def test_an_edited_or_deleted_price_version_is_found(store: Metering) -> None:
    file = store.folder / "rows.csv"
    file.write_text("model,effective_from,input,currency\nhouse-7b,2026-01-01,0.4,USD\n")
    run(store, "prices", "import", str(file), "--currency", "USD", now=NOW)
    assert verified(store) == (0, [])
    ((version,),) = Forger(store.store).run("SELECT version FROM price_versions")
    Forger(store.store).run("UPDATE price_versions SET content = CAST(content || ' ' AS BLOB)")
    code, faults = verified(store)
    assert (code, f"price version {version} is not what was published" in faults) == (1, True)
    Forger(store.store).run("DELETE FROM price_versions")
    assert f"price version {version} is missing" in verified(store)[1]


def test_anchors_that_were_changed_or_taken_away_are_named(store: Metering) -> None:
    anchors = sorted((store.folder / "anchors").iterdir())
    leaves = anchors[0] / "leaves.jsonl"
    content = leaves.read_bytes()
    leaves.write_bytes(content.partition(b"\n")[2])
    assert "do not give its root" in verified(store, "--anchored")[1][0]
    leaves.write_bytes(content)
    shutil.rmtree(anchors[0])
    assert "does not name the one before it" in verified(store, "--anchored")[1][0]
    shutil.rmtree(anchors[1])
    assert "there is no anchor" in verified(store, "--anchored", "acme")[1][0]


def test_anchors_are_written_by_hand_and_listed(store: Metering) -> None:
    before = json.loads(run(store, "anchors", "list", "--json", now=NOW).stdout)
    written = json.loads(run(store, "anchors", "write", "--json", now=NOW).stdout)
    again = json.loads(run(store, "anchors", "write", "--json", now=NOW).stdout)
    after = json.loads(run(store, "anchors", "list", "--json", now=NOW).stdout)
    assert after == [*before, written, again]
    assert written["root"] != again["root"]
    assert verified(store, "acme", "--anchored") == (0, [])
    assert written["root"] in run(store, "anchors", "list", now=NOW).stdout
    assert "root" in run(store, "anchors", "write", now=NOW).stdout


def test_a_ledger_that_is_broken_is_left_out_and_told(store: Metering) -> None:
    Forger(store.store).run("UPDATE pages SET document = '{}' WHERE ledger = ?", OCTOBER)
    Forger(store.store).run("UPDATE heads SET document = '{}' WHERE ledger = ?", OCTOBER)
    ran = run(store, "anchors", "write", now=NOW)
    assert f"left out: ledger {OCTOBER}" in ran.stderr


def test_a_close_stands_where_its_anchor_cannot_be_written(metering: Metering, event: Any) -> None:
    metering.ingest(event("r-1"))
    (metering.folder / "anchors").write_text("")
    ran = run(metering, "close", "--json", now=NOW)
    assert [one["tenant"] for one in json.loads(ran.stdout)["closed"]] == ["acme"]
    assert "anchor: " in ran.stderr
