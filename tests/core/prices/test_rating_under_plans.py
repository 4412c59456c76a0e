"""Rating under plans: overrides, negotiated prices, off-peak hours and one price for all tokens."""

from typing import Any

import pytest

from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import BEGINNING
from metering.core.plans.plan import Plan, read_plan
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import Rate, rate_card, rate_usage
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.buckets import from_names
from tests.builders import AT, NOW, price_book, usage

MILLION = {"input": 1_000_000, "output": 1_000_000}
NIGHTS = {
    "time_zone": "Europe/Berlin",
    "windows": [{"from": "22:00", "to": "06:00", "multiplier": "0.5"}],
}


def a_plan(**terms: Any) -> Plan:
    return read_plan("plan.yaml", {"id": "p", **terms})


def rated(
    plan: Plan, tokens: dict[str, int] = MILLION, *, model: str = "gpt-4o", at: int = AT
) -> tuple[Rate, str | None]:
    card = rate_card(price_book({"aliases": ["gpt-4o-2024-11-20"]}), plan, PricingKey(model), at)
    rate, amount = rate_usage(card, from_names(tokens))
    return rate, None if amount is None else format_amount(amount)


def test_an_override_of_a_bucket_takes_the_place_of_the_markup() -> None:
    plan = a_plan(markup="0.1", overrides=[{"bucket": "output", "markup": "-0.5"}])
    # 2.5 x 1.1 + 10 x 0.5 = 2.75 + 5
    assert rated(plan)[1] == "7.75"


def test_a_negotiated_price_is_final_whatever_the_list_says() -> None:
    plan = a_plan(
        markup="0.1",
        overrides=[{"model": "gpt-4o", "bucket": "output", "price_per_million": "8"}],
    )
    # 2.5 x 1.1 + 8
    assert rated(plan)[1] == "10.75"
    assert rated(plan, model="gpt-4o-2024-11-20")[1] == "10.75"


def test_a_model_without_a_list_price_may_have_one_of_the_plans_own() -> None:
    plan = a_plan(overrides=[{"model": "in-house", "price_per_million": "1"}])
    rate, amount = rated(plan, model="in-house")
    assert amount == "2"
    assert (rate.version, rate.row, rate.channel) == ("plan:p", "plan", None)
    assert rated(plan, model="other")[1] is None


def test_one_price_for_every_token_needs_no_price_list() -> None:
    price = {"total_token_price_per_million": "3"}
    plan = a_plan(charge_by="total_tokens", **price)
    assert rated(plan)[1] == "6"
    assert rated(plan, model="gpt-99")[1] == "6"


@pytest.mark.parametrize(
    ("at", "amount"),
    [
        # 22:00 in Berlin is 21:00 UTC in winter: half of 2.5 + 10
        ("2026-11-20T20:59:59.999999Z", "12.5"),
        ("2026-11-20T21:00:00Z", "6.25"),
        ("2026-11-21T04:59:59.999999Z", "6.25"),
        ("2026-11-21T05:00:00Z", "12.5"),
        # and 20:00 UTC in summer
        ("2026-07-20T19:59:59.999999Z", "12.5"),
        ("2026-07-20T20:00:00Z", "6.25"),
    ],
)
def test_off_peak_hours_are_those_of_the_tenants_own_clock(at: str, amount: str) -> None:
    plan = a_plan(off_peak=NIGHTS)
    rate, found = rated(plan, at=parse_instant(at))
    assert found == amount
    assert rate.multiplier == (1_000_000 if amount == "12.5" else 500_000)


def test_terms_end_where_the_off_peak_hours_begin() -> None:
    plan = a_plan(off_peak=NIGHTS)
    directory = Directory()
    directory.apply(
        [
            Record("subject", "sub-1", "acme", BEGINNING, NOW),
            Record("plan", "p", plan.model_dump_json(by_alias=True), BEGINNING, NOW),
            Record("tenant_plan", "acme", "p", BEGINNING, NOW),
        ]
    )
    book = TermsBook(directory, price_book())
    assert book.terms("sub-1", AT).end == parse_instant("2026-11-20T21:00:00Z")
    counted = usage(buckets=from_names(MILLION))
    amounts = [
        format_amount(book.rate(counted, parse_instant(at))[1] or 0)
        for at in ("2026-11-20T20:59:59Z", "2026-11-20T21:00:00Z", "2026-11-20T20:59:59Z")
    ]
    assert amounts == ["12.5", "6.25", "12.5"]
