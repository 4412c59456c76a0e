"""Quotas: what an operator may write, and what each version is known by."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.named_models import named_models
from metering.core.plans.plan import Plan, read_plan
from metering.core.plans.quota import Quota
from metering.core.plans.scope import Attributes


def a_plan(*quotas: dict[str, Any], **terms: Any) -> Plan:
    full = [{"metric": "amount", "window": "period", "limit": "1", **quota} for quota in quotas]
    return read_plan("p.yaml", {"id": "p", "quotas": full, **terms})


def a_quota(**changes: Any) -> Quota:
    return a_plan(changes).quotas[0]


def test_a_quota_as_it_is_written_in_a_plan() -> None:
    quota = a_quota(scope="all", limit="0.50", thresholds=[80, 100], action="block")
    assert (quota.limit, quota.thresholds, quota.action) == ("0.5", (80, 100), "block")
    assert quota.limit_of(()) == 5 * 10**17
    assert a_quota(metric="tokens", limit="1000").limit_of(()) == 1000


@pytest.mark.parametrize(
    ("quota", "complaint"),
    [
        ({"limit": 0.5}, "quotas.0.limit: "),
        ({"limit": "-1"}, "quotas.0.limit: .*negative"),
        ({"metric": "tokens", "limit": "1.5"}, "quotas.0.limit: '1.5' is not a whole number"),
        ({"metric": "euros"}, "quotas.0.metric: .*'euros' is not amount, tokens"),
        ({"metric": "quantity"}, "quotas.0.metric: "),
        ({"thresholds": [1001]}, "quotas.0.thresholds.0: "),
        ({"thresholds": [0]}, "quotas.0.thresholds.0: "),
        ({"thresholds": [100, 80]}, "quotas.0.thresholds: .*must rise"),
        ({"thresholds": []}, "quotas.0.thresholds: "),
        ({"window": "decade"}, "quotas.0.window: "),
        ({"scope": {}}, "quotas.0.scope.*write all, or one or more of model, product"),
        ({"scope": {"model": None}}, "quotas.0.scope.*write all, or one or more of"),
        ({"scope": {"tennant": "a"}}, "quotas.0.scope.tennant"),
        ({"overrides": {"ada": "5"}}, r"quotas.0.overrides: needs a scope with one '\*'"),
        (
            {"scope": {"end_user": "*", "model": "*"}, "overrides": {"ada": "5"}},
            r"quotas.0.overrides: needs a scope with one '\*'",
        ),
        ({"scope": {"end_user": "*"}, "overrides": ["ada"]}, "quotas.0.overrides"),
        ({"scope": {"end_user": "*"}, "overrides": {"ada": "-1"}}, "quotas.0.overrides.0.1"),
        (
            {"metric": "tokens", "scope": {"end_user": "*"}, "overrides": {"ada": "1.5"}},
            "quotas.0.overrides.ada: '1.5' is not a whole number",
        ),
        ({"scope": {"model": "*"}, "limit": "0"}, "quotas.0.limit: zero for each model"),
        ({"action": "explode"}, "quotas.0.action"),
        ({"mode": "maybe"}, "quotas.0.mode"),
    ],
)
def test_what_is_no_quota_is_refused_with_its_place(quota: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"p.yaml: {complaint}"):
        a_plan(quota)


@pytest.mark.parametrize("window", ["24h", "30d", "rolling_24h", "Rolling 30 days", "last 24 h"])
def test_a_rolling_window_is_refused_with_the_reason(window: str) -> None:
    reason = "is a rolling window, which no bounded number of counters counts exactly: use hour"
    with pytest.raises(ConfigurationError, match=f"quotas.0.window: .*'{window}' {reason}"):
        a_plan({"window": window})
    with pytest.raises(ConfigurationError, match="a month of the tenant's calendar is 'period'"):
        a_plan({"window": "month"})
    with pytest.raises(ConfigurationError, match="quotas.0.window: Input should be 'hour', 'day'"):
        a_plan({"window": 24})


def test_a_single_threshold_needs_no_list() -> None:
    quota = a_quota(thresholds=150, forecast=100)
    assert (quota.thresholds, quota.forecast) == ((150,), (100,))
    assert quota.key == a_quota(thresholds=[150], forecast=[100]).key


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
    assert list(named_models(plan)) == [
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
        ({"end_user": "ada", "model": "gpt-4o"}, True),
        ({"end_user": "ada", "model": "mini"}, False),
        ({"subscription": "sub-1"}, True),
        ({"subscription": "sub-2"}, False),
        ({"agent": "coder", "session": "s-7"}, True),
        ({"session": "s-8"}, False),
    ],
)
def test_a_scope_says_which_usage_counts(scope: object, *, covered: bool) -> None:
    of = Attributes("gpt-4o", "starter", "faq", "ada", "sub-1", "coder", "s-7")
    assert (a_quota(scope=scope).scope.values_in(of) is not None) == covered


@pytest.mark.parametrize(
    ("scope", "values"),
    [
        ({"end_user": "*"}, ("ada",)),
        ({"model": "gpt-4o", "end_user": "*"}, ("ada",)),
        # In the order of the attributes, however it is written.
        ({"end_user": "*", "model": "*"}, ("gpt-4o", "ada")),
        ({"use_case": "*"}, None),
        ({"product": "*"}, None),
        ({"model": "gpt-4o"}, ()),
    ],
)
def test_a_split_scope_says_whose_usage_it_is(scope: object, values: object) -> None:
    of = Attributes("gpt-4o", product="", end_user="ada")
    assert a_quota(scope=scope).scope.values_in(of) == values


def test_single_values_of_a_split_quota_have_limits_of_their_own() -> None:
    quota = a_quota(metric="tokens", limit=20, scope={"end_user": "*"}, overrides={"ada": 50})
    assert [quota.limit_of((name,)) for name in ("ada", "bob")] == [50, 20]
    assert Quota.model_validate_json(quota.model_dump_json()) == quota
    assert quota.model_dump(mode="json")["overrides"] == {"ada": "50"}
    assert not {"overrides", "forecast"} & a_quota().model_dump(mode="json").keys()
    assert a_quota(forecast=[100]).model_dump(mode="json")["forecast"] == [100]


def test_a_quota_is_named_for_people() -> None:
    assert a_quota(window="day").label == "amount a day"
    assert a_quota(scope={"use_case": "faq"}).label == "amount a period of use case faq"
    split = a_quota(scope={"model": "mini", "end_user": "*"})
    assert split.label == "amount a period of model mini of each end user"
    assert split.label_of(("ada",)) == "amount a period of model mini of end user ada"
    # A caller may call itself so; it is one of them, not all.
    assert split.label_of(("*",)) == "amount a period of model mini of end user *"


def test_thresholds_may_be_above_the_limit() -> None:
    assert a_quota(thresholds=[80, 100, 150, 1000]).thresholds == (80, 100, 150, 1000)


@pytest.mark.parametrize("rate", [0, -1, 1_000_001, "60", 1.5])
def test_a_rate_is_a_number_of_requests(rate: object) -> None:
    assert a_plan(requests_per_minute=60).requests_per_minute == 60
    with pytest.raises(ConfigurationError, match=r"p.yaml: requests_per_minute: "):
        a_plan(requests_per_minute=rate)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"metric": "tokens"}, "needs metric amount"),
        ({"window": "day"}, "needs a window of a period or longer"),
        ({"window": "hour"}, "needs a window of a period or longer"),
        ({"scope": {"model": "gpt-4o"}}, "needs a quota without scope"),
    ],
)
def test_provisioned_cost_is_included_in_an_amount_of_the_tenant_and_period_only(
    changes: dict[str, Any], reason: str
) -> None:
    terms = {"metric": "amount", "window": "period", "limit": "5", "include_provisioned": True}
    found = a_quota(**terms)
    assert found.label == "amount a period with provisioned"
    with pytest.raises(ConfigurationError, match=f"include_provisioned: {reason}"):
        a_quota(**{**terms, **changes})
    # Without it a quota keeps the key that it had before there was the field.
    plain = a_quota(**{**terms, "include_provisioned": False})
    assert "include_provisioned" not in plain.model_dump_json()
    assert plain.key != found.key
