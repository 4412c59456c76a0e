"""Increases: a higher limit that ends by itself, of one version of a quota."""

from itertools import pairwise
from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.plans.increases import Increase
from metering.core.plans.plan import Plan, read_plan
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.increases import MAX_INCREASES, IncreaseOffer, make_increase
from metering.core.tenancy.record import Record
from tests.builders import NOW

PLAN = read_plan(
    "p",
    {
        "id": "p",
        "quotas": [
            {"metric": "tokens", "window": "period", "limit": "100"},
            {"metric": "amount", "window": "day", "limit": "5"},
            {
                "metric": "tokens",
                "window": "day",
                "limit": "10",
                "scope": {"end_user": "*"},
                "overrides": {"ada": "20"},
            },
        ],
    },
)
TOKENS, AMOUNT, EACH = (quota.key for quota in PLAN.quotas)


def offer(**changes: Any) -> IncreaseOffer:
    return IncreaseOffer("acme", TOKENS, "150", NOW + DAY, "launch", "ada")._replace(**changes)


def made(known: tuple[Increase, ...] = (), **changes: Any) -> Increase:
    return make_increase(offer(**changes), PLAN, known, NOW)


def test_an_increase_names_the_version_of_the_quota_by_its_first_characters() -> None:
    assert made(quota=TOKENS[:6]).quota == TOKENS
    assert made().limit == "150"
    assert made(quota=AMOUNT, limit="5.5").limit == "5.5"
    one = made(quota=EACH, values={"end_user": "bob"}, limit="15")
    assert one.values == ("bob",)
    assert made(quota=EACH, limit="15").values == ()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"quota": "nothing"}, "plan 'p' has no quota of this id"),
        ({"quota": ""}, "has no quota of this id"),
        ({"limit": "99"}, "limit: 99 is below the plan's 100"),
        ({"limit": "1.5"}, "limit: '1.5' is not a whole number"),
        ({"limit": "much"}, "limit: "),
        ({"until": NOW}, "until: must be within the next 400 days"),
        ({"until": NOW + 401 * DAY}, "until: must be within the next 400 days"),
        ({"reason": ""}, "reason: "),
        ({"values": {"end_user": "ada"}}, "values: the quota is for all its requests together"),
        ({"quota": EACH, "values": {"model": "x"}}, "values: give one of each: end_user"),
        ({"quota": EACH, "limit": "19", "values": {"end_user": "ada"}}, "below the plan's 20"),
    ],
)
def test_what_is_no_increase_is_refused(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        made(**changes)


def test_an_id_that_two_quotas_begin_with_is_refused() -> None:
    # Sixteen of these: two must begin alike.
    quotas = [{"metric": "tokens", "window": "day", "limit": str(n)} for n in range(17)]
    plan = read_plan("p", {"id": "p", "quotas": quotas})
    first = sorted(quota.key[0] for quota in plan.quotas)
    twice = next(one for one, other in pairwise(first) if one == other)
    with pytest.raises(ConfigurationError, match="several quotas of this id"):
        make_increase(offer(quota=twice), plan, (), NOW)


def test_there_are_at_most_a_hundred_at_a_time() -> None:
    known = tuple(
        made(quota=EACH, values={"end_user": f"u-{number}"}, limit="15")
        for number in range(MAX_INCREASES)
    )
    with pytest.raises(ConfigurationError, match="100 increases hold: change the plan"):
        made(known)
    # One that takes the place of another is no further one.
    assert made(known, quota=EACH, values={"end_user": "u-7"}, limit="30").limit == "30"


def directory(*increases: tuple[Increase, int]) -> Directory:
    found = Directory()
    found.apply(
        Record("increase", "acme", one.model_dump_json(), start, start) for one, start in increases
    )
    return found


def holding(of: Directory, at: int, plan: Plan = PLAN) -> list[str]:
    return [one.limit for one in of.increases.of("acme", plan, at)]


def test_an_increase_holds_until_its_end_and_a_later_one_takes_its_place() -> None:
    first, second = made(), made(limit="120")
    of = directory((first, NOW), (second, NOW + 5))
    assert holding(of, NOW - 1) == []
    assert holding(of, NOW) == ["150"]
    assert holding(of, NOW + 5) == ["120"]
    assert holding(of, NOW + DAY - 1) == ["120"]
    assert holding(of, NOW + DAY) == []
    assert of.pricing_version == 0


def test_an_edited_quota_has_no_increase() -> None:
    quota = {"metric": "tokens", "window": "day", "limit": "100"}
    edited = read_plan("p", {"id": "p", "quotas": [quota]})
    assert holding(directory((made(), NOW)), NOW, edited) == []
