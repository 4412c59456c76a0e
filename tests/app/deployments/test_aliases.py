"""Aliases: declared, imported as a whole, and applied to what had no price by the re-rating."""

from itertools import permutations
from typing import Any

import pytest

from metering.app.deployments.aliases import Aliases
from metering.app.deployments.deployments import Deployments
from metering.app.ingest.ingest import Message
from metering.app.ledger.one_by_one import OneByOne
from metering.app.prices.explain_unpriced import ExplainUnpriced
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.alias import Alias
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.ledger.rerating import Scope
from tests.app.rerating import rerate, timer
from tests.builders import AT, NOW, body, price_file

type System = Any

LEDGER = LedgerId("sub-1", month_of(AT).start)
#: gpt-4o costs 0.0035 a request here: 1,000 x 2.5 + 100 x 10 a million; mini 0.00021:
#: 1,000 x 0.15 + 100 x 0.6 a million.
MINI: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "per_million_tokens": {"input": "0.15", "output": "0.6"},
}
SMART: dict[str, Any] = {
    "data__model": ...,
    "data__deployment": "smart",
    "data__requested_model": "Smart",
}


def aliases(system: System) -> Aliases:
    return Aliases(system.tenancy, system.clock)


async def ingest(system: System, *bodies: bytes) -> Any:
    return await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def declare(system: System, *targets: str, **how: Any) -> Any:
    alias = Alias(alias="smart", targets=targets)
    return await system.tenancy.set_alias(alias, how.pop("effective", None), **how)


async def balance(system: System) -> tuple[str, int]:
    found = await system.read.balance("sub-1", month_of(AT))
    return format_amount(found.amount), found.total.unpriced


async def faults(system: System) -> Any:
    return (await system.verify.one(LEDGER)).faults


async def test_what_no_alias_resolved_gets_its_price_when_the_alias_is_declared(
    system: System,
) -> None:
    await ingest(system, body(**SMART), body(id="r-2"))
    assert await balance(system) == ("0.0035", 1)
    explained = ExplainUnpriced(system.store, system.tenancy, system.clock)
    (why,) = await explained.ledger(LEDGER)
    assert why.reason.startswith("alias_unresolved: no response, deployment or alias")
    await declare(system, "gpt-4o")
    assert await timer(system).run() == 1
    assert await balance(system) == ("0.007", 0)
    assert await faults(system) == ()
    assert await explained.ledger(LEDGER) == []


async def test_an_alias_that_is_corrected_for_the_past_is_rated_again(system: System) -> None:
    await system.tenancy.publish_prices("v2", price_file(MINI, version="v2"))
    await declare(system, "gpt-4o")
    late = body(id="r-2", time="2026-11-20T11:50:00Z", **SMART)
    await ingest(system, body(**SMART), late)
    assert await balance(system) == ("0.007", 0)
    with pytest.raises(ConfigurationError, match="history is never edited"):
        await declare(system, "gpt-4o-mini", effective=AT + MINUTE)
    await declare(system, "gpt-4o-mini", effective=AT + MINUTE, supersede=True)
    assert (await rerate(system).ledger(LEDGER, Scope.UNPRICED, dry_run=False)).corrected == 0
    assert (await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)).corrected == 1
    # 0.0035 before the change and 0.00021 after it
    assert await balance(system) == ("0.00371", 0)
    assert await faults(system) == ()


async def test_an_alias_of_units_that_is_corrected_leaves_its_entries_provable(
    system: System,
) -> None:
    units = Provisioned(units=1, hourly_price="1", scope="global")
    made = Deployment(name="ptu", model="gpt-4o", deployment_type="provisioned", provisioned=units)
    await system.tenancy.define_deployment(made, None)
    await declare(system, "ptu")
    own = {"data__deployment_type": ...}
    await ingest(system, body(**SMART, **own))
    assert await balance(system) == ("0", 0)
    await declare(system, "gpt-4o", effective=BEGINNING, supersede=True)
    await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)
    assert await balance(system) == ("0.0035", 0)
    assert await faults(system) == ()


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_the_order_of_events_and_aliases_does_not_matter(
    system: System, order: tuple[int, ...]
) -> None:
    """Whatever comes first, the same balance stands in the end."""

    async def alias() -> None:
        await declare(system, "gpt-4o")

    async def request() -> None:
        await ingest(system, body(**SMART))

    async def served() -> None:
        await ingest(system, body(id="r-2", data__requested_model="smart"))

    async def timed() -> None:
        await timer(system).run()

    steps = (alias, request, served, timed)
    for place in order:
        await steps[place]()
    await timer(system).run()
    assert await balance(system) == ("0.007", 0)


async def test_a_file_is_recorded_as_a_whole_or_not_at_all(system: System) -> None:
    listed = [(Alias(alias=name, targets=("gpt-4o",)), None) for name in ("a", "b")]
    use_case = aliases(system)
    done = await use_case.record(await use_case.compare(listed))
    assert [(one.is_news, one.holds_from) for one in done] == [(True, BEGINNING)] * 2
    again = await use_case.record(await use_case.compare(listed))
    assert [(one.is_news, one.holds_from) for one in again] == [(False, None)] * 2
    with pytest.raises(ConfigurationError, match="is an alias itself"):
        await use_case.compare(
            [
                (Alias(alias="new", targets=("gpt-4o",)), None),
                (Alias(alias="c", targets=("a",)), None),
            ]
        )
    many = [(Alias(alias=f"m{number}", targets=("gpt-4o",)), None) for number in range(499)]
    with pytest.raises(ConfigurationError, match="501 aliases: at most 500"):
        await use_case.compare(many)
    assert await use_case.one("new") is None


async def test_a_list_says_what_targets_are_and_what_is_to_come(system: System) -> None:
    await declare(system, "gpt-4o", "gpt-99")
    await declare(system, "gpt-4o", effective=NOW + DAY)
    same = Alias(alias="gpt-4o", targets=("gpt-4o",))
    with pytest.raises(ConfigurationError, match="is a target of the alias 'smart'"):
        await system.tenancy.set_alias(same, None)
    shown = await aliases(system).one("SMART")
    assert shown is not None
    assert [goal.model for goal in shown.goals] == ["gpt-4o", "gpt-99"]
    assert (shown.unknown, shown.is_model) == (("gpt-99",), False)
    ((start, version),) = shown.listed.scheduled
    assert (start, version.targets) == (NOW + DAY, ("gpt-4o",))


async def test_the_router_behind_an_alias_has_two_lines_for_one_call(system: System) -> None:
    fee = {"meter": "model-router", "unit": "million prompt tokens", "price": "0.14"}
    await system.tenancy.publish_prices("v2", price_file(version="v2", meters=[fee]))
    await declare(system, "model-router")
    await ingest(system, body(data__deployment="smart", data__requested_model="smart"))
    rows = await system.read.usage("sub-1", month_of(AT), ("requested_model", "model"))
    # The fee of 1,000 prompt tokens at 0.14 a million: 0.00014.
    assert [(*row.group, format_amount(row.amount or 0)) for row in rows] == [
        ("smart", "gpt-4o", "0.0035"),
        ("smart", "model-router", "0.00014"),
    ]


async def test_four_names_group_usage(system: System) -> None:
    await declare(system, "gpt-4o")
    await ingest(system, body(**SMART, data__backend="eu-ai"))
    by = ("requested_model", "model", "deployment", "backend")
    (row,) = await system.read.usage("sub-1", month_of(AT), by)
    assert row.group == ("Smart", "gpt-4o", "smart", "eu-ai")


async def test_a_declared_alias_is_no_unknown_deployment(system: System) -> None:
    await ingest(system, body(**SMART))
    use_case = Deployments(system.store, system.tenancy, system.clock)
    assert [one.name for one in await use_case.unknown([LEDGER], OneByOne())] == ["smart"]
    await declare(system, "gpt-4o")
    assert await use_case.unknown([LEDGER], OneByOne()) == []
