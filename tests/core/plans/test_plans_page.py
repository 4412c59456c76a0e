"""The page about plans: every file on it is a plan, and comes to what the page says."""

import re
from pathlib import Path

import pytest
import yaml

from metering.core.basics.money import format_amount, parse_fixed
from metering.core.billing.charge import charge
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import ONE, Plan, read_plan
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS
from tests.builders import a_line, a_rate

PAGE = Path(__file__).parents[3] / "docs" / "plans.md"
EXAMPLE = re.compile(r"```yaml\n(.*?)```.*?comes? to \*\*([0-9.]+)\*\*", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))

M = 1_000_000
GPT = a_line(9000, input=40 * M, cached_read=10 * M, output=5 * M)
MINI = a_line(3500, flags=(500, 0, 0), input=20 * M, output=4 * M)
LIST = {
    "gpt-4o": {"input": "2.5", "cached_read": "1.25", "output": "10"},
    "gpt-4o-mini": {"input": "0.15", "output": "0.6"},
}


def rated(plan: Plan, model: str, off_peak: int) -> Rate:
    """Return the list prices of a model under the plan's terms by request."""
    prices = LIST[model]
    units = tuple(
        plan.unit_price(
            model, bucket, parse_fixed(prices[bucket], 6) if bucket in prices else None, off_peak
        )
        for bucket in BUCKETS
    )
    return a_rate(model)._replace(units=units, multiplier=off_peak)


def totals(plan: Plan) -> dict[Rate, RateTotals]:
    """Return the month of the page; with off-peak hours half of it is by night."""
    month = {"gpt-4o": GPT, "gpt-4o-mini": MINI}
    if plan.off_peak is None:
        return {rated(plan, model, ONE): line for model, line in month.items()}
    night = plan.off_peak.windows[0].factor
    return {
        rated(plan, model, factor): half(line)
        for model, line in month.items()
        for factor in (ONE, night)
    }


def half(line: RateTotals) -> RateTotals:
    tokens = tuple(count // 2 for count in line.tokens)
    return RateTotals(line.requests // 2, line.not_billable // 2, tokens=tokens)


def test_the_page_has_an_example_of_every_term() -> None:
    named = {name for content, _ in EXAMPLES for name in yaml.safe_load(content)}
    assert set(Plan.model_fields) - named == {
        *("currency", "billing", "unpriced", "allowed_models"),
        *(
            "quotas",
            "time_zone",
            "spike",
            "low_credit",
            "switches",
            "suspend",
            "targets",
            "requests_per_minute",
        ),
    }


@pytest.mark.parametrize(("content", "total"), EXAMPLES)
def test_an_example_comes_to_what_the_page_says(content: str, total: str) -> None:
    plan = read_plan("docs/plans.md", yaml.safe_load(content))
    assert format_amount(charge(totals(plan), plan).total) == total
