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
        *("quote", "--model", "DeepSeek-V3.2", *_AT, "--json"),
        *("--usage", json.dumps(_USAGE)),
    )

    assert (ran.json["amount"], ran.json["priced"]) == (None, False)
    assert "no price for cached_read" in ran.json["reason"]


def test_a_quote_names_list_price_multiplier_and_row_of_every_line(metering: "Metering") -> None:
    plan = metering.folder / "p.json"
    override = {"model": "gpt-4o", "bucket": "output", "price_per_million": "8"}
    plan.write_text(json.dumps({"id": "p", "markup": "0.15", "overrides": [override]}))
    assert metering.run("plans", "set", plan).code == 0

    ran = metering.run(
        *("quote", "--model", "gpt-4o", "--plan", "p", *_AT, "--json"),
        *("--usage", '{"prompt_tokens": 1000, "completion_tokens": 100}'),
    )

    # 1,000 x 2.50 x 1.15 and 100 x 8.00 per million.
    assert [
        (line["bucket"], line["list_price"], line["multiplier"], line["unit_price"], line["amount"])
        for line in ran.json["lines"]
    ] == [
        ("input", "0.0000025", "1.15", "0.000002875", "0.002875"),
        ("output", None, None, "0.000008", "0.0008"),
    ]
    assert {line["price_row"] for line in ran.json["lines"]} == {"gpt-4o/global/any/standard"}
    assert (ran.json["amount"], ran.json["channel"]) == ("0.003675", "microsoft")


def test_a_registered_deployment_supplies_what_the_quote_leaves_out(metering: "Metering") -> None:
    made = ("deployments", "set", "chat", "--model", "gpt-4.1", "--type", "data_zone")
    assert metering.run(*made).code == 0

    ran = metering.run(
        *("quote", "--deployment", "chat", *_AT, "--json", "--usage", '{"prompt_tokens": 1000}')
    )

    # 1,000 x 2.20 per million.
    assert (ran.json["model"], ran.json["amount"]) == ("gpt-4.1", "0.0022")


def test_another_meter_is_quoted_by_quantity_and_unit(metering: "Metering") -> None:
    prices = metering.folder / "own.yaml"
    prices.write_text(
        "currency: USD\nother_meters:\n- {meter: search, unit: query, price: '0.004',"
        " effective_from: '2026-01-01T00:00:00Z'}\n"
    )
    assert metering.run("prices", "import", prices).code == 0

    ran = metering.run(
        *("quote", "--model", "search", "--quantity", "2.5", "--unit", "query", *_AT, "--json")
    )

    # 2.5 x 0.004.
    assert ran.json["amount"] == "0.01"
    (line,) = ran.json["lines"]
    assert (line["bucket"], line["quantity"], line["unit_price"]) == ("quantity", "2.5", "0.004")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--usage", "{}"), "--model or --deployment"),
        (("--model", "m"), "--usage or --quantity"),
        (("--model", "m", "--usage", "{}", "--quantity", "1"), "--usage or --quantity"),
        (("--model", "m", "--quantity", "1"), "--quantity and --unit"),
        (("--model", "m", "--quantity", "x", "--unit", "u"), "--quantity"),
        (("--model", "m", "--usage", "{"), "--usage"),
    ],
)
def test_a_quote_asked_wrongly_is_a_usage_error(
    metering: "Metering", options: tuple[str, ...], complaint: str
) -> None:
    ran = metering.run("quote", *options)

    assert ran.code == 2
    assert complaint in ran.stderr


def test_a_quote_under_a_plan_or_deployment_that_is_not_there_names_it(
    metering: "Metering",
) -> None:
    asked = ("quote", "--model", "gpt-4o", "--usage", '{"prompt_tokens": 1}')

    assert "plan 'nope'" in metering.run(*asked, "--plan", "nope").stderr
    ran = metering.run(*asked, "--deployment", "nope")
    assert (ran.code, "deployment 'nope'" in ran.stderr) == (1, True)
