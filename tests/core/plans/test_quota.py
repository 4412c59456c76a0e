"""Quotas: what an operator may write, and what each version is known by."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.plan import Plan, read_plan
from metering.core.plans.quota import Quota


def a_plan(*quotas: dict[str, Any], **terms: Any) -> Plan:
    full = [{"metric": "amount", "window": "period", "limit": "1", **quota} for quota in quotas]
    return read_plan("p.yaml", {"id": "p", "quotas": full, **terms})


def a_quota(**changes: Any) -> Quota:
    return a_plan(changes).quotas[0]


def test_a_quota_as_it_is_written_in_a_plan() -> None:
    quota = a_quota(scope="all", limit="0.50", thresholds=[80, 100], action="block")
    assert (quota.limit, quota.thresholds, quota.action) == ("0.5", (80, 100), "block")
    assert quota.limit_units == 5 * 10**17
    assert a_quota(metric="tokens", limit="1000").limit_units == 1000


@pytest.mark.parametrize(
    ("quota", "complaint"),
    [
        ({"limit": 0.5}, "quotas.0.limit: "),
        ({"limit": "-1"}, "quotas.0.limit: .*negative"),
        ({"metric": "tokens", "limit": "1.5"}, "quotas.0.limit: '1.5' is not a whole number"),
        ({"metric": "euros"}, "quotas.0.metric: .*'euros' is not amount, tokens"),
        ({"metric": "quantity"}, "quotas.0.metric: "),
        ({"thresholds": [101]}, "quotas.0.thresholds.0: "),
        ({"thresholds": [0]}, "quotas.0.thresholds.0: "),
        ({"thresholds": [100, 80]}, "quotas.0.thresholds: .*must rise"),
        ({"thresholds": []}, "quotas.0.thresholds: "),
        ({"window": "week"}, "quotas.0.window: "),
        ({"scope": {"model": "a", "product": "b"}}, "quotas.0.scope.*write all, or one of"),
        ({"scope": {}}, "quotas.0.scope.*write all, or one of"),
        ({"scope": {"model": None}}, "quotas.0.scope.*write all, or one of"),
        ({"action": "explode"}, "quotas.0.action"),
        ({"mode": "maybe"}, "quotas.0.mode"),
    ],
)
def test_what_is_no_quota_is_refused_with_its_place(quota: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"p.yaml: {complaint}"):
        a_plan(quota)


def test_the_same_quota_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"quotas.1: is the same as quotas.0"):
        a_plan({}, {})


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"time_zone: .*not an IANA time zone"):
        a_plan({}, time_zone="Mars/Base")


def test_whatever_is_changed_makes_another_version() -> None:
    keys = {
        a_quota().key,
        a_quota(limit="2").key,
        a_quota(window="day").key,
        a_quota(action="block").key,
        a_quota(scope={"model": "gpt-4o"}).key,
        a_quota(thresholds=[50]).key,
        a_quota(mode="shadow").key,
    }
    assert len(keys) == 7
    assert a_quota(limit="1.0").key == a_quota().key


def test_the_models_of_quotas_are_among_those_that_a_plan_names() -> None:
    plan = a_plan({"scope": {"model": "a"}, "action": {"downgrade": "b"}}, {"scope": "all"})
    assert list(plan.named_models()) == [
        ("quotas.0.scope.model", "a"),
        ("quotas.0.action.downgrade", "b"),
    ]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        ("all", True),
        ({"model": "gpt-4o"}, True),
        ({"model": "other"}, False),
        ({"product": "starter"}, True),
        ({"use_case": "faq"}, True),
        ({"end_user": "ada"}, True),
        ({"end_user": "bob"}, False),
    ],
)
def test_a_scope_says_which_usage_counts(scope: object, *, covered: bool) -> None:
    assert a_quota(scope=scope).covers("gpt-4o", "starter", "faq", "ada") == covered


def test_a_quota_is_named_for_people() -> None:
    assert a_quota(window="day").label == "amount a day"
    assert a_quota(scope={"use_case": "faq"}).label == "amount a period of use case faq"
