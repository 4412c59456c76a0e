"""Terms: what is dated about a subject, resolved for a span and remembered for it."""

from typing import Any

import pytest

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import HOUR, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.plans.plan import Plan
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, price_book, usage

PLUS = Plan(id="plus", markup="1")
DECEMBER = parse_instant("2026-12-01T00:00:00Z")


def book(*records: Record, prices: tuple[dict[str, Any], ...] = ()) -> TermsBook:
    directory = Directory()
    directory.apply([Record("subject", "sub-1", "acme", BEGINNING, NOW), *records])
    return TermsBook(directory, price_book(*prices))


def amount(terms: TermsBook, at: int, **changes: object) -> str | None:
    _, found = terms.rate(usage(**changes), at)  # type: ignore[arg-type]
    return None if found is None else format_amount(found)


def test_a_subject_and_a_time_give_the_ledger() -> None:
    terms = book().terms("sub-1", AT)
    assert terms.ledger == LedgerId("acme", month_of(AT).start)
    assert book().terms("sub-1", DECEMBER).ledger.start == DECEMBER


def test_terms_are_remembered_for_their_span_and_no_longer() -> None:
    made = book()
    assert made.terms("sub-1", AT) is made.terms("sub-1", DECEMBER - 1)
    assert made.terms("sub-1", DECEMBER).start == DECEMBER


def test_an_unknown_subject_is_rejected_by_code() -> None:
    with pytest.raises(RejectedEvent) as rejected:
        book().terms("sub-2", AT)
    assert rejected.value.code is Code.UNKNOWN_SUBSCRIPTION


def test_a_plan_change_between_two_requests_prices_each_under_its_own() -> None:
    made = book(
        Record("plan", "plus", PLUS.model_dump_json(), BEGINNING, NOW),
        Record("tenant_plan", "acme", "plus", AT, NOW),
    )
    assert amount(made, AT - 1) == "0.0035"
    assert amount(made, AT) == "0.007"
    assert amount(made, AT - 1) == "0.0035"


def test_a_price_change_between_two_requests_prices_each_with_its_own() -> None:
    change = {
        "effective_from": "2026-11-20T11:45:00Z",
        "per_million_tokens": {"input": "1", "output": "1"},
    }
    made = book(prices=({}, change))
    assert amount(made, AT - 1) == "0.0035"
    assert amount(made, AT) == "0.0011"


def test_before_every_price_requests_are_unpriced() -> None:
    assert amount(book(), parse_instant("2025-12-31T23:59:59Z")) is None


def test_a_hold_is_estimated_by_the_model_that_was_asked_for() -> None:
    held = {"evidence": Evidence.HELD, "model": None, "requested_model": "gpt-4o"}
    assert amount(book(), AT, **held) == "0.0035"
    assert amount(book(), AT, **{**held, "evidence": Evidence.FULL}) is None


def test_a_correction_of_an_entry_before_the_subjects_mapping_is_rated_at_its_own_time() -> None:
    directory = Directory()
    directory.apply([Record("subject", "sub-1", "acme", AT, NOW)])
    made = TermsBook(directory, price_book())
    assert amount(made, AT - HOUR) == "0.0035"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.core.tenancy.terms._MAX_SUBJECTS", 1)
    monkeypatch.setattr("metering.core.tenancy.terms._MAX_CARDS", 1)
    made = book(Record("subject", "sub-2", "acme", BEGINNING, NOW))
    for subject in ("sub-1", "sub-2", "sub-1"):
        for deployment in ("a", "b"):
            assert amount(made, AT, subject=subject, deployment=deployment) == "0.0035"
