"""Plans: what they may say, what is refused with its place, and what a token costs under one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.money import format_amount
from metering.core.plans.named_models import named_models
from metering.core.plans.plan import ONE, PERIOD_TERMS, Plan, read_plan
from tests.builders import plan

OVERRIDES = [
    {"bucket": "output", "markup": "0.3"},
    {"model": "gpt-4o", "markup": "0.2"},
    {"model": "gpt-4o", "bucket": "output", "price_per_million": "7.5"},
]
NIGHT = {"from": "22:00", "to": "06:00", "multiplier": "0.5"}
ALL = [{"model": "gpt-4o"}]
OPEN = {"up_to": None, "price_per_million": "8"}
BY_TOTAL = {"charge_by": "total_tokens", "total_token_price_per_million": "3"}
FIXED = {"price_per_million": "0.2"}
FULL: dict[str, Any] = {
    "id": "full",
    "currency": "USD",
    "markup": "0.1",
    "unpriced": "block",
    "overrides": OVERRIDES,
    "off_peak": {"time_zone": "Europe/Berlin", "windows": [NIGHT]},
    "allowed_models": ["gpt-4o", "gpt-4.1"],
    "base_fee": "10.00",
    "minimum": "20",
    "request_fee": "0.001",
    "allowance": [{"tokens": 1000, "meters": [{"bucket": "input"}]}, {"amount": "5"}],
    "tiers": [
        {
            "mode": "graduated",
            "meters": [{"model": "a"}],
            "steps": [{"up_to": 10, "price_per_million": "9"}, OPEN],
        }
    ],
    "packages": [{"meters": [{"model": "b"}], "size": 1000, "price": "0.5"}],
}


def read(**terms: Any) -> Plan:
    return read_plan("p.yaml", {"id": "test", **terms})


def test_a_plan_with_every_term_reads_back_as_it_was_written() -> None:
    full = read_plan("p.yaml", FULL)
    assert Plan.model_validate_json(full.model_dump_json()) == full
    assert full.base_fee == "10"
    assert full.period_terms == PERIOD_TERMS[1:]
    assert plan().period_terms == ()


@pytest.mark.parametrize(
    ("terms", "complaint"),
    [
        ({"overrides": [{"markup": "0"}]}, "overrides.0: .*neither a model nor a bucket"),
        ({"overrides": [{"model": "m"}]}, "overrides.0: .*either markup or price_per_million"),
        (
            {"overrides": [{"model": "m", "markup": "0", "price_per_million": "1"}]},
            "overrides.0: .*either markup or price_per_million",
        ),
        (
            {"overrides": [OVERRIDES[0], OVERRIDES[1], {"bucket": "output", "markup": "0"}]},
            "overrides.2: is for the same place as overrides.0",
        ),
        ({"overrides": [{"bucket": "outputs", "markup": "0"}]}, "overrides.0.bucket: "),
        ({"overrides": [{"model": "m", "markup": 0.1}]}, "overrides.0.markup: .*quoted decimal"),
        ({"overrides": [{"model": "m", "markup": "-1.1"}]}, "overrides.0.markup: .*negative"),
        (
            {"overrides": [{"model": "m", "price_per_million": "0.0000001"}]},
            "overrides.0.price_per_million: .*more than 6 decimals",
        ),
        ({"overrides": {"model": "m", "markup": "0"}}, "overrides: "),
        ({"overrides": [{"model": "m", "markup": "0"}] * 1001}, "overrides: .*at most 1000"),
        (
            {"charge_by": "total_tokens"},
            "total_token_price_per_million: charge_by total_tokens needs it",
        ),
        (
            {"total_token_price_per_million": "3"},
            "total_token_price_per_million: needs charge_by: total_tokens",
        ),
        (
            {
                "charge_by": "total_tokens",
                "total_token_price_per_million": "3",
                "overrides": [{"model": "m", "markup": "0"}],
            },
            "overrides.0: with charge_by total_tokens, give a model",
        ),
        (
            {
                "charge_by": "total_tokens",
                "total_token_price_per_million": "3",
                "overrides": [{"bucket": "input", "price_per_million": "1"}],
            },
            "overrides.0: with charge_by total_tokens, give a model",
        ),
        ({"base_fee": 10.0}, "base_fee: .*quoted decimal"),
        ({"base_fee": "-1"}, "base_fee: .*negative"),
        ({"base_fee": "10 EUR"}, "base_fee: .*not a plain decimal"),
        ({"minimum": 5}, "minimum: .*quoted decimal"),
        ({"request_fee": "0.0000000000000000001"}, "request_fee: .*more than 18 decimals"),
        ({"tiers": [{"currency": "EUR"}]}, "tiers.0.mode: Field required"),
        ({"allowance": [{}]}, "allowance.0: .*either tokens or amount"),
        ({"allowance": [{"tokens": 1, "amount": "1"}]}, "allowance.0: .*either tokens or amount"),
        ({"allowance": [{"tokens": 0}]}, "allowance.0.tokens: "),
        ({"allowance": [{"tokens": 1.5}]}, "allowance.0.tokens: "),
        ({"allowance": [{"amount": 1.5}]}, "allowance.0.amount: .*quoted decimal"),
        ({"allowance": [{"tokens": 1, "meters": []}]}, "allowance.0.meters: "),
        ({"allowance": [{"tokens": 1, "meters": [{}]}]}, "allowance.0.meters.0: .*neither"),
        (
            {"allowance": [{"tokens": 1, "meters": [*ALL, *ALL]}]},
            "allowance.0.meters.1: is named twice",
        ),
        (
            {"allowance": [{"amount": "1", "meters": ALL}]},
            "allowance.0.meters: an amount is for all usage",
        ),
        ({"packages": [{"meters": ALL, "size": 0, "price": "1"}]}, "packages.0.size: "),
        ({"packages": [{"meters": ALL, "size": 5, "price": 1.0}]}, "packages.0.price: .*quoted"),
        ({"allowed_models": []}, "allowed_models: "),
        ({"off_peak": {"time_zone": "Europe/Berlin", "windows": []}}, "off_peak.windows: "),
    ],
)
def test_a_faulty_term_is_refused_with_its_file_its_place_and_why(
    terms: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^p.yaml: {complaint}"):
        read(**terms)


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([], "steps: "),
        ([{"up_to": 10, "price_per_million": "9"}], "steps.0.up_to: the last step must be open"),
        ([OPEN, OPEN], "steps.0.up_to: only the last step is open"),
        (
            [{"up_to": 10, "price_per_million": "9"}, {"up_to": 9, "price_per_million": "8"}, OPEN],
            "steps.1.up_to: 9 is not above 10",
        ),
        (
            [{"up_to": 10, "price_per_million": "9"}] * 2 + [OPEN],
            "steps.1.up_to: 10 is not above 10",
        ),
        ([{"up_to": 0, "price_per_million": "9"}, OPEN], "steps.0.up_to: "),
        ([{"up_to": None, "price_per_million": 9.5}], "steps.0.price_per_million: .*quoted"),
        ([{"price_per_million": "9"}], "steps.0.up_to: Field required"),
    ],
)
def test_steps_that_leave_a_count_without_one_price_are_refused(
    steps: list[Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^p.yaml: tiers.0.{complaint}"):
        read(tiers=[{"mode": "volume", "meters": ALL, "steps": steps}])


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ({"model": "a"}, {"model": "a"}, True),
        ({"model": "a"}, {"model": "b"}, False),
        ({"model": "a"}, {"bucket": "input"}, True),
        ({"model": "a", "bucket": "input"}, {"bucket": "input"}, True),
        ({"model": "a", "bucket": "input"}, {"model": "a", "bucket": "output"}, False),
        ({"model": "a", "bucket": "input"}, {"bucket": "output"}, False),
    ],
)
def test_no_usage_is_covered_by_two_tiers_or_packages(
    one: dict[str, str], other: dict[str, str], *, overlap: bool
) -> None:
    def tier(meter: dict[str, str]) -> dict[str, Any]:
        return {"mode": "volume", "meters": [meter], "steps": [OPEN]}

    package = {"meters": [{"model": "z"}, other], "size": 1, "price": "1"}
    if not overlap:
        assert read(tiers=[tier(one), tier(other)]).tiers
        assert read(tiers=[tier(one)], packages=[package]).packages
        return
    with pytest.raises(ConfigurationError, match=r"tiers.1.meters.0: is also covered by tiers.0"):
        read(tiers=[tier(one), tier(other)])
    with pytest.raises(ConfigurationError, match=r"packages.0.meters.1: .* covered by tiers.0"):
        read(tiers=[tier(one)], packages=[package])


def test_the_most_specific_override_wins_whatever_stands_first() -> None:
    for made in (read(overrides=OVERRIDES), read(overrides=OVERRIDES[::-1])):
        # 10 per million is 10,000,000 x 10^-12 a token.
        found = {
            (model, bucket): made.unit_price(model, bucket, 10_000_000)
            for model in ("gpt-4o", "other")
            for bucket in ("input", "output")
        }
        assert {place: format_amount(unit or 0) for place, unit in found.items()} == {
            ("gpt-4o", "input"): "0.000012",  # 10 x 1.2
            ("gpt-4o", "output"): "0.0000075",  # negotiated
            ("other", "input"): "0.00001",
            ("other", "output"): "0.000013",  # 10 x 1.3
        }
        assert made.multiplier_for("gpt-4o", "input") == 1_200_000
        assert made.multiplier_for("gpt-4o", "output") == ONE


def test_an_override_takes_the_place_of_the_markup() -> None:
    made = read(markup="0.15", overrides=[{"model": "gpt-4o", "markup": "-0.1"}])
    assert (made.multiplier_for("gpt-4o", "input"), made.multiplier_for(None, "input")) == (
        900_000,
        1_150_000,
    )


def test_an_off_peak_multiplier_multiplies_list_prices_and_no_final_price() -> None:
    made = read(markup="0.1", overrides=[{"bucket": "output", "price_per_million": "8"}])
    # 2.50 x 1.1 x 0.5 per million
    assert made.unit_price("gpt-4o", "input", 2_500_000, 500_000) == 1_375_000_000_000
    assert made.unit_price("gpt-4o", "output", 10_000_000, 500_000) == 8_000_000_000_000


def test_a_price_of_the_plan_holds_where_the_list_has_none() -> None:
    made = read(overrides=[{"model": "gpt-4o", "bucket": "output", "price_per_million": "8"}])
    assert made.unit_price("gpt-4o", "output", None) == 8_000_000_000_000
    assert made.unit_price("gpt-4o", "input", None) is None


def test_by_total_tokens_every_bucket_costs_the_same_and_a_model_may_differ() -> None:
    made = read(**BY_TOTAL, markup="0.5", overrides=[{"model": "gpt-4o-mini", **FIXED}])
    for bucket in ("input", "cached_read", "output"):
        assert made.unit_price("gpt-4o", bucket, None) == 3_000_000_000_000
        assert made.unit_price("gpt-4o-mini", bucket, 1) == 200_000_000_000
    assert made.multiplier_for("gpt-4o", "input") == ONE
    # What is counted in no token keeps its list price and the markup: 1 x 1.5.
    assert made.unit_price("search", "quantity", 1_000_000) == 1_500_000_000_000


def test_multipliers_of_more_than_six_decimals_together_are_refused_at_load() -> None:
    night = {"time_zone": "Europe/Berlin", "windows": [{**NIGHT, "multiplier": "0.333"}]}
    # 1.001 x 0.333 = 0.333333 has six; 1.0001 x 0.333 = 0.3330333 has seven.
    assert read(markup="0.001", off_peak=night)
    with pytest.raises(
        ConfigurationError, match=r"p.yaml: off_peak.windows.0.multiplier: with the markup '0.0001'"
    ):
        read(markup="0.0001", off_peak=night)
    with pytest.raises(ConfigurationError, match=r"windows.0.multiplier: with the markup '0.0001'"):
        read(overrides=[{"model": "m", "markup": "0.0001"}], off_peak=night)


def test_a_multiplier_that_no_plan_allows_is_a_bug() -> None:
    with pytest.raises(InvariantBroken, match="plan 'test': multipliers"):
        read(markup="0.0001").unit_price("gpt-4o", "input", 1, 333_000)


@given(
    st.integers(0, 10**9), st.integers(-1000, 10**4), st.integers(0, 2000), st.integers(0, 10**9)
)
def test_a_unit_price_is_the_exact_product(
    price: int, markup: int, off_peak: int, quantity: int
) -> None:
    # Three decimals each: thousandths times thousandths are millionths.
    sign, digits = "-" if markup < 0 else "", f"{abs(markup):04}"
    made = read(markup=f"{sign}{digits[:-3]}.{digits[-3:]}")
    unit = made.unit_price("gpt-4o", "input", price, off_peak * 1000)
    assert unit is not None
    assert quantity * unit == quantity * price * (1000 + markup) * off_peak


def test_a_plan_allows_every_model_or_those_that_it_names() -> None:
    assert read().allows("anything")
    made = read(allowed_models=["gpt-4o"])
    assert (made.allows("gpt-4o"), made.allows("gpt-4.1")) == (True, False)


def test_every_model_that_a_plan_names_is_found_with_its_place() -> None:
    assert list(named_models(read_plan("p.yaml", FULL))) == [
        ("overrides.1.model", "gpt-4o"),
        ("overrides.2.model", "gpt-4o"),
        ("allowed_models.0", "gpt-4o"),
        ("allowed_models.1", "gpt-4.1"),
        ("tiers.0.meters.0.model", "a"),
        ("packages.0.meters.0.model", "b"),
    ]
