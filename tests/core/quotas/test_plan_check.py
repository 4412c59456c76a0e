"""Downgrades that cannot work are refused when a plan is set, with the place and the reason."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.plan import read_plan
from metering.core.quotas.plan_check import Known, check_plan, unenforced
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


def test_models_with_a_limit_of_their_own_are_checked_as_all_others() -> None:
    each = {"metric": "tokens", "window": "day", "limit": "9", "scope": {"model": "*"}}
    book = price_book({"aliases": ["gpt-4o-2024-11-20"]})
    for name, reason in (
        ("gpt-99", "quotas.0.overrides: the price book has no model 'gpt-99'"),
        ("gpt-4o-2024-11-20", "'gpt-4o-2024-11-20' is an alias: write 'gpt-4o'"),
    ):
        plan = read_plan("p", {"id": "p", "quotas": [{**each, "overrides": {name: "1"}}]})
        with pytest.raises(ConfigurationError) as refused:
            check_plan(plan, book, NOW)
        assert reason in str(refused.value)
    # Of a user they are names like any other.
    users = {**each, "scope": {"end_user": "*", "model": "gpt-4o"}, "overrides": {"gpt-99": "5"}}
    check(users, {**each, "overrides": {"gpt-4o": "5"}})


def test_what_limits_of_single_values_are_about_must_be_known_too() -> None:
    each = {"metric": "tokens", "window": "day", "limit": "9"}
    quotas = [
        {**each, "scope": {"model": "*"}, "overrides": {"gpt-4o": "1", "mini": "1"}},
        {**each, "scope": {"subscription": "*"}, "overrides": {"sub-1": "1", "sub-9": "1"}},
    ]
    plan = read_plan("p", {"id": "p", "quotas": quotas})
    known = Known(frozenset({"mini"}), frozenset({"sub-1"}), suspends=True)
    assert [
        text.partition(": only")[0].partition(": no request")[0] for text in unenforced(plan, known)
    ] == [
        "plan 'p': quotas.0.overrides: no deployment is known to serve 'gpt-4o'",
        "plan 'p': quotas.1.overrides: no tenant pays for 'sub-9'",
    ]
