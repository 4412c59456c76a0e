"""Downgrades that cannot work are refused when a plan is set, with the place and the reason."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.plan import read_plan
from metering.core.quotas.plan_check import check_plan
from tests.builders import NOW, price_book

BOOK = price_book(
    {},
    {"model": "mini", "per_million_tokens": {"input": "0.15", "output": "0.6"}},
    {"model": "nano", "per_million_tokens": {"input": "0.1", "output": "0.4"}},
    {"model": "chatty", "per_million_tokens": {"input": "0.1", "output": "20"}},
    {"model": "claude", "provider": "anthropic"},
)


def down(model: str | None, to: str, **more: Any) -> dict[str, Any]:
    scope = "all" if model is None else {"model": model}
    action = {"downgrade": to, **more}
    return {"metric": "tokens", "window": "day", "limit": "9", "scope": scope, "action": action}


def check(*quotas: dict[str, Any], **terms: Any) -> None:
    numbered = [{**one, "limit": str(number)} for number, one in enumerate(quotas)]
    check_plan(read_plan("p", {"id": "p", "quotas": numbered, **terms}), BOOK, NOW)


@pytest.mark.parametrize(
    ("quotas", "terms", "reason"),
    [
        ([down("mini", "mini")], {}, "quotas.0.action.downgrade: 'mini' is the same model"),
        ([down("gpt-4o", "claude")], {}, "'claude' is of anthropic, 'gpt-4o' of openai"),
        ([down("mini", "gpt-4o")], {}, "'gpt-4o' is dearer than 'mini': write dearer: true"),
        ([down("gpt-4o", "chatty")], {}, "'chatty' is dearer than 'gpt-4o'"),
        (
            [down("gpt-4o", "mini")],
            {"allowed_models": ["gpt-4o", "nano"]},
            "quotas.0.action.downgrade: 'mini' is not among allowed_models",
        ),
        (
            [down("gpt-4o", "mini"), down("mini", "gpt-4o", dearer=True)],
            {},
            "quotas.1.action.downgrade: 'gpt-4o' leads back to 'mini'",
        ),
        (
            [down("gpt-4o", "mini"), down("mini", "nano"), down("nano", "gpt-4o", dearer=True)],
            {},
            "quotas.2.action.downgrade: 'gpt-4o' leads back to 'nano'",
        ),
        (
            [down("mini", "nano"), down(None, "mini")],
            {},
            "quotas.1.action.downgrade: 'mini' leads back to 'nano'",
        ),
        (
            [],
            {"spike": {"action": {"downgrade": "gpt-99"}}},
            "spike.action.downgrade: the price book has no model 'gpt-99'",
        ),
        (
            [down("mini", "nano")],
            {
                "switches": [
                    {"model": "nano", "action": {"downgrade": "mini", "dearer": True}}
                    | {"from": "22:00", "to": "06:00"}
                ]
            },
            "switches.0.action.downgrade: 'mini' leads back to 'nano'",
        ),
    ],
)
def test_a_downgrade_that_would_block_is_refused(
    quotas: list[dict[str, Any]], terms: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check(*quotas, **terms)
    assert reason in str(refused.value)


def test_steps_down_and_a_dearer_model_that_is_meant_are_taken() -> None:
    check(down("gpt-4o", "mini"), down("mini", "nano"))
    check(down("mini", "gpt-4o", dearer=True))
    check(down(None, "mini"), down("gpt-4o", "mini"))
