"""`metering quote`: one request, priced line by line."""

import json
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

_AT: Final = ("--at", "2026-08-15T00:00:00Z")
_USAGE: Final = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 512},
}


def test_a_quote_explains_every_line_of_the_amount(metering: "Metering") -> None:
    ran = metering.run(
        *("quote", "--model", "gpt-4.1", "--deployment-type", "data_zone", "--tier", "standard"),
        *("--region", "eastus2", *_AT, "--usage", json.dumps(_USAGE), "--json"),
    )

    assert ran.code == 0
    # 488 x 2.20 + 512 x 0.55 + 100 x 8.80 per million.
    assert ran.json["amount"] == "0.0022352"
    assert ran.json["currency"] == "USD"
    lines = [(row["bucket"], row["quantity"], row["amount"]) for row in ran.json["lines"]]
    assert lines == [
        ("input", 488, "0.0010736"),
        ("cached_read", 512, "0.0002816"),
        ("output", 100, "0.00088"),
    ]


@pytest.mark.parametrize(
    ("options", "amount"),
    [
        # 488 x 2.00 + 512 x 0.50 + 100 x 8.00 per million.
        pytest.param((), "0.002032", id="global standard, where nothing is said"),
        # 488 x 3.50 + 512 x 0.875 + 100 x 14.00 per million.
        pytest.param(("--tier", "priority"), "0.003556", id="priority"),
        # 488 x 2.42 + 512 x 0.605 + 100 x 9.68 per million.
        pytest.param(
            ("--deployment-type", "regional", "--region", "swedencentral"),
            "0.00245872",
            id="a region of its own price",
        ),
    ],
)
def test_the_price_depends_on_where_and_how_a_model_is_deployed(
    metering: "Metering", options: tuple[str, ...], amount: str
) -> None:
    ran = metering.run(
        *("quote", "--model", "gpt-4.1", *options, *_AT, "--usage", json.dumps(_USAGE), "--json")
    )

    assert ran.json["amount"] == amount


@pytest.mark.parametrize(
    ("prompt_tokens", "amount"),
    [
        # 272,000 x 2.50 per million.
        pytest.param(272_000, "0.68", id="at the limit"),
        # 272,001 x 5.00 per million.
        pytest.param(272_001, "1.360005", id="one token beyond it"),
    ],
)
def test_a_long_prompt_has_another_price_for_the_whole_request(
    metering: "Metering", prompt_tokens: int, amount: str
) -> None:
    usage = json.dumps({"prompt_tokens": prompt_tokens})

    ran = metering.run("quote", "--model", "gpt-5.4", *_AT, "--usage", usage, "--json")

    assert ran.json["amount"] == amount


def test_a_plan_marks_the_list_price_up(metering: "Metering") -> None:
    plan = metering.folder / "reseller.json"
    plan.write_text('{"id": "reseller", "markup": "0.15"}')
    assert metering.run("plans", "set", plan).code == 0

    ran = metering.run(
        *("quote", "--model", "gpt-4o", "--plan", "reseller", *_AT, "--json"),
        *("--usage", '{"prompt_tokens": 1000, "completion_tokens": 100}'),
    )

    # (1,000 x 2.50 + 100 x 10.00) per million x 1.15 = 0.0035 x 1.15.
    assert (ran.json["amount"], ran.json["multiplier"]) == ("0.004025", "1.15")


@pytest.mark.parametrize(
    ("model", "at"),
    [("a-model-of-next-year", "2026-08-15T00:00:00Z"), ("gpt-4.1", "2024-01-01T00:00:00Z")],
)
def test_without_a_price_in_force_a_quote_is_unpriced_and_not_zero(
    metering: "Metering", model: str, at: str
) -> None:
    ran = metering.run(
        *("quote", "--model", model, "--at", at, "--usage", json.dumps(_USAGE), "--json")
    )

    assert ran.code == 0
    assert (ran.json["priced"], ran.json["amount"]) == (False, None)


def test_tokens_in_a_bucket_without_a_price_make_the_quote_unpriced(metering: "Metering") -> None:
    ran = metering.run(
        *("quote", "--model", "gpt-4.1", "--tier", "batch", *_AT, "--json"),
        *("--usage", json.dumps(_USAGE)),
    )

    assert (ran.json["amount"], ran.json["priced"]) == (None, False)
    assert "no price for cached_read" in ran.json["reason"]
