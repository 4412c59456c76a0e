"""Small tamperings with an evidence file, each with all hashes computed again: each is found.

Whoever tampers cannot change the anchor that the tenant received before, nor find proofs of
inclusion in it for what was changed.
"""

import copy
import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.cli.evidence.conftest import Evidence, Line, check
from tests.forging import sealed

type Tampering = Callable[[list[Line]], object]

NOVEMBER: Final = "acme|2026-11-01T00:00:00Z"


def parts(lines: list[Line], name: str) -> list[Any]:
    return [line[name] for line in lines if name in line]


def pages_of(lines: list[Line], ledger: str = NOVEMBER) -> list[Any]:
    return [page for page in parts(lines, "page") if page["ledger"] == ledger]


def row_of(page: Any, id_: str) -> int:
    index: int = page["columns"]["id"].index(id_)
    return index


def page_with(lines: list[Line], id_: str) -> Any:
    return next(page for page in parts(lines, "page") if id_ in page["columns"]["id"])


def statement(lines: list[Line]) -> Any:
    return parts(lines, "statement")[-1]


def reforged(lines: list[Line]) -> list[Line]:
    """Return the lines with pages numbered, chained and sealed, and statements that name them."""
    last: dict[str, dict[int, str]] = {}
    for line in lines:
        if "page" in line:
            chain = last.setdefault(line["page"]["ledger"], {0: "0" * 64})
            number = len(chain)
            names = {"number": number, "id": f"page-{number:08d}", "previous": chain[number - 1]}
            line["page"] = sealed(line["page"] | names)
            chain[number] = line["page"]["hash"]
    previous = "0" * 64
    for number, line in enumerate((one for one in lines if "statement" in one), start=1):
        made = line["statement"] | {"number": number, "previous": previous}
        for ledger, (page, _) in made["billed"].items():
            chain = last.get(ledger, {})
            if chain:
                through = min(page, len(chain) - 1)
                made["billed"][ledger] = [through, chain[through]]
        line["statement"] = sealed(made)
        previous = line["statement"]["hash"]
    hashes = {one["ledger"]: one["hash"] for one in parts(lines, "statement")}
    previous, sequence = "0" * 64, 0
    for line in lines:
        if "document" in line:
            # Where the sequence goes on, so does the chain.
            made = line["document"]
            follows = made["sequence"] == sequence + 1
            made = made | {"previous": previous if follows else made["previous"]}
            about = {"statement_hash": hashes.get(made["ledger"], made["statement_hash"])}
            line["document"] = sealed(made | about)
            previous, sequence = line["document"]["hash"], made["sequence"]
    kept = [line for line in lines if "end" not in line]
    return [*kept, {"end": {"lines": len(kept)}}]


def entry(id_: str, **changes: Any) -> Tampering:
    """Change columns of the entry with an id."""

    def tamper(lines: list[Line]) -> None:
        page = page_with(lines, id_)
        row = row_of(page, id_)
        for name, value in changes.items():
            column = page["columns"]["buckets"].get(name) or page["columns"][name]
            column[row] = value

    return tamper


def without_entry(id_: str) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        page = page_with(lines, id_)
        row = row_of(page, id_)
        columns = page["columns"]
        for column in [*columns["buckets"].values(), *columns.values()]:
            if isinstance(column, list):
                del column[row]
        page["supersedes"] = [
            {**one, "row": one["row"] - (one["row"] > row)}
            for one in page["supersedes"]
            if one["row"] != row
        ]

    return tamper


def twice(id_: str) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        page = page_with(lines, id_)
        row = row_of(page, id_)
        columns = page["columns"]
        for column in [*columns["buckets"].values(), *columns.values()]:
            if isinstance(column, list):
                column.append(column[row])

    return tamper


def cheaper(lines: list[Line]) -> None:
    """Halve the unit prices of a page and its amounts with them."""
    for page in pages_of(lines):
        for rate in page["rates"]:
            rate["units"] = {name: str(int(unit) // 2) for name, unit in rate["units"].items()}
        columns = page["columns"]
        amounts = [one and str(int(one) // 2) for one in columns["amount"]]
        columns["amount"] = amounts


def rate(**changes: Any) -> Tampering:
    return lambda lines: page_with(lines, "n-1")["rates"][0].update(changes)


def dimension(place: int, value: Any) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        page = page_with(lines, "n-1")
        page["dimensions"][page["columns"]["dimensions"][row_of(page, "n-1")]][place] = value

    return tamper


def without_page(number: int) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        page = pages_of(lines)[number]
        lines.remove(next(line for line in lines if line.get("page") is page))

    return tamper


def exchanged_pages(lines: list[Line]) -> None:
    first, second = (lines.index({"page": page}) for page in pages_of(lines)[:2])
    lines[first], lines[second] = lines[second], lines[first]


def page_of_october(lines: list[Line]) -> None:
    page = copy.deepcopy(parts(lines, "page")[0])
    page["ledger"] = NOVEMBER
    last = max(place for place, line in enumerate(lines) if "page" in line)
    lines.insert(last + 1, {"page": page})


def in_page(number: int, **changes: Any) -> Tampering:
    return lambda lines: pages_of(lines)[number].update(changes)


def superseded(lines: list[Line]) -> None:
    (item,) = page_with(lines, "n-6")["supersedes"] or pages_of(lines)[-1]["supersedes"]
    item["buckets"]["input"] = 99


def in_statement(**changes: Any) -> Tampering:
    return lambda lines: statement(lines).update(changes)


def line(kind: str, **changes: Any) -> Tampering:
    """Change the first line of a kind; without changes, leave it out."""

    def tamper(lines: list[Line]) -> None:
        found = statement(lines)["lines"]
        one = next(one for one in found if one["kind"] == kind)
        if changes:
            one.update(changes)
        else:
            found.remove(one)

    return tamper


def record(kind: str, change: Callable[[Any], object]) -> Tampering:
    """Change the value of the last record of a kind."""

    def tamper(lines: list[Line]) -> None:
        found = [one for one in parts(lines, "record") if one["kind"] == kind][-1]
        value = json.loads(found["value"])
        change(value)
        found["value"] = json.dumps(value)

    return tamper


def without_record(kind: str) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        found = [one for one in parts(lines, "record") if one["kind"] == kind][-1]
        lines.remove({"record": found})

    return tamper


def invented_grant(lines: list[Line]) -> None:
    found = next(one for one in parts(lines, "record") if one["kind"] == "grant")
    value = json.loads(found["value"]) | {"id": "invented", "amount": "1"}
    made = found | {"number": 99, "value": json.dumps(value)}
    lines.insert(1, {"record": made})


def later_plan(lines: list[Line]) -> None:
    found = next(one for one in parts(lines, "record") if one["kind"] == "tenant_plan")
    found["effective"] = parts(lines, "page")[-1]["committed"]


def open_period(lines: list[Line]) -> None:
    lines.remove({"statement": statement(lines)})
    lines[0]["is_closed"] = False


def without_first_statement(lines: list[Line]) -> None:
    lines.remove({"statement": parts(lines, "statement")[0]})


def without_proof(kind: str) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        lines.remove(
            next(
                one for one in lines if one.get("inclusion", {}).get("leaf", {}).get("kind") == kind
            )
        )

    return tamper


def other_leaf(lines: list[Line]) -> None:
    """Let the proof of the period's ledger name the hash that was made up."""
    cheaper(lines)
    made = reforged(lines)
    last = pages_of(made)[-1]["hash"]
    for proof in parts(lines, "inclusion"):
        if proof["leaf"]["name"] == NOVEMBER and proof["leaf"]["kind"] == "ledger":
            proof["leaf"]["hash"] = last


def earlier_position(lines: list[Line]) -> None:
    """Let the statement bill the period's ledger through its first page only."""
    statement(lines)["billed"][NOVEMBER][0] = 1


def document(kind: str, change: Callable[[Any], object]) -> Tampering:
    """Change the last document of a kind."""
    return lambda lines: change([d for d in parts(lines, "document") if d["kind"] == kind][-1])


def without_document(kind: str) -> Tampering:
    def tamper(lines: list[Line]) -> None:
        found = [one for one in parts(lines, "document") if one["kind"] == kind][-1]
        lines.remove({"document": found})

    return tamper


TAMPERINGS: Final[dict[str, Tampering]] = {
    "fewer tokens, with their amount": entry("n-1", input=30_000, amount=str(114 * 10**15)),
    "fewer tokens": entry("n-1", input=30_000),
    "a lower amount": entry("n-1", amount="1"),
    "lower unit prices": cheaper,
    "no price": rate(version=None),
    "another model": rate(model="gpt-4o-mini"),
    "another channel": rate(channel="marketplace"),
    "another id": entry("n-1", id="m-1"),
    "another time": entry("n-1", time=1),
    "another evidence": entry("n-1", evidence=5),
    "an outcome": entry("n-1", kind=4),
    "a hold": entry("n-1", kind=2, evidence=0),
    "negative tokens": entry("n-1", input=-40_000),
    "a refused request": dimension(3, 429),
    "another subscription": dimension(2, "sub-2"),
    "another use case": dimension(17, "other"),
    "an entry less": without_entry("n-2"),
    "a refused request less": without_entry("n-4"),
    "an entry twice": twice("n-2"),
    "the last page less": without_page(-1),
    "the first page less": without_page(0),
    "pages exchanged": exchanged_pages,
    "a page of another month": page_of_october,
    "a page committed earlier": in_page(-1, committed=0),
    "a page of another slot": in_page(0, slot=1),
    "another superseded state": superseded,
    "a lower line": line("usage", amount="0"),
    "a line less": line("usage"),
    "a base fee less": line("base_fee"),
    "a correction less": line("correction"),
    "an adjustment of more": line("adjustment", amount="-2500000000000000000"),
    "a credit of more": line("credit", amount="-2000000000000000000"),
    "another rounding": line("rounding", rounded="20000000000000000"),
    "fewer tokens in a tier": line("tier", quantity=1),
    "another reason": line("adjustment", reason="kindness"),
    "another currency": in_statement(currency="EUR"),
    "another plan": in_statement(plan="default"),
    "other price versions": in_statement(price_versions=[]),
    "another provenance": in_statement(provenance={"full": 5}),
    "a grant burnt": in_statement(burnt={}),
    "an amount carried": in_statement(carried={"USD": "5000000000000000000"}),
    "an earlier position": earlier_position,
    "no statement": open_period,
    "the statement before less": without_first_statement,
    "a plan with a lower fee": record("plan", lambda plan: plan.update(base_fee="1")),
    "a plan with another tier": record("plan", lambda plan: plan.update(tiers=[])),
    "a larger grant": record("grant", lambda grant: grant.update(amount="5")),
    "a grant for one channel": record("grant", lambda grant: grant.update(channel="marketplace")),
    "another adjustment": record("adjustment", lambda one: one.update(amount="-1")),
    "an adjustment less": without_record("adjustment"),
    "a grant less": without_record("grant"),
    "an invented grant": invented_grant,
    "the plan from later on": later_plan,
    "no proof of the ledger": without_proof("ledger"),
    "no proof of the statement": without_proof("statement"),
    "no proof of a record": without_proof("record"),
    "a leaf of another hash": other_leaf,
    "no proof of a document": without_proof("document"),
    "no last document": without_document("invoice"),
    "no void": without_document("void"),
    "no reissue": without_document("reissue"),
    "no credit note": without_document("credit_note"),
    "another customer on an invoice": document(
        "invoice", lambda one: one["customer"].update(name="Other Ltd")
    ),
    "another void's reason": document("void", lambda one: one.update(reason="other")),
}
"""Found with the anchor only, some of them."""

#: What the documents themselves show, with no anchor.
IN_DOCUMENTS: Final[dict[str, tuple[Tampering, str]]] = {
    "a lower net": (
        document("invoice", lambda one: one.update(net="1" + "0" * 18)),
        "its net is not that of its lines",
    ),
    "a lower tax": (
        document("invoice", lambda one: one["taxes"][0].__setitem__(3, "0")),
        "its taxes are not those of its terms",
    ),
    "another rate": (
        document("invoice", lambda one: one["terms"]["taxes"][0].__setitem__(1, 190_000)),
        "its taxes are not those of its terms",
    ),
    "another balance": (
        document("invoice", lambda one: one.update(brought="-9" + "0" * 18)),
        "brings another balance than the documents before it left",
    ),
    "less to pay": (
        document("invoice", lambda one: one.update(payable="0")),
        "what is payable is not its gross and the balance",
    ),
    "due later": (
        document("invoice", lambda one: one.update(due=one["due"] + 1)),
        "is due on another day than its terms say",
    ),
    "another currency": (
        document("invoice", lambda one: one.update(currency="EUR")),
        "is in another currency than its statement",
    ),
    "another statement": (
        document("invoice", lambda one: one.update(statement=7)),
        "is about another statement",
    ),
    "an invoice that is called a credit note": (
        document("invoice", lambda one: one.update(kind="credit_note")),
        "is of a kind that its net does not have",
    ),
    "another tenant's": (
        document("invoice", lambda one: one.update(ledger=one["ledger"].replace("acme", "b"))),
        "does not match its hash",
    ),
    "a void of less": (
        document("void", lambda one: one.update(payable="0")),
        "is not what it voids, with the opposite sign",
    ),
    "a void of nothing": (
        document("void", lambda one: one.update(refers="INV-000009")),
        "voids nothing that is in force",
    ),
    "a reissue of nothing": (
        document("reissue", lambda one: one.update(refers="INV-000001")),
        "replaces nothing that was voided",
    ),
    "a reissue of another part": (
        document("reissue", lambda one: one.update(statement=7)),
        "is about something else than what it replaces",
    ),
    "a credit note on another invoice": (
        document("credit_note", lambda one: one.update(refers="INV-000001")),
        "refers to another document than the one that it credits",
    ),
    "a credit note on a period without an invoice": (
        document("credit_note", lambda one: one.update(part="2026-08", refers="")),
        "credits a period that has no invoice, or nothing",
    ),
    "a second invoice": (
        lambda lines: lines.insert(
            lines.index({"document": parts(lines, "document")[-1]}) + 1,
            {"document": {**parts(lines, "document")[-1], "position": 7, "sequence": 9}},
        ),
        "is about what another document has",
    ),
    "a document less": (
        without_document("void"),
        "does not follow the document before it",
    ),
}


def test_there_are_thirty_tamperings_at_least() -> None:
    assert len(TAMPERINGS) >= 30


def test_computing_the_hashes_again_changes_nothing_by_itself(evidence: Evidence) -> None:
    before = evidence.lines()
    evidence.write(reforged(copy.deepcopy(before)))
    assert evidence.lines() == before
    assert evidence.check().code == 0


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampering_is_found_though_every_hash_fits(name: str, evidence: Evidence) -> None:
    before = evidence.lines()
    lines = copy.deepcopy(before)
    TAMPERINGS[name](lines)
    made = reforged(lines)
    assert made != before
    evidence.write(made)
    found = evidence.check()
    assert found.code in {1, 2}, found.output
    assert found.faults or "error:" in found.output


@pytest.mark.parametrize("name", IN_DOCUMENTS)
def test_a_tampered_document_is_found_without_an_anchor(name: str, evidence: Evidence) -> None:
    lines = evidence.lines()
    tamper, fault = IN_DOCUMENTS[name]
    tamper(lines)
    evidence.write(reforged(lines))
    found = check(evidence.file)
    assert found.code == 1, found.output
    assert any(one.endswith(fault) for one in found.faults), found.output


def test_the_documents_of_the_evidence_are_of_every_kind(evidence: Evidence) -> None:
    kinds = [one["kind"] for one in parts(evidence.lines(), "document")]
    assert kinds == ["invoice", "invoice", "void", "reissue", "credit_note", "invoice"]


def test_proofs_of_an_anchor_of_their_own_prove_nothing(evidence: Evidence) -> None:
    lines = evidence.lines()
    (anchor,) = parts(lines, "anchor")
    anchor["root"] = "0" * 64
    evidence.write(lines)
    assert evidence.check().faults == [
        "its proofs are of another anchor than the one that was given"
    ]
