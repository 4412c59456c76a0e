"""FOCUS rows: each cost is a price times a quantity, and together they are the statement."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount, parse_amount, to_decimal
from metering.core.calendars.periods import Period
from metering.core.credit.grant import Burnt
from metering.core.focus.columns import COLUMNS, RowCells
from metering.core.focus.row import FocusRow, unit_name
from metering.core.focus.usage import Billed
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS
from tests.builders import a_rate, price_book
from tests.core.focusing import (
    GPT,
    LISTED,
    PRICES,
    WHERE,
    a_billed,
    a_count,
    rows_of,
    with_late,
    written,
)
from tests.statements import NOVEMBER, OCTOBER, a_bill, adjusted, an_allocation, closed

ALLOWANCE = {"tokens": 150, "meters": [{"bucket": "input"}, {"bucket": "output"}]}
TIER = {
    "mode": "graduated",
    "meters": [{"model": "gpt-4o", "bucket": "output"}],
    "steps": [
        {"up_to": 100, "price_per_million": "9"},
        {"up_to": None, "price_per_million": "7"},
    ],
}
PACKAGE = {"meters": [{"bucket": "cached_read"}], "size": 1000, "price": "0.01"}
PACKAGES = [{"meters": [{"bucket": "reasoning"}], "size": 5, "price": "1"}, PACKAGE]


def told(rows: list[FocusRow]) -> list[tuple[Any, ...]]:
    """Return what rows say of money: kind, quantity, price and cost."""
    return [
        (
            row.provenance.kind,
            row.priced.quantity,
            row.priced.price(row.priced.contracted).text,
            format_amount(row.priced.cost),
        )
        for row in rows
    ]


def must_add_up(billed: Billed) -> list[FocusRow]:
    """Check of every row that its costs are its prices times its quantity, as they are written."""
    rows = rows_of(billed)
    total = Decimal(0)
    for row in rows:
        cells = written(billed.statement, row)
        quantity = Decimal(cells["PricingQuantity"])
        contracted = quantity * Decimal(cells["ContractedUnitPrice"])
        assert Decimal(cells["ContractedCost"]) == contracted == Decimal(cells["BilledCost"])
        assert Decimal(cells["EffectiveCost"]) == contracted
        assert Decimal(cells["ListCost"]) == quantity * Decimal(cells["ListUnitPrice"])
        assert Decimal(cells["ListUnitPrice"]) >= 0 <= Decimal(cells["ContractedUnitPrice"])
        total += contracted
    assert total == to_decimal(billed.statement.total)
    made, place = RowCells(billed.statement, "Contoso"), COLUMNS.index("x_RowId")
    assert len({made.cells(row)[place] for row in rows}) == len(rows)
    return rows


def test_usage_is_one_row_a_day_and_kind_of_token_at_list_and_contracted_prices() -> None:
    counts = [a_count("input", 1000), a_count("output", 100), a_count("input", 500, day=1)]
    rows = must_add_up(a_billed(counts))
    # 1,000 x 2.75, 100 x 11 and 500 x 2.75 a million; 0.005225 is paid as 0.01.
    assert told(rows) == [
        ("usage", 1000, "2.75", "0.00275"),
        ("usage", 100, "11.0", "0.0011"),
        ("usage", 500, "2.75", "0.001375"),
        ("rounding", 1, "0.004775", "0.004775"),
    ]
    # 1,000 x 2.50 a million.
    assert format_amount(rows[0].priced.list_cost) == "0.0025"
    assert rows[2].period == Period(NOVEMBER.start + DAY, NOVEMBER.start + 2 * DAY, "2026-11")


def test_a_row_says_what_was_used_where_by_whom_and_from_which_list() -> None:
    billed = a_billed([a_count("input", 1000)])
    cells = written(billed.statement, rows_of(billed)[0])
    assert json.loads(cells.pop("Tags")) == {"product": "chat", "subscription": "sub-1"}
    assert json.loads(cells.pop("SkuPriceDetails")) == {
        "x_Channel": "microsoft",
        "x_DeploymentType": "global",
        "x_EffectiveFrom": "2026-01-01T00:00:00Z",
        "x_Model": "gpt-4o",
        "x_PriceVersion": "v1",
        "x_Provider": "openai",
        "x_ServiceTier": "standard",
        "x_TokenKind": "input",
    }
    assert {
        "BilledCost": "0.00275",
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": "2026-11-02T00:00:00Z",
        "ConsumedQuantity": "1000.0",
        "ConsumedUnit": "Tokens",
        "InvoiceId": "acme/1",
        "PricingQuantity": "0.001",
        "PricingUnit": "1000000 Tokens",
        "ProviderName": "Contoso",
        "PublisherName": "openai",
        "RegionId": "eastus",
        "ResourceId": "gpt",
        "SkuId": "gpt-4o/input",
        "SkuMeter": "Input Tokens",
        "SkuPriceId": f"{LISTED}#input",
        "SubAccountId": "acme",
        "x_LedgerPage": "1",
    }.items() <= cells.items()
    assert "ChargeClass" not in cells


def test_an_allowance_and_a_tier_cut_what_they_cover_the_earliest_day_first() -> None:
    counts = [
        a_count("input", 100),
        a_count("output", 80),
        a_count("output", 200, day=1),
        a_count("cached_read", 400, day=1),
    ]
    terms = {"allowance": [ALLOWANCE], "tiers": [TIER], "packages": PACKAGES}
    rows = must_add_up(a_billed(counts, **terms))
    # 150 free: 100 in, then 50 of the 80 out; 30 + 70 out at 9; 130 out at 7; one package.
    assert told(rows)[:-1] == [
        ("allowance", 100, "0.0", "0"),
        ("allowance", 50, "0.0", "0"),
        ("tier", 30, "9.0", "0.00027"),
        ("tier", 70, "9.0", "0.00063"),
        ("tier", 130, "7.0", "0.00091"),
        ("package", 400, "0.0", "0"),
        ("package", 1, "0.01", "0.01"),
    ]
    listed = [format_amount(row.priced.list_cost) for row in rows[:7]]
    # 100 x 2.50, 50, 30, 70 and 130 x 10, 400 x 1.25 a million; the package is on no list.
    assert listed == ["0.00025", "0.0005", "0.0003", "0.0007", "0.0013", "0.0005", "0"]
    used = [row.consumed.quantity.text for row in rows if row.consumed]
    assert used == ["100.0", "50.0", "30.0", "70.0", "130.0", "400.0"]


def test_an_allowance_takes_only_tokens_of_the_price_that_its_line_names() -> None:
    dear = GPT._replace(units=a_rate(input="5", cached_read="2", output="20").units)
    counts = [a_count("input", 100), a_count("input", 100, day=1, rate=dear)]
    allowance = {"tokens": 120, "meters": [{"bucket": "input"}]}
    rows = must_add_up(a_billed(counts, allowance=[allowance]))
    # The dearest first: all 100 at 5, though they are of the second day, then 20 at 2.75.
    assert told(rows)[:3] == [
        ("allowance", 100, "0.0", "0"),
        ("allowance", 20, "0.0", "0"),
        ("usage", 80, "2.75", "0.00022"),
    ]
    assert rows[0].priced.listed == parse_amount("0.0000025")


def test_an_allowance_over_a_tier_takes_tokens_of_all_prices_the_earliest_day_first() -> None:
    dear = GPT._replace(units=a_rate(input="5", cached_read="2", output="20").units)
    counts = [a_count("output", 120), a_count("output", 100, day=1, rate=dear)]
    allowance = {"tokens": 150, "meters": [{"bucket": "output"}]}
    rows = must_add_up(a_billed(counts, allowance=[allowance], tiers=[TIER]))
    # The statement has two lines of it, 100 and 50, for there are two prices: 120 and 30 here.
    assert told(rows)[:3] == [
        ("allowance", 120, "0.0", "0"),
        ("allowance", 30, "0.0", "0"),
        ("tier", 70, "9.0", "0.00063"),
    ]


def test_what_the_plan_itself_prices_is_listed_at_that_price() -> None:
    own = a_rate("own", version="plan:test", output="3")._replace(row="plan")
    where = WHERE._replace(provider=None)
    billed = a_billed([a_count("output", 1_000_000, rate=own, listed=None, where=where)])
    (row,) = must_add_up(billed)
    cells = written(billed.statement, row)
    assert (cells["ListCost"], cells["BilledCost"]) == ("3.0", "3.0")
    assert cells["SkuPriceId"] == "plan:test:plan/own#output"
    assert cells["PublisherName"] == "Contoso"


def test_a_bucket_that_the_list_has_no_price_for_is_listed_at_the_plans_own() -> None:
    rate = a_rate("gpt-4o", input="2.75", output_audio="4")
    (row, _) = must_add_up(a_billed([a_count("output_audio", 1000, rate=rate)]))
    assert row.priced.listed == row.priced.contracted == parse_amount("0.000004")


def test_other_meters_are_counted_in_their_own_unit() -> None:
    units = tuple(4_000_000_000 if name == "quantity" else None for name in BUCKETS)
    search = Rate("vector-search", "v1", "vector-search", 10**6, units, None, "vector-query")
    billed = a_billed([a_count("quantity", 2_500_000, rate=search, listed=None)])
    (row,) = must_add_up(billed)
    cells = written(billed.statement, row)
    # 2.5 queries at 0.004.
    assert cells["BilledCost"] == "0.01"
    assert (cells["PricingQuantity"], cells["PricingUnit"]) == ("2.5", "Vector Query")
    assert (cells["ConsumedQuantity"], cells["ContractedUnitPrice"]) == ("2.5", "0.004")
    assert (cells["SkuId"], cells["SkuMeter"]) == ("vector-search/vector-query", "Vector Query")


def test_usage_of_provisioned_capacity_is_at_nothing_and_names_the_capacity() -> None:
    weights = (1,) * len(BUCKETS)
    units = (0,) * len(BUCKETS)
    row = "units/provisioned"
    free = Rate(None, "deployments@x", row, 10**6, units, "microsoft", weights=weights)
    billed = a_billed([a_count("output", 100, rate=free, listed=None)], tiers=[TIER])
    (only,) = must_add_up(billed)
    cells = written(billed.statement, only)
    assert (cells["BilledCost"], cells["ListCost"]) == ("0.0", "0.0")
    assert (cells["CapacityReservationId"], cells["CapacityReservationStatus"]) == ("units", "Used")
    assert cells["SkuId"] == "any/output"


def test_shares_of_capacity_say_what_was_used_and_what_was_idle() -> None:
    billed = a_billed([], allocations=[an_allocation(parse_amount("7"), parse_amount("3"))])
    used, idle = (written(billed.statement, row) for row in must_add_up(billed))
    assert (used["BilledCost"], used["CapacityReservationStatus"]) == ("7.0", "Used")
    assert (idle["BilledCost"], idle["CapacityReservationStatus"]) == ("3.0", "Unused")
    assert (idle["ResourceId"], idle["ChargeCategory"]) == ("eu/ptu", "Purchase")
    assert idle["SkuPriceId"] == "provisioned/eu/ptu/2026-11"


def test_fees_credits_and_what_is_taken_off_are_rows_of_their_own() -> None:
    terms: dict[str, Any] = {
        "base_fee": "5",
        "minimum": "6",
        "request_fee": "0.5",
        "allowance": [{"amount": "1"}],
    }
    billed = a_billed([a_count("input", 1_000_000)], **terms)
    rows = must_add_up(billed)
    # 2.75 used, 1 of it free, one request at 0.50, 5 a month: 7.25, above the minimum.
    assert [
        (row.category, row.provenance.kind, format_amount(row.priced.cost)) for row in rows
    ] == [
        ("Usage", "usage", "2.75"),
        ("Credit", "allowance", "-1"),
        ("Usage", "request_fee", "0.5"),
        ("Purchase", "base_fee", "5"),
    ]


def test_what_a_grant_pays_is_a_credit() -> None:
    paid = closed(a_bill({}, base_fee="5"), Burnt({"gift": parse_amount("2")}, 0))
    (_, row) = must_add_up(a_billed([], base_fee="5")._replace(statement=paid))
    assert (row.category, row.provenance.reference) == ("Credit", "gift")
    assert told([row]) == [("credit", -1, "2.0", "-2")]


def test_a_correction_has_its_class_its_day_and_the_list_price_of_then() -> None:
    before, after = [a_count("input", 7, month=OCTOBER)], [a_count("input", 10, month=OCTOBER)]
    billed = with_late(before, after)
    row = must_add_up(billed)[0]
    cells = written(billed.statement, row)
    assert (cells["ChargeClass"], cells["ChargeCategory"]) == ("Correction", "Usage")
    assert cells["ChargePeriodStart"] == "2026-10-01T00:00:00Z"
    assert cells["BillingPeriodStart"] == "2026-11-01T00:00:00Z"
    # 10 x 2.75 and 10 x 2.50 a million.
    assert (cells["BilledCost"], cells["ListCost"]) == ("0.0000275", "0.000025")
    assert cells["x_Ledger"] == "acme|2026-10-01T00:00:00Z"


def test_a_correction_below_zero_has_a_quantity_below_zero() -> None:
    before, after = [a_count("input", 7, month=OCTOBER)], [a_count("input", -7, month=OCTOBER)]
    rows = must_add_up(with_late(before, after))
    assert told(rows)[0] == ("usage", -7, "2.75", "-0.00001925")


def test_corrections_of_terms_are_rows_beside_the_usage_that_they_price() -> None:
    before = [a_count("output", 160, month=OCTOBER), a_count("cached_read", 900, month=OCTOBER)]
    after = [
        a_count("output", 40, month=OCTOBER, day=3),
        a_count("cached_read", 200, month=OCTOBER, day=3),
        a_count("input", 40, month=OCTOBER, day=3),
    ]
    terms = {
        "allowance": [ALLOWANCE, {"amount": "0.0001"}],
        "tiers": [TIER],
        "packages": PACKAGES,
        "minimum": "0.1",
    }
    rows = must_add_up(with_late(before, after, **terms))
    kinds = {(row.provenance.kind, row.category, row.priced.listed > 0) for row in rows}
    assert ("replaced", "Usage", True) in kinds
    assert ("correction", "Usage", False) in kinds
    assert ("correction", "Purchase", False) in kinds
    assert all(row.is_correction for row in rows if row.provenance.kind != "carried_forward")


@pytest.mark.parametrize(
    ("about", "charge_class", "period"),
    [
        (None, None, NOVEMBER),
        ("2026-11", None, NOVEMBER),
        ("2026-10", "Correction", OCTOBER),
        ("2026-09", "Correction", NOVEMBER),
    ],
)
def test_an_adjustment_of_an_earlier_period_is_a_correction(
    about: str | None, charge_class: str | None, period: Period
) -> None:
    made = adjusted("-1.5", **({} if about is None else {"charge_period": about}))
    billed = a_billed([], adjustments=[made])._replace(periods={"2026-10": OCTOBER})
    row, carried = must_add_up(billed)
    assert written(billed.statement, row).get("ChargeClass") == charge_class
    assert row.period == period
    assert told([row]) == [("adjustment", -1, "1.5", "-1.5")]
    assert (carried.provenance.kind, row.provenance.author) == ("carried_forward", "ada")
    assert "outage" in row.description


def test_rows_that_do_not_come_to_the_total_are_refused() -> None:
    billed = a_billed([a_count("input", 1000)])
    lines = [line for line in billed.statement.lines if line.kind != "rounding"]
    wrong = replace(billed.statement, lines=(*lines, lines[0]))
    with pytest.raises(InvariantBroken, match="pages and statement differ by -1000"):
        rows_of(billed._replace(statement=wrong))


def test_a_correction_of_usage_that_no_page_has_is_refused() -> None:
    billed = with_late([a_count("input", 7, month=OCTOBER)], [a_count("input", 10, month=OCTOBER)])
    with pytest.raises(InvariantBroken, match=r"its rows add up to .*, not to its total 0"):
        rows_of(billed._replace(late=()))


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([a_count("output", 99)], r"tiers.0.steps.0: 1 token more than the pages have"),
        ([a_count("output", 101)], "has no tier for some of it"),
    ],
)
def test_a_tier_that_is_not_what_the_pages_give_is_refused(counts: Any, reason: str) -> None:
    billed = a_billed([a_count("output", 100)], tiers=[TIER])
    with pytest.raises(InvariantBroken, match=reason):
        rows_of(billed._replace(own=billed.own._replace(counts=counts)))


@pytest.mark.parametrize(
    ("unit", "name"),
    [
        ("query", "Query"),
        ("vector-query", "Vector Query"),
        ("GB", "GB"),
        ("request", "Requests"),
        ("1k images", "Unit N1k Images"),
        ("%", "Unit"),
    ],
)
def test_units_are_written_as_words(unit: str, name: str) -> None:
    assert unit_name(unit) == name


def test_list_prices_are_told_apart_by_start_channel_and_provider() -> None:
    rows = [
        {},
        {"effective_from": "2026-06-01T00:00:00Z", "per_million_tokens": {"input": "2"}},
        {"provider": "other", "per_million_tokens": {"input": "3"}},
    ]
    book = price_book(*rows)
    prices = type(PRICES)(book)
    rate = a_rate()._replace(row="gpt-4o/global/any/standard", channel="microsoft")

    def found(provider: str | None, at: str, **changes: Any) -> int | None:
        from metering.core.basics.instants import parse_instant  # noqa: PLC0415

        key = prices.key_of(rate._replace(**changes), provider, parse_instant(at))
        return None if key is None else book.rows[key].prices[0]

    assert found("openai", "2026-05-31T00:00:00Z") == 2_500_000
    assert found("openai", "2026-06-01T00:00:00Z") == 2_000_000
    assert found("other", "2026-06-01T00:00:00Z") == 3_000_000
    assert found("nobody", "2026-06-01T00:00:00Z") == 2_000_000
    assert found("openai", "2025-01-01T00:00:00Z") is None
    assert found("openai", "2026-06-01T00:00:00Z", channel="marketplace") is None
    assert found(None, "2026-06-01T00:00:00Z", version=None, row=None) is None


DEAR = GPT._replace(version="v2", units=a_rate(input="5", cached_read="2", output="20").units)
COUNTS = st.lists(
    st.builds(
        a_count,
        st.sampled_from(["input", "cached_read", "output"]),
        st.integers(1, 5000),
        day=st.integers(0, 29),
        rate=st.sampled_from([GPT, DEAR]),
    ),
    max_size=12,
    unique_by=lambda count: (count.used, count.bucket),
)
TERMS = st.fixed_dictionaries(
    {},
    optional={
        "allowance": st.sampled_from([[ALLOWANCE], [{"tokens": 3000}, {"amount": "0.01"}]]),
        "tiers": st.sampled_from([[TIER], [{**TIER, "mode": "volume"}]]),
        "packages": st.just(PACKAGES),
        "base_fee": st.sampled_from(["1", "0.0000001"]),
        "minimum": st.sampled_from(["2", "0.012345678"]),
        "request_fee": st.just("0.001"),
    },
)


@given(COUNTS, TERMS)
def test_rows_of_any_usage_under_any_terms_come_to_the_statement(
    counts: Any, terms: dict[str, Any]
) -> None:
    rows = must_add_up(a_billed(counts, **terms))
    used = sum(count.quantity for count in counts)
    parts = [row for row in rows if row.consumed and row.provenance.bucket]
    assert sum(row.priced.quantity for row in parts) == used


@given(COUNTS, COUNTS, TERMS)
def test_corrections_of_any_usage_under_any_terms_come_to_the_statement(
    before: Any, after: Any, terms: dict[str, Any]
) -> None:
    must_add_up(with_late(before, after, **terms))
