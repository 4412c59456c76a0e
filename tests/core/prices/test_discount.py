"""Discounts: the most specific one applies alone, from its day on."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.basics.validation import validated
from metering.core.prices.discount import Discount, Discounts, must_be_a_day, read_discounts
from tests.builders import AT, price_rows

ROW = price_rows({})[0][1]
TODAY = AT - AT % DAY


def percent(discounts: Discounts, at: int = AT) -> str | None:
    found = discounts.for_row(ROW, at)
    return None if found is None else found.percent


def test_the_most_specific_discount_applies_alone() -> None:
    discounts = Discounts()
    assert percent(discounts) is None
    for number, names in enumerate(
        [{}, {"category": "Foundry Models"}, {"provider": "OpenAI"}, {"model": "GPT-4o"}], 1
    ):
        discounts.add(Discount.model_validate({"percent": f"{number}", **names}), TODAY)
        assert percent(discounts) == str(number)
    assert percent(discounts, TODAY - 1) is None
    discounts.add(Discount(percent="0", model="gpt-4o"), TODAY + DAY)
    assert (percent(discounts, TODAY + DAY), percent(discounts)) == ("0", "4")
    assert [(one.discount.key, one.start) for one in discounts.listed()][:2] == [
        ("category/Foundry Models", TODAY),
        ("everything", TODAY),
    ]


def test_a_category_is_of_the_channel_and_of_what_is_counted() -> None:
    discounts = Discounts()
    discounts.add(Discount(percent="5", category="SaaS"), 0)
    discounts.add(Discount(percent="3", category="Foundry Tools"), 0)
    market = discounts.for_row(ROW._replace(channel="marketplace"), AT)
    tool = discounts.for_row(ROW._replace(unit="query"), AT)
    assert market is not None
    assert tool is not None
    assert (market.percent, tool.percent, percent(discounts)) == ("5", "3", None)


def test_a_percentage_is_exact_to_four_decimals() -> None:
    # 100 % - 12.3456 % = 87.6544 % of a price, in 10^-6
    assert Discount(percent="12.3456").rest == 876_544
    assert (Discount(percent="100").rest, Discount(percent="7.0").percent) == (0, "7")
    for wrong in ("100.0001", "-1", "1.23456", 7):
        with pytest.raises(ConfigurationError, match="percent"):
            validated(Discount, "discount", {"percent": wrong})
    with pytest.raises(ConfigurationError, match="one of category, provider and model"):
        validated(Discount, "d", {"percent": "1", "provider": "openai", "model": "gpt-4o"})


def test_a_file_has_discounts_with_their_first_days() -> None:
    (first, second) = read_discounts(
        "d.yaml",
        {"discounts": [{"percent": "7", "from": "2026-12-01"}, {"percent": "1", "model": "m"}]},
    )
    assert (first.day, first.discount.key) == ("2026-12-01", "everything")
    assert (second.day, second.discount.key) == (None, "model/m")
    with pytest.raises(ConfigurationError, match=r"d.yaml: discounts.0.from"):
        read_discounts("d.yaml", {"discounts": [{"percent": "7", "from": 2026}]})
    with pytest.raises(ConfigurationError, match="midnight"):
        must_be_a_day(AT)
