"""The charge of a whole period: usage goes on in the same parts, fees do not."""

from typing import Any

from metering.core.basics.money import format_amount, parse_amount
from metering.core.billing.charge_forecast import expected_charge
from metering.core.plans.plan import read_plan
from tests.builders import a_line, a_rate

GPT = a_rate("gpt-4o", input="2.5", output="10")
MINI = a_rate("gpt-4o-mini", input="0.15")
#: 1 for 400,000 tokens of input, and 0.15 for a million of the small model.
LINES = {GPT: a_line(4, input=400_000), MINI: a_line(2, input=1_000_000)}
USED = parse_amount("1.15")


def expected(projected: str, **terms: Any) -> str | None:
    found = expected_charge(
        LINES, read_plan("p", {"id": "p", **terms}), USED, parse_amount(projected)
    )
    return None if found is None else format_amount(found)


def test_usage_grows_in_its_parts_and_fees_do_not() -> None:
    assert expected("3.45") == "3.45"
    assert expected("3.45", base_fee="100", request_fee="0.5") == "112.45"
    assert expected("3.45", minimum="20") == "20"


def test_an_allowance_is_used_up_once() -> None:
    assert expected("1.15", allowance=[{"amount": "2"}]) == "0"
    assert expected("3.45", allowance=[{"amount": "2"}]) == "1.45"
    # 1,000,000 of the 1,200,000 tokens of gpt-4o are free: 0.5 and 0.45 are left.
    tokens = [{"tokens": 1_000_000, "meters": [{"model": "gpt-4o"}]}]
    assert expected("3.45", allowance=tokens) == "0.95"


def test_without_an_amount_so_far_the_charge_of_more_is_not_known() -> None:
    plan = read_plan("p", {"id": "p", "base_fee": "100"})
    assert expected_charge({}, plan, 0, 0) == parse_amount("100")
    assert expected_charge({}, plan, 0, 1) is None
