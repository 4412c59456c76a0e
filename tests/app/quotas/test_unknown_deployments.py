"""Deployment names cannot be used around a limit on a model."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.quotas.admission import Admission
from metering.core.deployments.deployment import Deployment
from metering.core.plans.plan import read_plan
from metering.core.quotas.admission import Admitted
from metering.core.quotas.facts import UnknownDeployments
from tests.builders import body, price_file

type System = Any

ON_MODEL = {
    "metric": "requests",
    "window": "period",
    "limit": "1",
    "scope": {"model": "gpt-4o"},
    "action": "block",
}
LIMITED = {"quotas": [ON_MODEL]}
LISTED = {"allowed_models": ["gpt-4o"]}


async def on_plan(system: System, terms: dict[str, Any]) -> None:
    await system.tenancy.publish_prices("v2", price_file({"model": "mini"}, version="v2"))
    await system.tenancy.define_plan(read_plan("p", {"id": "p", **terms}), None)
    await system.tenancy.assign_plan("acme", "p", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def use(system: System, deployment: str, id_: str = "r-1") -> None:
    one = body(id=id_, data__deployment=deployment)
    await system.ingest.batch([Message(one, "0", 1)])


async def ask(system: System, unknown: str = "by_plan") -> Admitted:
    admission = Admission(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        tenancy=system.tenancy,
        credit=system.credits,
        clock=system.clock,
        unknown_deployments=UnknownDeployments(unknown),
    )
    return await admission.of("sub-1")


@pytest.mark.parametrize("unknown", ["by_plan", "allow"])
async def test_a_limit_on_a_model_holds_for_any_deployment_from_the_second_request_on(
    system: System, unknown: str
) -> None:
    await on_plan(system, LIMITED)
    assert (await ask(system, unknown)).of("my-own-name").verdict == "allow"
    await use(system, "my-own-name")
    found = (await ask(system, unknown)).of("my-own-name")
    assert (found.verdict, found.reason) == ("block", "quota_reached")


async def test_unknown_deployments_are_blocked_where_that_is_set(system: System) -> None:
    await on_plan(system, LIMITED)
    refused = (await ask(system, "block")).of("my-own-name")
    assert (refused.verdict, refused.reason) == ("block", "deployment_unknown")
    assert "METERING_UNKNOWN_DEPLOYMENTS" in refused.detail
    # The model's own name is known, and so is a registered deployment.
    deployed = Deployment(name="chat", model="gpt-4o", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    found = await ask(system, "block")
    assert [found.of(name).verdict for name in ("gpt-4o", "chat")] == ["allow", "allow"]
    # Without a limit on any model nobody needs to know it.
    await system.tenancy.map_subject("sub-2", "other", None)


async def test_where_nothing_depends_on_the_model_every_deployment_passes(system: System) -> None:
    await on_plan(system, {})
    assert (await ask(system, "block")).of("my-own-name").verdict == "allow"


async def test_an_allowed_model_may_be_deployed_under_any_name(system: System) -> None:
    await on_plan(system, LISTED)
    blocked = (await ask(system)).of("my-own-name")
    assert blocked.reason == "model_not_allowed"
    assert "METERING_UNKNOWN_DEPLOYMENTS" in blocked.detail
    assert (await ask(system, "allow")).of("my-own-name").verdict == "allow"
    await use(system, "my-own-name")
    for unknown in ("by_plan", "allow", "block"):
        assert (await ask(system, unknown)).of("my-own-name").verdict == "allow"


async def test_a_model_that_is_not_allowed_stays_so_under_its_name_and_any_other(
    system: System,
) -> None:
    await on_plan(system, {"allowed_models": ["mini"]})
    found = await ask(system, "allow")
    assert [found.of(name).verdict for name in ("gpt-4o", "mini", "x")] == [
        "block",
        "allow",
        "allow",
    ]
    await use(system, "x")
    assert (await ask(system, "allow")).of("x").reason == "model_not_allowed"


async def test_the_registry_comes_before_what_was_learnt(system: System) -> None:
    await on_plan(system, LIMITED)
    deployed = Deployment(name="chat", model="mini", deployment_type="global")
    await system.tenancy.define_deployment(deployed, None)
    await use(system, "chat")
    assert (await ask(system)).of("chat").verdict == "allow"


async def test_a_downgrade_leads_to_a_registered_deployment_first(system: System) -> None:
    down = {**ON_MODEL, "limit": "0", "action": {"downgrade": "mini"}}
    await on_plan(system, {"quotas": [down]})
    assert (await ask(system)).of("gpt-4o").to == "mini"
    for name in ("z", "b"):
        deployed = Deployment(name=name, model="mini", deployment_type="global")
        await system.tenancy.define_deployment(deployed, None)
    assert (await ask(system)).of("gpt-4o").to == "b"
