"""Spike rules and switches by the hour: the documents of the service, at the real policies."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.instants import DAY, HOUR, MINUTE, format_instant
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import Attributes
from tests.builders import NOW, body, price_file
from tests.policies.gateway import Gateway
from tests.policies.verdicts import admitted, refusal

type System = Any

MINI = {"model": "gpt-4o-mini", "per_million_tokens": {"input": "0.15", "output": "0.6"}}
SPIKE = {"factor": "3", "least": "0.01"}


async def on_plan(system: System, **terms: Any) -> None:
    await system.tenancy.publish_prices("v2", price_file(MINI, version="v2"))
    await system.tenancy.define_plan(read_plan("p", {"id": "timed", **terms}), None)
    await system.tenancy.assign_plan("acme", "timed", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def used(system: System, name: str, at: int, tokens: int) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    sent = body(id=name, time=format_instant(at), data__usage=usage)
    await system.ingest.batch([Message(sent, "0", 0)])


async def requested(system: System, gateway: Gateway, policy: str = "chat-completions") -> Any:
    found = await system.admission().of("sub-1", Attributes())
    return admitted(gateway, found.document(), policy)


async def test_a_spike_blocks_from_its_commit_until_its_time_is_over(
    gateway: Gateway, system: System
) -> None:
    await on_plan(system, spike={**SPIKE, "action": "block", "minutes": 30})
    await used(system, "usual", NOW - 9 * DAY, 1_000)
    assert (await requested(system, gateway))["end"] == "outbound"
    # Twenty thousand tokens in the hour from 11:00, where one thousand is usual.
    await used(system, "unusual", NOW - MINUTE, 20_000)
    for policy in ("chat-completions", "anthropic-messages"):
        done = await requested(system, gateway, policy)
        assert done["response"]["status"] == 429
        assert done["response"]["headers"]["retry-after"] == "1800"
        assert "the hour from 2026-11-20T11:00:00Z is unusual" in done["response"]["body"]
    assert refusal(await requested(system, gateway))["code"] == "spike"
    system.clock.set(NOW + 30 * MINUTE)
    assert (await requested(system, gateway))["end"] == "outbound"


async def test_a_spike_sends_requests_to_a_smaller_model(gateway: Gateway, system: System) -> None:
    await on_plan(system, spike={**SPIKE, "action": {"downgrade": "gpt-4o-mini"}})
    await used(system, "usual", NOW - 9 * DAY, 1_000)
    await used(system, "unusual", NOW - MINUTE, 20_000)
    done = await requested(system, gateway)
    assert "/deployments/gpt-4o-mini/" in done["forwarded"]["url"]
    told = done["events"][0]["event"]["data"]
    assert (told["admission"], told["requested_model"]) == ("downgrade", "gpt-4o")
    # Anthropic's API does not have it: a deployment that nobody knows is refused there.
    other = await requested(system, gateway, "anthropic-messages")
    assert other["response"]["status"] == 429
    # An hour after the end of the unusual one.
    system.clock.set(NOW + HOUR)
    assert "/deployments/gpt-4o/" in (await requested(system, gateway))["forwarded"]["url"]


async def test_a_switch_turns_with_the_hours_of_the_plans_zone(
    gateway: Gateway, system: System
) -> None:
    # NOW is Friday, 13:00 in Berlin.
    switch = {"model": "gpt-4o", "action": {"downgrade": "gpt-4o-mini"}, "days": ["fri"]}
    hours = {"from": "13:00", "to": "14:00"}
    await on_plan(system, switches=[switch | hours], time_zone="Europe/Berlin")
    done = await requested(system, gateway)
    assert "/deployments/gpt-4o-mini/" in done["forwarded"]["url"]
    assert done["response"]["headers"]["x-metering-downgraded-to"] == "gpt-4o-mini"
    for later in (HOUR, DAY):
        system.clock.set(NOW + later)
        assert "/deployments/gpt-4o/" in (await requested(system, gateway))["forwarded"]["url"]
