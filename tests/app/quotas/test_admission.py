"""Admission: what the gateway is told, from what is in the ledger and in the plan."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.quotas.admission import MEMORY
from metering.core.basics.errors import Code, ConfigurationError, RejectedEvent
from metering.core.basics.instants import DAY, MINUTE, SECOND, parse_instant
from metering.core.deployments.deployment import Deployment
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import Attributes
from metering.core.quotas.admission import Admitted
from metering.core.quotas.decision import Verdict
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import NOW, body, price_file

type System = Any

CAP = {"metric": "amount", "window": "period", "limit": "0.0035", "action": "block"}
DECEMBER = parse_instant("2026-12-01T00:00:00Z")


async def on_plan(system: System, **terms: Any) -> None:
    """Put sub-1 on a plan of these terms from the beginning."""
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", **terms}), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def ingest(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def ask(system: System, about: Attributes = Attributes()) -> Admitted:  # noqa: B008, a constant
    found: Admitted = await system.admission().of("sub-1", about)
    return found


def verdicts(found: Admitted) -> dict[str, str]:
    return {name: one.verdict for name, one in found.models.items()}


async def test_a_tenant_at_its_limit_is_blocked_with_reason_rest_and_reset(system: System) -> None:
    await on_plan(system, quotas=[CAP])
    assert (await ask(system)).overall.verdict is Verdict.ALLOW
    await ingest(system, body())
    document = (await ask(system)).document()
    assert document == {
        "subscription": "sub-1",
        "tenant": "acme",
        "at": "2026-11-20T12:00:00Z",
        "verdict": "block",
        "reason": "quota_reached",
        "detail": "amount a period: 0.0035 of 0.0035 used",
        "to": None,
        "to_provider": None,
        "metric": "amount",
        "limit": "0.0035",
        "remaining": "0",
        "resets_at": "2026-12-01T00:00:00Z",
        # 10 days and 12 hours
        "retry_after_s": 907_200,
        "cache_s": 30,
        "models": {},
        "rules": [],
        "serves": {},
        "aliases": {},
        "closed": {},
        "ask": [],
        "requests_per_minute": None,
        "shadow": [],
        "counting": [],
    }


async def test_without_a_ledger_the_plans_own_limits_hold(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "limit": "0"}])
    assert (await ask(system)).overall.verdict is Verdict.BLOCK


async def test_the_next_window_begins_anew(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "window": "day"}])
    await ingest(system, body())
    assert (await ask(system)).overall.verdict is Verdict.BLOCK
    system.clock.set(NOW + DAY)
    assert (await ask(system)).overall.verdict is Verdict.ALLOW


async def test_a_quota_set_below_what_is_spent_blocks_before_any_commit(system: System) -> None:
    await on_plan(system)
    await ingest(system, body())
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [CAP]}), None)
    assert (await ask(system)).overall.verdict is Verdict.ALLOW
    system.clock.set(NOW + 6 * MINUTE)
    assert (await ask(system)).overall.verdict is Verdict.BLOCK


async def test_a_model_goes_down_to_another_at_its_limit(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    down = {**CAP, "scope": {"model": "gpt-4o"}, "action": {"downgrade": "mini"}}
    await on_plan(system, quotas=[down])
    await ingest(system, body())
    found = await ask(system)
    assert verdicts(found) == {"gpt-4o": "downgrade"}
    assert found.models["gpt-4o"].to == "mini"
    assert found.document("gpt-4o")["verdict"] == "downgrade"
    assert found.document("mini")["verdict"] == "allow"


async def test_where_the_other_model_is_at_its_limit_too_there_is_nothing_to_go_down_to(
    system: System,
) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    down = {**CAP, "action": {"downgrade": "mini"}}
    await on_plan(system, quotas=[down, {**CAP, "scope": {"model": "mini"}, "limit": "0"}])
    await ingest(system, body())
    found = await ask(system)
    assert found.overall.verdict is Verdict.BLOCK
    assert found.of("mini").verdict is Verdict.BLOCK


async def test_one_model_may_be_at_its_limit_while_others_go_down_to_what_is_left(
    system: System,
) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    down = {**CAP, "scope": {"model": "gpt-4o"}, "limit": "0", "action": {"downgrade": "mini"}}
    await on_plan(system, quotas=[down, {**CAP, "scope": {"model": "mini"}, "limit": "0"}])
    found = await ask(system)
    assert verdicts(found) == {"gpt-4o": "block", "mini": "block"}
    assert found.overall.verdict is Verdict.ALLOW


async def test_everything_goes_down_but_the_model_below(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    await on_plan(system, quotas=[{**CAP, "action": {"downgrade": "mini"}}])
    await ingest(system, body())
    found = await ask(system)
    assert found.overall.verdict is Verdict.DOWNGRADE
    assert verdicts(found) == {"mini": "allow"}


async def test_nothing_goes_down_to_another_provider(system: System) -> None:
    theirs = {"model": "claude", "provider": "anthropic"}
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, theirs, version="v2"))
    deployed = Deployment(name="chat", model="claude", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    await on_plan(system, quotas=[{**CAP, "action": {"downgrade": "mini"}}])
    await ingest(system, body())
    found = await ask(system)
    assert found.overall.verdict is Verdict.DOWNGRADE
    assert verdicts(found) == {"mini": "allow", "claude": "block", "chat": "block"}


async def test_a_plan_that_sends_a_model_down_to_another_provider_is_refused(
    system: System,
) -> None:
    theirs = {"model": "claude", "provider": "anthropic"}
    await system.tenancy.publish_prices("v2", price_file(theirs, version="v2"))
    down = {**CAP, "scope": {"model": "gpt-4o"}, "action": {"downgrade": "claude"}}
    complaint = (
        "plan 'capped': quotas.1.action.downgrade: 'claude' is of anthropic, 'gpt-4o' of openai:"
        " their APIs differ"
    )
    with pytest.raises(ConfigurationError, match=complaint):
        await on_plan(system, quotas=[CAP, down])


async def test_a_deployment_is_judged_by_the_model_behind_it(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    for name, model in (("chat", "gpt-4o-2024-11-20"), ("small", "mini"), ("smaller", "mini")):
        deployed = Deployment(name=name, model=model, deployment_type="global")
        await system.tenancy.define_deployment(deployed, None)
    down = {**CAP, "scope": {"model": "gpt-4o"}, "action": {"downgrade": "mini"}}
    await on_plan(system, quotas=[down])
    await ingest(system, body(data__deployment="chat"))
    found = await ask(system)
    assert verdicts(found) == {"gpt-4o": "downgrade", "chat": "downgrade"}
    assert {one.to for one in found.models.values()} == {"small"}


async def test_a_downgrade_may_name_a_deployment_itself(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    deployed = Deployment(name="mini", model="mini", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    await on_plan(system, quotas=[{**CAP, "action": {"downgrade": "mini"}}])
    await ingest(system, body())
    assert (await ask(system)).overall.to == "mini"


async def test_what_the_plan_does_not_allow_is_blocked_by_name(system: System) -> None:
    await on_plan(system, allowed_models=["gpt-4o"])
    found = await ask(system)
    assert (found.overall.verdict, found.overall.reason) == (Verdict.BLOCK, "model_not_allowed")
    assert verdicts(found) == {"gpt-4o": "allow"}


async def test_a_model_without_a_price_is_blocked_where_the_plan_says_so(system: System) -> None:
    override = {"model": "in-house", "price_per_million": "1"}
    await system.tenancy.publish_prices("v2", price_file({"model": "in-house"}, version="v2"))
    await on_plan(system, unpriced="block", overrides=[override])
    found = await ask(system)
    assert found.overall.reason == "model_without_price"
    assert verdicts(found) == {"gpt-4o": "allow", "in-house": "allow"}


async def grant(system: System, amount: str, **fields: Any) -> None:
    await system.tenancy.add_grant(GrantOffer("acme", amount, **fields))


async def test_a_prepaid_tenant_is_blocked_when_nothing_is_left(system: System) -> None:
    await on_plan(system, billing="prepaid")
    found = await ask(system)
    assert (found.overall.verdict, found.of("gpt-4o").reason) == ("block", "credit_used_up")
    await grant(system, "0.0036")
    assert (await ask(system)).of("gpt-4o").verdict is Verdict.ALLOW
    await ingest(system, body())
    assert (await ask(system)).of("gpt-4o").verdict is Verdict.ALLOW
    await ingest(system, body(id="r-2"))
    assert (await ask(system)).of("gpt-4o").reason == "credit_used_up"


async def test_credit_for_one_channel_pays_for_its_models_alone(system: System) -> None:
    claude = {"model": "claude", "channel": "marketplace"}
    await system.tenancy.publish_prices("v2", price_file(claude, version="v2"))
    deployed = Deployment(name="chat", model="claude", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    await on_plan(system, billing="prepaid", unpriced="allow")
    await grant(system, "5", channel="microsoft")
    found = await ask(system)
    assert found.of("gpt-4o").verdict is Verdict.ALLOW
    assert verdicts(found) == {"claude": "block", "chat": "block"}


async def test_nothing_left_blocks_a_deployment_without_a_price_too(system: System) -> None:
    deployed = Deployment(name="chat", model="of-tomorrow", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    await on_plan(system, billing="prepaid", unpriced="allow")
    assert (await ask(system)).of("chat").reason == "credit_used_up"


async def test_a_quota_is_not_a_credit(system: System) -> None:
    await on_plan(system, quotas=[CAP])
    await ingest(system, body())
    await grant(system, "10")
    assert (await ask(system)).overall.reason == "quota_reached"


async def test_quotas_by_use_case_are_asked_for_by_name(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "scope": {"use_case": "faq"}}])
    await ingest(system, body(data__use_case="faq"))
    assert (await ask(system)).overall.verdict is Verdict.ALLOW
    assert (await ask(system, Attributes(use_case="faq"))).overall.verdict is Verdict.BLOCK


async def test_a_quota_in_shadow_is_told_and_blocks_nobody(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "mode": "shadow"}])
    await ingest(system, body())
    found = await ask(system)
    assert found.overall.verdict is Verdict.ALLOW
    assert found.shadowed == ("block: amount a period: 0.0035 of 0.0035 used",)


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("1", 30), ("0.005", 30), ("0.004", 5), ("0.0036", 1)],
)
async def test_the_closer_the_limit_the_shorter_a_verdict_may_be_kept(
    system: System, limit: str, seconds: int
) -> None:
    await on_plan(system, quotas=[{**CAP, "limit": limit}])
    await ingest(system, body())
    assert (await ask(system)).cache_s == seconds


async def test_a_verdict_is_kept_no_longer_than_its_window(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "limit": "9"}])
    system.clock.set(DECEMBER - 3_000_000)
    assert (await ask(system)).cache_s == 3
    system.clock.set(DECEMBER - 1)
    assert (await ask(system)).cache_s == 1


async def test_a_process_answers_from_memory_for_a_second(system: System) -> None:
    await on_plan(system, quotas=[CAP])
    asked = system.admission()
    assert (await asked.of("sub-1")).overall.verdict is Verdict.ALLOW
    await ingest(system, body())
    system.clock.set(NOW + MEMORY - 1)
    assert (await asked.of("sub-1")).overall.verdict is Verdict.ALLOW
    system.clock.set(NOW + MEMORY)
    assert (await asked.of("sub-1")).overall.verdict is Verdict.BLOCK


async def test_a_clock_that_was_set_back_does_not_keep_an_answer(system: System) -> None:
    await on_plan(system, quotas=[CAP])
    asked = system.admission()
    assert (await asked.of("sub-1")).overall.verdict is Verdict.ALLOW
    await ingest(system, body())
    system.clock.set(NOW - 1)
    assert (await asked.of("sub-1")).overall.verdict is Verdict.BLOCK


async def test_memory_is_bounded(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.app.quotas.admission._MAX_REMEMBERED", 1)
    await on_plan(system)
    await system.tenancy.map_subject("sub-2", "acme", None)
    asked = system.admission()
    for name in ("sub-1", "sub-2", "sub-1"):
        assert (await asked.of(name)).tenant == "acme"


async def test_a_subscription_that_nobody_pays_for_is_unknown(system: System) -> None:
    with pytest.raises(RejectedEvent) as caught:
        await ask(system)
    assert caught.value.code is Code.UNKNOWN_SUBSCRIPTION


async def test_what_only_the_pages_tell_is_counted_once_the_timer_has_run(system: System) -> None:
    await on_plan(system)
    await ingest(system, body())
    by_model = {**CAP, "scope": {"model": "gpt-4o"}}
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [by_model]}), None)
    system.clock.set(NOW + 6 * MINUTE)
    assert (await ask(system)).of("gpt-4o").verdict is Verdict.ALLOW
    assert await system.enforce.run() == 1
    assert (await ask(system)).of("gpt-4o").verdict is Verdict.BLOCK


def stream(name: str, prompt: int) -> bytes:
    hold = {"prompt_tokens_estimate": prompt, "max_output_tokens": 32_000}
    return body(id=name, data__tokens="pending", data__usage=..., data__hold=hold)


async def test_holds_alone_are_a_reason_of_their_own_until_logs_usually_arrive(
    system: System,
) -> None:
    await on_plan(system, quotas=[{**CAP, "metric": "tokens", "limit": "2000"}])
    # Each is held for its prompt and 500 tokens of output: 2 x (600 + 500) = 2,200.
    await ingest(system, stream("s-1", 600), stream("s-2", 600))
    told = (await ask(system)).document()
    assert {name: told[name] for name in ("verdict", "reason", "remaining", "cache_s")} == {
        "verdict": "block",
        "reason": "held",
        "remaining": "0",
        "cache_s": 1,
    }
    assert (told["resets_at"], told["retry_after_s"]) == ("2026-11-20T12:02:00Z", 120)
    assert told["detail"] == (
        "tokens a period: 2200 of 2000 used, 2200 of it by streams without counts yet"
    )


async def test_what_is_used_up_decides_before_what_is_held(system: System) -> None:
    tokens = {**CAP, "metric": "tokens", "limit": "1500"}
    await on_plan(system, quotas=[tokens, {**CAP, "window": "day", "limit": "0.0035"}])
    await ingest(system, body(), stream("s-1", 600))
    told = (await ask(system)).overall
    # The day's amount is used up; the period's tokens are 1,100 and 1,100 held.
    assert (told.reason, told.detail) == (
        "quota_reached",
        "amount a day: 0.01 of 0.0035 used",
    )


async def test_a_held_limit_that_resets_sooner_than_logs_arrive_says_so(system: System) -> None:
    await on_plan(system, quotas=[{**CAP, "metric": "tokens", "limit": "1000", "window": "hour"}])
    system.clock.set(NOW - 30_000_000)
    await ingest(system, stream("s-1", 600))
    # At 11:59:30 the hour ends in thirty seconds.
    assert (await ask(system)).document()["retry_after_s"] == 30


async def test_what_is_dearer_is_known_for_a_while(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    down = {**CAP, "scope": {"model": "gpt-4o"}, "action": {"downgrade": "mini"}}
    await on_plan(system, quotas=[down])
    await ingest(system, body())
    admission = system.admission()
    for seconds in (0, 2):
        system.clock.set(NOW + seconds * SECOND)
        assert verdicts(await admission.of("sub-1")) == {"gpt-4o": "downgrade"}
