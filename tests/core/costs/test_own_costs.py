"""What usage costs the company, by the name of its price."""

import pytest

from metering.core.costs.own_costs import OwnCosts
from metering.core.costs.sums import Sums
from metering.core.ledger.head import RateTotals
from metering.core.prices.rating import OTHER_NAMES, Rate
from metering.core.reports.breakdown import price_of
from metering.core.tenancy.directory import Directory
from metering.core.usage.buckets import NO_TOKENS, from_names
from tests.builders import price_book, rating, usage

BOOK = price_book({})
OWN = OwnCosts(BOOK, Directory())
RATE: Rate = rating(BOOK)(usage(), usage().time)[0]
DAY = "2026-11-20"
TOKENS = from_names({"input": 1_000, "output": 100})


def test_tokens_cost_their_list_price_whatever_the_tenant_pays() -> None:
    price = price_of(RATE, "openai")
    # 1,000 x 2.50 + 100 x 10 a million = 0.0035
    assert OWN.cost(price, DAY, TOKENS) == 3_500_000_000_000_000
    assert OWN.cost(price, DAY, NO_TOKENS) == 0
    # A row that begins later is the first one there is: prices are not older than their usage.
    assert OWN.cost(price, "2020-01-01", TOKENS) == 3_500_000_000_000_000


@pytest.mark.parametrize(
    ("price", "bucket"),
    [
        (None, "input"),
        (OTHER_NAMES, "input"),
        (price_of(RATE._replace(row="plan"), None), "input"),
        (price_of(RATE._replace(version="gone"), None), "input"),
        # The row has no price for audio; only the plan had one.
        (price_of(RATE, None), "input_audio"),
    ],
)
def test_a_cost_that_no_list_price_tells_is_not_known(price: str | None, bucket: str) -> None:
    assert OWN.cost(price, DAY, from_names({bucket: 1})) is None


def test_a_hosted_model_shares_its_hours_by_tokens_beside_their_price() -> None:
    price = price_of(RATE._replace(hosted="eu-ai/Tuned"), None)
    # 1,100 tokens of weight 1, in 10^-6
    assert OWN.weighted(price, TOKENS) == ("eu-ai/tuned", 1_100_000_000)
    assert OWN.weighted(price_of(RATE, None), TOKENS) is None
    assert OWN.cost(price, DAY, TOKENS) == 3_500_000_000_000_000


def test_a_margin_needs_something_with_a_charge_and_a_cost() -> None:
    sums = Sums()
    sums.count(RateTotals(requests=2, missing=1), 5, None)
    assert (sums.uncosted, sums.uncosted_usage, sums.margin, sums.margin_share) == (
        1,
        5,
        None,
        None,
    )
    assert not sums.is_unknown
    sums.count(RateTotals(requests=1), 8, 6)
    # (5 + 8) - 5 of unknown cost - 6 = 2, of 8
    assert (sums.margin, str(sums.margin_share)) == (2, "1/4")


def test_without_any_price_zero_is_not_an_amount() -> None:
    sums = Sums()
    assert not sums.is_unknown
    sums.count(RateTotals(requests=3, unpriced=1, missing=1, not_billable=1), 0, None)
    assert sums.is_unknown
    # Hours of a deployment are known.
    sums.idle = 7
    assert not sums.is_unknown
