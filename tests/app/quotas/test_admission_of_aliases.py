"""An alias cannot be used around a limit on a model, and can have limits of its own."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.quotas.admission import Admission
from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.alias import Alias
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import UNKNOWN, Attributes
from metering.core.quotas.admission import Admitted
from metering.core.quotas.facts import UnknownDeployments
from tests.builders import body, price_file

type System = Any

ONE = {"metric": "requests", "window": "period", "limit": "1", "action": "block"}
CHEAP = {"model": "mini", "per_million_tokens": {"input": "1", "output": "1"}}


async def prepare(system: System, *quotas: dict[str, Any], **terms: Any) -> None:
    await system.tenancy.publish_prices("v2", price_file(CHEAP, version="v2"))
    plan = {"id": "p", "quotas": [ONE | quota for quota in quotas], **terms}
    await system.tenancy.define_plan(read_plan("p", plan), None)
    await system.tenancy.assign_plan("acme", "p", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def declare(system: System, name: str, *targets: str) -> None:
    await system.tenancy.set_alias(Alias(alias=name, targets=targets), None)


async def use(system: System, asked: str, served: str = "gpt-4o", id_: str = "r-1") -> None:
    names = {"data__requested_model": asked, "data__deployment": asked, "data__model": served}
    await system.ingest.batch([Message(body(id=id_, **names), "0", 1)])


async def ask(system: System, unknown: str = "by_plan", about: Attributes = UNKNOWN) -> Admitted:
    admission = Admission(
        accruals=system.app.accruals,
        before=system.app.ledgers_before,
        ledgers=system.store,
        tenancy=system.tenancy,
        credit=system.credits,
        clock=system.clock,
        unknown_deployments=UnknownDeployments(unknown),
    )
    return await admission.of("sub-1", about)


def verdicts(found: Admitted, *names: str) -> list[str]:
    return [found.of(name).verdict for name in names]


async def test_a_limit_on_a_model_is_one_on_every_alias_that_may_lead_to_it(system: System) -> None:
    await prepare(system, {"scope": {"model": "gpt-4o"}})
    await declare(system, "smart", "mini", "gpt-4o-2024-11-20")
    await declare(system, "fast", "mini")
    names = ("smart", "fast", "gpt-4o", "mini")
    assert verdicts(await ask(system), *names) == ["allow"] * 4
    await use(system, "smart")
    assert verdicts(await ask(system), *names) == ["block", "allow", "block", "allow"]


async def test_allowed_models_are_the_models_that_serve(system: System) -> None:
    await prepare(system, allowed_models=["gpt-4o"])
    await declare(system, "one", "gpt-4o")
    await declare(system, "both", "gpt-4o", "mini")
    found = await ask(system)
    assert verdicts(found, "one", "both", "undeclared") == ["allow", "block", "block"]
    assert found.of("both").reason == "model_not_allowed"


async def test_an_alias_is_known_where_unknown_deployments_are_blocked(system: System) -> None:
    await prepare(system, {"scope": {"model": "gpt-4o"}})
    await declare(system, "fast", "mini")
    found = await ask(system, "block")
    assert verdicts(found, "fast", "other") == ["allow", "block"]


async def test_an_alias_with_a_models_name_has_the_limits_of_both(system: System) -> None:
    await prepare(system, {"scope": {"model": "mini"}})
    await declare(system, "Mini", "gpt-4o")
    await use(system, "x", served="mini")
    found = await ask(system)
    assert verdicts(found, "mini", "gpt-4o") == ["block", "allow"]
    assert [name for name in found.models if name.casefold() == "mini"] == ["mini"]


async def test_a_downgrade_of_a_model_is_one_of_its_aliases(system: System) -> None:
    down = {"scope": {"model": "gpt-4o"}, "action": {"downgrade": "mini"}}
    await prepare(system, down)
    await declare(system, "smart", "gpt-4o", "mini")
    await use(system, "smart")
    found = (await ask(system)).of("smart")
    assert (found.verdict, found.to) == ("downgrade", "mini")


async def test_a_limit_on_what_is_asked_for_counts_what_was_asked_for(system: System) -> None:
    await prepare(system, {"scope": {"requested_model": "Smart"}})
    await declare(system, "smart", "gpt-4o")
    await use(system, "gpt-4o")
    assert (await ask(system)).scoped.rules == ()
    await use(system, "SMART", id_="r-2")
    (rule,) = (await ask(system)).scoped.rules
    assert (dict(rule.when), rule.verdict.verdict) == ({"requested_model": "smart"}, "block")
    asked = Attributes(requested_model="smart")
    assert verdicts(await ask(system, about=asked), "gpt-4o") == ["block"]
    other = Attributes(requested_model="gpt-4o")
    assert verdicts(await ask(system, about=other), "gpt-4o") == ["allow"]


async def test_each_name_that_is_asked_for_may_have_a_limit_of_its_own(system: System) -> None:
    await prepare(system, {"scope": {"requested_model": "*"}})
    await use(system, "smart")
    rules = (await ask(system)).scoped.rules
    assert [dict(one.when) for one in rules] == [{"requested_model": "smart"}]


async def test_rules_on_models_come_with_the_aliases_of_these_models(system: System) -> None:
    scope = {"model": "gpt-4o", "use_case": "faq"}
    await prepare(system, {"scope": scope, "action": {"downgrade": "mini"}})
    await declare(system, "smart", "gpt-4o", "mini")
    await declare(system, "odd", "o99")
    names = {"data__use_case": "faq", "data__requested_model": "smart"}
    await system.ingest.batch([Message(body(**names), "0", 1)])
    document = (await ask(system)).document()
    assert document["aliases"] == {"smart": ["gpt-4o", "mini"]}
    # What is dearer than the target can go there, and what it is itself cannot.
    assert document["closed"] == {"mini": []}


async def test_where_a_target_cannot_be_downgraded_its_alias_cannot_either(system: System) -> None:
    claude = {"model": "claude-x", "provider": "anthropic"}
    await system.tenancy.publish_prices("v3", price_file(claude, version="v3"))
    down = {"scope": {"use_case": "faq"}, "action": {"downgrade": "mini"}}
    await prepare(system, down)
    await declare(system, "any", "gpt-4o", "claude-x")
    await system.ingest.batch([Message(body(data__use_case="faq"), "0", 1)])
    document: Any = (await ask(system)).document()
    assert "any" in document["closed"]["mini"]


async def test_a_plan_names_models_and_says_so_of_an_alias(system: System) -> None:
    await declare(system, "smart", "gpt-4o")
    for terms in ({"allowed_models": ["smart"]}, {"quotas": [ONE | {"scope": {"model": "smart"}}]}):
        with pytest.raises(ConfigurationError, match=r"'smart' is an alias of gpt-4o: name these"):
            await system.tenancy.define_plan(read_plan("p", {"id": "p", **terms}), None)
