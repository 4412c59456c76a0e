"""What several rules come to together: scopes, increases, plans, moves, stops, credit."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.instants import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Instant,
    format_instant,
    parse_instant,
)
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import Attributes
from metering.core.tenancy.increases import IncreaseOffer
from metering.core.tenancy.stops import Target
from tests.app.quotas.test_timed_rules import with_mini
from tests.builders import NOW, body

type System = Any

REQUESTS = {"metric": "requests", "window": "day", "limit": "2", "action": "block"}
EACH = {**REQUESTS, "scope": {"end_user": "*"}}
DECEMBER = parse_instant("2026-12-01T00:00:00Z")


async def put(system: System, name: str, *quotas: dict[str, Any], **terms: Any) -> None:
    """Put acme on a plan."""
    plan = read_plan("p", {"id": name, "quotas": list(quotas), **terms})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", name, None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def use(system: System, times: int = 1, at: Instant | None = None, **changes: Any) -> None:
    at = at or system.clock.now()
    known = getattr(system, "sent", 0)
    system.sent = known + times
    sent = [body(id=f"e-{known + n}", time=format_instant(at), **changes) for n in range(times)]
    await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(sent)])


async def document(system: System, **about: str) -> dict[str, Any]:
    found = (await system.admission().of("sub-1", Attributes(**about))).document()
    return dict(found)


async def whom(system: System) -> list[tuple[dict[str, str], str]]:
    """Return whom the rules of the document are about, with their verdicts."""
    return [(one["when"], one["verdict"]) for one in (await document(system))["rules"]]


async def raised(system: System, limit: str, until: Instant, **values: str) -> None:
    """Raise the only quota of acme, and wait until every process knows."""
    quota = (await system.app.forecasts.of("acme")).quotas[0].state.quota.key
    offer = IncreaseOffer("acme", quota, limit, until, "launch", "me", values)
    await system.tenancy.raise_quota(offer)
    system.clock.set(system.clock.now() + 4 * SECOND)


async def test_a_value_with_a_limit_of_zero_is_blocked_before_it_is_ever_seen(
    system: System,
) -> None:
    await put(system, "p", {**EACH, "overrides": {"ada": "0"}})
    assert await whom(system) == [({"end_user": "ada"}, "block")]
    assert (await document(system, end_user="ada"))["verdict"] == "block"
    assert (await document(system, end_user="bob"))["verdict"] == "allow"
    await raised(system, "1", NOW + HOUR, end_user="ada")
    assert await whom(system) == []
    system.clock.set(NOW + HOUR)
    assert await whom(system) == [({"end_user": "ada"}, "block")]


async def test_a_model_with_a_limit_of_zero_of_its_own_is_blocked_by_model(system: System) -> None:
    await with_mini(system)
    await put(system, "p", {**REQUESTS, "scope": {"model": "*"}, "overrides": {"mini": "0"}})
    models = (await document(system))["models"]
    assert {name: one["verdict"] for name, one in models.items()} == {"mini": "block"}


async def test_an_increase_goes_on_over_the_end_of_a_period(system: System) -> None:
    await put(system, "p", {**REQUESTS, "window": "period"})
    await use(system, 2)
    await raised(system, "4", DECEMBER + 9 * DAY)
    for at, count, expected in (
        (NOW + MINUTE, 2, ("block", "4", "0")),
        (DECEMBER, 0, ("allow", "4", "4")),
        (DECEMBER + DAY, 3, ("allow", "4", "1")),
        # It ends by itself: three are more than the plan's own two.
        (DECEMBER + 9 * DAY, 0, ("block", "2", "0")),
    ):
        system.clock.set(at)
        await use(system, count)
        found = await document(system)
        assert (found["verdict"], found["limit"], found["remaining"]) == expected


async def test_an_increase_for_all_lifts_single_limits_below_it_and_one_for_a_value_its_own(
    system: System,
) -> None:
    await put(system, "p", {**EACH, "overrides": {"ada": "1"}})
    await raised(system, "3", NOW + DAY)
    for user in ("ada", "bob"):
        await use(system, 2, data__end_user=user)
        assert (await document(system, end_user=user))["remaining"] == "1"
    await raised(system, "5", NOW + DAY, end_user="bob")
    assert (await document(system, end_user="bob"))["remaining"] == "3"
    assert (await document(system, end_user="ada"))["remaining"] == "1"


async def test_the_same_quota_in_another_plan_keeps_its_count_and_an_edited_one_is_read_again(
    system: System,
) -> None:
    await put(system, "one", {**EACH, "limit": "3"})
    await use(system, 3, data__end_user="ada")
    await put(system, "two", {**EACH, "limit": "3"}, markup="0.1")
    system.clock.set(NOW + 6 * MINUTE)
    assert await whom(system) == [({"end_user": "ada"}, "block")]
    await put(system, "three", {**EACH, "limit": "3", "thresholds": [50, 100]})
    system.clock.set(NOW + 12 * MINUTE)
    await system.enforce.run()
    assert await whom(system) == [({"end_user": "ada"}, "block")]


async def test_usage_stays_with_the_tenant_that_paid_when_a_subscription_moves(
    system: System,
) -> None:
    await put(system, "p", {**REQUESTS, "window": "quarter"})
    await use(system, 2)
    assert (await document(system))["verdict"] == "block"
    await system.tenancy.assign_plan("globex", "p", None)
    await system.tenancy.map_subject("sub-1", "globex", None, move=True)
    await system.tenancy.set_stop(Target("acme", "sub-1"), "leaked key", is_stopped=True)
    system.clock.set(NOW + 6 * MINUTE)
    # A stop of a subscription goes with it.
    assert (await document(system))["reason"] == "stopped"
    await system.tenancy.set_stop(Target("globex", "sub-1"), "replaced", is_stopped=False)
    found = await document(system)
    assert (found["tenant"], found["verdict"], found["remaining"]) == ("globex", "allow", "2")
    # What acme's request turns out to be later counts for acme.
    await use(system, 1, at=NOW)
    await use(system, 1)
    assert (await document(system))["remaining"] == "1"


async def test_values_are_compared_as_they_are_written(system: System) -> None:
    await put(system, "p", EACH)
    composed, apart, long = "\u00e9", "e\u0301", "x" * 256
    for user in ("*", "Ada", composed, long, "", "all"):
        await use(system, 2, data__end_user=user)
    for user in ("ada", apart, long[:-1]):
        await use(system, 1, data__end_user=user)
    named = {when["end_user"] for when, _ in await whom(system)}
    assert named == {"*", "Ada", composed, long, "all"}
    # A user of this name is one user, and not each of them.
    assert (await document(system, end_user="bob"))["verdict"] == "allow"
    assert (await document(system, end_user=""))["verdict"] == "allow"


async def test_more_users_at_their_limit_than_rules_are_asked_about_one_by_one(
    system: System,
) -> None:
    await put(system, "p", {**EACH, "limit": "1"}, {**REQUESTS, "limit": "9999"})
    users = [f"user-{number}" for number in range(120)]
    sent = [body(id=user, data__end_user=user) for user in users]
    await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(sent)])
    found = await document(system)
    assert (found["rules"], found["ask"]) == ([], ["end_user"])
    assert (await document(system, end_user="user-7"))["verdict"] == "block"
    assert (await document(system, end_user="zoe"))["verdict"] == "allow"


async def test_several_dimensions_of_several_quotas_name_whom_they_are_about(
    system: System,
) -> None:
    one = {**REQUESTS, "limit": "1"}
    await put(
        system,
        "p",
        {**one, "scope": {"end_user": "*", "model": "*"}},
        {**one, "scope": {"use_case": "faq", "product": "*"}, "mode": "shadow"},
        {**one, "scope": {"use_case": "faq", "end_user": "*"}, "overrides": {"ada": "2"}},
        {**one, "scope": {"subscription": "sub-9", "end_user": "ada"}},
        {**one, "scope": {"session": "s-1"}, "limit": "0"},
    )
    await use(system, 1, data__end_user="ada", data__use_case="faq", data__product="web")
    assert await whom(system) == [
        ({"end_user": "ada", "model": "gpt-4o"}, "block"),
        ({"session": "s-1"}, "block"),
    ]
    await use(system, 1, data__end_user="ada", data__use_case="faq")
    assert ({"use_case": "faq", "end_user": "ada"}, "block") in await whom(system)


async def test_a_stop_comes_before_credit_and_credit_before_a_switch_and_a_quota(
    system: System,
) -> None:
    await with_mini(system)
    switch = {"model": "gpt-4o", "action": {"downgrade": "mini"}, "from": "11:00", "to": "13:00"}
    await put(system, "p", REQUESTS, billing="prepaid", switches=[switch])
    for target in (Target("acme"), Target("acme", "sub-1")):
        await system.tenancy.set_stop(target, "leaked key", is_stopped=True)
    await system.tenancy.set_stop(Target("acme"), "checked", is_stopped=False)
    # Of its own subscription, independent of the tenant's.
    assert (await document(system))["reason"] == "stopped"
    await system.tenancy.set_stop(Target("acme", "sub-1"), "replaced", is_stopped=False)
    found = await document(system)
    assert (found["reason"], found["models"]) == ("credit_used_up", {})
