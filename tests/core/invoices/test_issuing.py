"""Invoices, credit notes, voids and reissues: what each states, and that nothing counts twice."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import DAY
from metering.core.basics.money import parse_amount
from metering.core.billing.statement import Statement, StatementLine
from metering.core.invoices.invoice import Invoice, live, number_of
from metering.core.invoices.invoice_document import (
    invoice_json,
    read_invoice,
    sealed,
    write_invoice,
)
from metering.core.invoices.invoice_proof import chain_faults, derived_again
from metering.core.invoices.issuing import missing_parts, reissue, void
from metering.core.plans.plan import Plan
from metering.core.tenancy.customers import Customer
from tests.core.invoices.documents import ACME, TERMS, WRONG, issued, new, place
from tests.statements import DECEMBER, a_statement, adjusted

NOVEMBER_CHARGE = Plan(id="test", base_fee="100.00")


def november() -> Statement:
    # 3.50 of usage and a base fee of 100.
    return a_statement(base_fee="100.00")


def december(amount: str = "-8.00", about: str = "2026-11", **changes: Any) -> Statement:
    """Return the next statement: 3.50 of usage, a fee of 10, and an adjustment about November."""
    made = adjusted(amount, charge_period=about)
    return a_statement(
        month=DECEMBER, previous=november(), adjustments=[made], base_fee="10.00", **changes
    )


def figures(one: Invoice) -> tuple[str, ...]:
    shown = invoice_json(one)
    return (shown["number"], one.kind, one.refers, *(shown[n] for n in ("net", "gross", "payable")))


def test_an_invoice_has_the_lines_of_its_statement_and_the_tax_on_them() -> None:
    (made,) = issued(november())
    # 20 % of 103.50 is 20.70.
    assert figures(made) == ("INV-000001", "invoice", "", "103.50", "124.20", "124.20")
    assert made.due == made.issued + 30 * DAY
    shown = invoice_json(made)
    assert shown["taxes"] == [{"name": "VAT", "percent": "20", "base": "103.50", "amount": "20.70"}]
    assert shown["customer"]["name"] == "Acme GmbH"
    assert missing_parts(november(), [made]) == []


def test_a_reduction_of_an_earlier_period_is_a_credit_note_on_its_invoice() -> None:
    first, note, second = issued(december(), issued(november()))
    # 20 % of -8.00 is -1.60. Of 13.50 it is 2.70; 16.20 less the credit of 9.60 is 6.60.
    assert figures(note) == ("INV-000002", "credit_note", first.number, "-8.00", "-9.60", "0.00")
    assert figures(second) == ("INV-000003", "invoice", "", "13.50", "16.20", "6.60")
    assert (note.part, note.balance) == ("2026-11", parse_amount("-9.60"))
    assert (second.brought, second.balance) == (parse_amount("-9.60"), 0)


def test_what_exceeds_the_invoice_is_left_for_the_next_one() -> None:
    *_, note, second = issued(december("-50.00"), issued(november()))
    # -50 with tax is -60; 16.20 of it is used, -43.80 is left.
    assert (note.balance, second.payable) == (parse_amount("-60"), 0)
    assert second.balance == parse_amount("-43.80")


@pytest.mark.parametrize("about", ["2026-10", "2026-12"])
def test_a_reduction_of_a_period_without_an_invoice_is_on_the_invoice(about: str) -> None:
    (made,) = issued(december(about=about))
    # 3.50 + 10 - 8
    assert (made.kind, made.net) == ("invoice", parse_amount("5.50"))


def test_more_for_an_earlier_period_is_on_the_invoice() -> None:
    *_, made = issued(december("8.00"), issued(november()))
    assert (made.kind, made.net) == ("invoice", parse_amount("21.50"))


def test_a_statement_below_zero_is_a_credit_note_and_an_empty_one_is_nothing() -> None:
    (made,) = issued(a_statement(adjustments=[adjusted("-5.00")]))
    # 3.50 - 5.00; the amount that the statement carries forward is not on paper.
    assert figures(made)[1:] == ("credit_note", "", "-1.50", "-1.80", "0.00")
    assert issued(a_statement({})) == []


def test_a_reverse_charge_has_no_tax() -> None:
    (made,) = issued(november(), customer=ACME.model_copy(update={"reverse_charge": True}))
    assert (made.taxes, made.gross) == ((), parse_amount("103.50"))


def test_a_void_takes_back_a_document_whole_and_a_reissue_replaces_it() -> None:
    statement = november()
    documents = issued(statement)
    documents.append(
        sealed(void(documents[0], documents, place(documents), WRONG, statement.closed + DAY))
    )
    taken = documents[1]
    assert figures(taken) == (
        *("INV-000002", "void", "INV-000001", "-103.50", "-124.20", "-124.20"),
    )
    assert (taken.reason, taken.balance, live(documents)) == ("wrong address", 0, {})
    assert missing_parts(statement, documents) == []
    exempt = Customer(name="Acme GmbH", tax_id="ATU1", reverse_charge=True)
    given = new(documents, statement, exempt)
    documents.append(sealed(reissue(taken, statement, documents, given, WRONG)))
    assert figures(documents[2]) == (
        *("INV-000003", "reissue", "INV-000002", "103.50", "103.50", "103.50"),
    )
    assert list(live(documents).values()) == [documents[2]]
    # A later credit note refers to what is in force.
    *_, note, _ = issued(december(), documents)
    assert note.refers == "INV-000003"


def test_nothing_is_voided_or_reissued_twice() -> None:
    statement = november()
    documents = issued(statement)
    with pytest.raises(ConfigurationError, match="INV-000001 is not a void"):
        reissue(documents[0], statement, documents, new(documents, statement), WRONG)
    documents.append(sealed(void(documents[0], documents, place(documents), WRONG, 0)))
    with pytest.raises(ConfigurationError, match="INV-000001 has been voided already"):
        void(documents[0], documents, place(documents), WRONG, 0)
    with pytest.raises(ConfigurationError, match="INV-000002 is a void"):
        void(documents[1], documents, place(documents), WRONG, 0)
    again = reissue(documents[1], statement, documents, new(documents, statement), WRONG)
    documents.append(sealed(again))
    with pytest.raises(ConfigurationError, match="INV-000002 has been reissued already"):
        reissue(documents[1], statement, documents, new(documents, statement), WRONG)


def test_a_document_reads_back_the_same_and_a_changed_one_is_noticed() -> None:
    *_, note, _ = issued(december(), issued(november()))
    stored = write_invoice(note)
    assert read_invoice(stored) == note
    for changed in ({"net": "1"}, {"sequence": 7}, {"hash": "0"}, {"schema": 0}, {"taxes": 3}):
        with pytest.raises(InvariantBroken, match="document INV-"):
            read_invoice({**stored, **changed})


def test_a_series_proves_that_no_number_is_missing() -> None:
    documents = issued(december(), issued(november()))
    assert list(chain_faults(documents)) == []
    assert [number for number, _ in chain_faults([documents[0], documents[2]])] == ["INV-000003"]
    assert [number for number, _ in chain_faults(documents[1:])] == ["INV-000002"]
    forged = replace(documents[1], previous="0" * 64)
    assert list(chain_faults([documents[0], forged, documents[2]])) == [
        ("INV-000002", "it does not name the document before it: one was exchanged")
    ]


def test_a_document_follows_from_its_statement() -> None:
    first, note, second = issued(december(), issued(november()))
    taken = sealed(void(note, [first, note, second], place([first, note, second]), WRONG, 0))
    before: list[Invoice] = []
    for one, statement in ((first, november()), (note, december()), (second, december())):
        assert derived_again(one, before, statement) == one
        before.append(one)
    assert derived_again(taken, before, december()) == taken
    before.append(taken)
    again = sealed(reissue(taken, december(), before, new(before, december()), WRONG))
    assert derived_again(again, before, december()) == again
    forged = sealed(replace(second, net=0))
    assert derived_again(forged, [first, note], december()) != forged
    assert derived_again(second, before, december()) is None
    assert derived_again(replace(taken, refers="INV-9"), before, december()) is None


def test_a_number_has_six_digits_or_more() -> None:
    assert [number_of("A-", n) for n in (1, 1_000_000)] == ["A-000001", "A-1000000"]


_LINES = st.lists(
    st.builds(
        lambda kind, cents, period: StatementLine(
            kind, cents * 10**16, cents * 10**16, charge_period=period
        ),
        st.sampled_from(["usage", "correction", "adjustment", "credit", "carried_over"]),
        st.integers(-100_000, 100_000),
        st.sampled_from([None, "2026-10", "2026-11", "2026-12"]),
    ),
    max_size=12,
)


@given(_LINES, _LINES, st.integers(0, 1))
def test_the_documents_of_a_statement_add_up_to_its_lines(
    first: list[StatementLine], second: list[StatementLine], voids: int
) -> None:
    documents: list[Invoice] = []
    for statement, lines in ((november(), first), (december(), second)):
        given_lines = replace(statement, lines=tuple(lines))
        documents = issued(given_lines, documents)
        own = [one for one in documents if one.ledger == statement.ledger]
        expected = sum(one.rounded for one in lines if one.kind != "carried_over")
        assert sum(one.net for one in own) == expected
        assert all(one.payable >= 0 for one in own)
        if voids and own:
            taken = void(own[-1], documents, place(documents), WRONG, 0)
            documents.append(sealed(taken))
    # What was charged is what is payable and what is left over, tax included.
    gross = sum(one.gross for one in documents)
    left = documents[-1].balance if documents else 0
    assert gross == sum(one.payable for one in documents) + left
    assert [one.sequence for one in documents] == list(range(1, len(documents) + 1))
    assert len({one.subject for one in documents}) == len(documents)
    assert all(one.terms == TERMS for one in documents)
