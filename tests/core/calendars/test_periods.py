"""Periods: every instant is in exactly one month, and a ledger's name says which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import LedgerId, month_of, parse_month


@given(st.integers(min_value=0, max_value=4 * 10**15))
def test_every_instant_is_in_one_month_and_the_months_adjoin(instant: int) -> None:
    period = month_of(instant)
    assert period.start <= instant < period.end
    assert month_of(period.start) == month_of(period.end - 1) == period
    assert month_of(period.end).start == period.end


def test_a_month_is_named_by_year_and_number() -> None:
    november = month_of(parse_instant("2026-11-20T11:45:00Z"))
    assert november.name == "2026-11"
    assert parse_month("2026-11") == november
    assert november.end == parse_instant("2026-12-01T00:00:00Z")


def test_december_ends_with_the_year() -> None:
    assert parse_month("2026-12").end == parse_instant("2027-01-01T00:00:00Z")


@pytest.mark.parametrize("name", ["2026-13", "2026-00", "2026", "26-11", "2026-11-01", ""])
def test_a_name_that_is_no_month_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        parse_month(name)


def test_a_ledger_is_named_by_tenant_and_period_start() -> None:
    ledger = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))
    assert str(ledger) == "acme|2026-11-01T00:00:00Z"
    assert LedgerId.parse(str(ledger)) == ledger
