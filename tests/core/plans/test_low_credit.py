"""The threshold of low credit in a plan."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.low_credit import LowCredit
from metering.core.plans.plan import read_plan


def plan(**terms: Any) -> LowCredit | None:
    return read_plan("p.yaml", {"id": "p", "low_credit": terms}).low_credit


def test_the_threshold_is_a_part_of_what_was_granted_or_an_amount() -> None:
    percent, amount = plan(percent=20), plan(amount="0.5")
    assert percent is not None
    assert amount is not None
    # A fifth of 999 is 199.8.
    assert percent.threshold(999) == 199
    assert amount.threshold(999) == 5 * 10**17
    assert read_plan("p.yaml", {"id": "p"}).low_credit is None


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({}, "give either percent or amount"),
        ({"percent": 20, "amount": "1"}, "give either percent or amount"),
        ({"percent": 0}, "percent"),
        ({"percent": 100}, "percent"),
        ({"percent": "20"}, "percent"),
        ({"amount": "-1"}, "amount"),
        ({"amount": 5}, "amount"),
        ({"part": 5}, "part"),
    ],
)
def test_what_is_no_threshold_is_refused_with_its_place(terms: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=r"p\.yaml: low_credit.*") as refused:
        plan(**terms)
    assert told in str(refused.value)
