"""Scoped verdicts: what is not allowed of some requests, listed as long as that is short."""

from typing import Any

import pytest

from metering.core.calendars.periods import month_of
from metering.core.ledger.counts import Counts
from metering.core.ledger.limits import Counter, CounterKey, Limits
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import UNKNOWN, Attributes
from metering.core.quotas.admission import Admitted, admit
from metering.core.quotas.facts import Facts
from metering.core.quotas.ladder import Ladder
from metering.core.tenancy.record import Assignment
from tests.builders import AT

PERIOD = month_of(AT)
PROVIDERS = {"gpt-4o": "openai", "mini": "openai", "claude": "anthropic"}
FACTS = Facts(deployments={"chat": "gpt-4o", "small": "mini"}, ladder=Ladder(PROVIDERS))
#: What each quota of these tests has used unless a test says otherwise.
USED = 100


def admitted(
    *quotas: dict[str, Any], users: tuple[str, ...] = ("ada",), about: Attributes = UNKNOWN
) -> Admitted:
    """Ask for sub-1 of a tenant whose quotas are at their limit, for each of these users."""
    base = {"metric": "tokens", "window": "period", "limit": "100", "action": "block"}
    plan = read_plan("p", {"id": "p", "quotas": [base | quota for quota in quotas]})
    used: dict[CounterKey, Counter] = {}
    for quota in plan.quotas:
        for values in [(user,) for user in users] if quota.scope.split_by else [()]:
            used[CounterKey(quota.key, PERIOD.start, values)] = Counter(PERIOD.end, USED)
    counts = Counts(Limits("UTC", plan.quotas, end=PERIOD.end), used)
    paying = Assignment("acme", plan, 0, PERIOD.end)
    return admit("sub-1", paying, counts, now=AT, period=PERIOD, facts=FACTS, about=about)


def rules(found: Admitted) -> list[tuple[dict[str, str], str]]:
    return [(dict(one.when), one.verdict.verdict.value) for one in found.scoped.rules]


@pytest.mark.parametrize("name", ["product", "use_case", "end_user", "agent", "session"])
def test_what_only_the_request_tells_is_a_rule_of_the_document(name: str) -> None:
    found = admitted({"scope": {name: "x"}})
    assert (found.overall.verdict, rules(found)) == ("allow", [({name: "x"}, "block")])
    told = found.document()["rules"]
    assert told == [
        {
            "when": {name: "x"},
            "verdict": "block",
            "reason": "quota_reached",
            "detail": f"tokens a period of {name.replace('_', ' ')} x: 100 of 100 used",
            "to": None,
            "metric": "tokens",
            "limit": "100",
            "remaining": "0",
            "resets_at": "2026-12-01T00:00:00Z",
            # From 11:45 on the 20th: 10 days, 12 hours and a quarter
            "retry_after_s": 908_100,
            "to_provider": None,
        }
    ]


def test_the_subscription_is_known() -> None:
    assert admitted({"scope": {"subscription": "sub-1"}}).overall.verdict == "block"
    assert admitted({"scope": {"subscription": "sub-2"}}).overall.verdict == "allow"
    each = admitted({"scope": {"subscription": "*"}}, users=("sub-1", "sub-2"))
    assert (each.overall.verdict, rules(each)) == ("block", [])
    others = admitted({"scope": {"subscription": "*"}}, users=("sub-2",))
    assert others.overall.verdict == "allow"


def test_a_quota_of_another_subscription_is_none_of_its_rules() -> None:
    quota = {"scope": {"subscription": "sub-2", "end_user": "ada"}}
    assert rules(admitted(quota)) == []
    quota = {"scope": {"subscription": "sub-1", "end_user": "ada"}}
    assert rules(admitted(quota)) == [({"end_user": "ada"}, "block")]


def test_two_attributes_stand_in_one_rule_with_the_deployments_of_its_model() -> None:
    found = admitted({"scope": {"end_user": "ada", "model": "gpt-4o"}})
    assert rules(found) == [({"end_user": "ada", "model": "gpt-4o"}, "block")]
    assert found.document()["serves"] == {"chat": "gpt-4o"}


def test_each_user_at_the_limit_is_a_rule() -> None:
    found = admitted(
        {"scope": {"end_user": "*"}, "overrides": {"cleo": "101"}}, users=("ada", "bob", "cleo")
    )
    assert rules(found) == [({"end_user": "ada"}, "block"), ({"end_user": "bob"}, "block")]


@pytest.mark.parametrize("quota", [{"mode": "shadow"}, {"action": "notify"}, {"limit": "101"}])
def test_who_may_go_on_is_in_no_rule(quota: dict[str, Any]) -> None:
    assert admitted({"scope": {"end_user": "*"}} | quota).scoped == ((), ())


def test_a_downgrade_leads_to_a_deployment_and_names_its_provider() -> None:
    (rule,) = admitted({"scope": {"end_user": "ada"}, "action": {"downgrade": "mini"}}).scoped.rules
    assert (rule.verdict.to, rule.verdict.to_provider) == ("small", "openai")


def test_a_downgrade_is_closed_to_models_that_cannot_go_there() -> None:
    found = admitted({"scope": {"end_user": "ada"}, "action": {"downgrade": "mini"}})
    # Claude is of another provider; of the others no price is known that forbids it.
    assert found.document()["closed"] == {"small": ["claude"]}
    assert admitted({"scope": {"end_user": "ada"}}).document()["closed"] == {}


def test_beyond_a_hundred_rules_the_gateway_is_told_to_ask() -> None:
    users = tuple(f"u-{number}" for number in range(101))
    quota = {"scope": {"end_user": "*"}}
    by_case = {"scope": {"use_case": "faq"}, "limit": "101"}
    assert len(admitted(quota, by_case, users=users[:100]).scoped.rules) == 100
    found = admitted(quota, by_case, users=users)
    # By all attributes that decide, so that the answer leaves nothing open.
    assert found.scoped == ((), ("use_case", "end_user"))
    about = Attributes(use_case="", end_user="u-7")
    asked = admitted(quota, by_case, users=users, about=about)
    assert (asked.overall.verdict, rules(asked), asked.scoped.ask) == ("block", [({}, "block")], ())
    about = Attributes(use_case="", end_user="u-101")
    other = admitted(quota, by_case, users=users, about=about)
    assert (other.overall.verdict, rules(other)) == ("allow", [])


def test_a_limit_of_zero_for_each_asks_for_whom() -> None:
    quota = {"scope": {"end_user": "*"}, "limit": "0", "overrides": {"ada": "101"}}
    assert admitted(quota).scoped.ask == ("end_user",)
    verdicts = {
        user: admitted(quota, about=Attributes(end_user=user)).overall.verdict.value
        for user in ("ada", "bob", "")
    }
    assert verdicts == {"ada": "allow", "bob": "block", "": "allow"}


def test_a_model_at_its_own_limit_is_named_without_the_request() -> None:
    found = admitted({"scope": {"model": "*"}}, users=("gpt-4o", "o3"))
    blocked = {name for name, one in found.models.items() if one.verdict == "block"}
    assert blocked == {"gpt-4o", "chat", "o3"}
    assert found.overall.verdict == "allow"
