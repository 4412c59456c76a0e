"""The deployments registry: recorded by append, proposed from Azure, and what usage lacks of it."""

from typing import Any

import pytest

from metering.app.deployments.deployments import Deployments
from metering.app.ingest.ingest import Message
from metering.app.ledger.one_by_one import OneByOne
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.deployment import Deployment, Provisioned, read_deployment
from metering.core.deployments.deployment_import import FoundDeployment, HourlyPrices
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from tests.builders import AT, NOW, body

type System = Any

#: The first instant that no event accepted so far can have.
SOON = NOW + 5 * MINUTE
NO_PRICES = HourlyPrices({})


def chat(deployment_type: str = "global", account: str | None = "contoso") -> Deployment:
    content = {"name": "chat", "account": account, "model": "gpt-4o"}
    return read_deployment("d.yaml", {**content, "deployment_type": deployment_type})


def use_cases(system: System) -> Deployments:
    return Deployments(system.store, system.tenancy, system.clock)


async def recorded(system: System) -> list[tuple[str, int]]:
    records = await system.registry.read_records(0)
    return [(record.key, record.effective) for record in records if record.kind == "deployment"]


class Listed:
    """What Azure lists, without Azure."""

    def __init__(self, *found: FoundDeployment) -> None:
        self._found = list(found)

    async def list_deployments(self) -> list[FoundDeployment]:
        return self._found


def found(name: str = "chat", sku: str = "GlobalStandard", units: int = 10) -> FoundDeployment:
    return FoundDeployment("contoso", name, "gpt-4o", None, None, None, sku, units)


async def test_a_new_deployment_holds_from_the_beginning_and_a_known_one_changes_soon(
    system: System,
) -> None:
    assert await system.tenancy.define_deployment(chat(), None)
    assert await system.tenancy.define_deployment(chat("regional"), None)
    assert await recorded(system) == [("contoso/chat", BEGINNING), ("contoso/chat", SOON)]
    answer = system.tenancy.directory.deployment
    assert answer("chat", "contoso", SOON - 1)[0] == chat()
    assert answer("chat", "contoso", SOON)[0] == chat("regional")


async def test_what_already_holds_is_not_recorded_again(system: System) -> None:
    assert (await system.tenancy.define_deployment(chat(), None)).record is not None
    assert (await system.tenancy.define_deployment(chat(), None)).record is None
    assert (await system.tenancy.define_deployment(chat(), NOW + DAY)).record is None
    assert len(await recorded(system)) == 1


async def test_one_account_of_a_name_known_in_any_account_differs_from_now_on(
    system: System,
) -> None:
    await system.tenancy.define_deployment(chat(account=None), None)
    assert await system.tenancy.define_deployment(chat("regional"), None)
    assert await recorded(system) == [("chat", BEGINNING), ("contoso/chat", SOON)]


async def test_a_change_of_the_past_is_refused(system: System) -> None:
    await system.tenancy.define_deployment(chat(), None)
    with pytest.raises(ConfigurationError, match="history is never edited"):
        await system.tenancy.define_deployment(chat("regional"), SOON - 1)


async def test_a_tenants_file_at_the_start_adds_deployments_and_never_undoes_a_change(
    system: System,
) -> None:
    content: TenantsFile = read_tenants_file(
        "t.yaml", {"deployments": [chat().model_dump(), chat(account=None).model_dump()]}
    )
    await system.tenancy.take_over(content, changes=False)
    assert await recorded(system) == [("contoso/chat", BEGINNING), ("chat", BEGINNING)]
    await system.tenancy.define_deployment(chat("regional"), None)
    system.clock.set(NOW + DAY)
    await system.tenancy.take_over(content, changes=False)
    assert len(await recorded(system)) == 3
    await system.tenancy.take_over(content)
    await system.tenancy.take_over(content)
    assert len(await recorded(system)) == 4
    listed = [one.deployment for one in await use_cases(system).listed()]
    assert listed == [chat(account=None), chat("regional")]


async def test_usage_of_deployments_nobody_recorded_is_listed_over_all_ledgers(
    system: System,
) -> None:
    bodies = [
        body(id="r-1", subject="one", data__deployment="chat", data__backend="contoso"),
        body(id="r-2", subject="one", data__deployment="chat", data__backend="other"),
        body(id="r-3", subject="two", data__deployment="chat", data__backend="other"),
    ]
    await system.tenancy.define_deployment(chat(), None)
    await system.ingest.batch([Message(content, "0", 0) for content in bodies])
    ledgers = [LedgerId(name, month_of(AT).start) for name in ("one", "two", "nobody")]

    (row,) = await use_cases(system).unknown(ledgers, OneByOne())

    assert row == ("chat", "other", 2, ("gpt-4o-2024-11-20",))


async def test_what_azure_lists_is_proposed_and_recorded_once(system: System) -> None:
    made = use_cases(system)
    azure = Listed(
        found(), found("ptu", "GlobalProvisionedManaged", 50), found("odd", "DeveloperTier")
    )

    proposals = await made.propose(azure, HourlyPrices({"global": "1"}), None)
    assert [(one.key, one.is_news, one.reason) for one in proposals] == [
        ("contoso/chat", True, ""),
        ("contoso/ptu", True, ""),
        ("contoso/odd", False, "it is sold as DeveloperTier, an unknown SKU"),
    ]
    assert await recorded(system) == []

    await made.record(proposals, None)
    assert await recorded(system) == [("contoso/chat", BEGINNING), ("contoso/ptu", BEGINNING)]
    again = await made.propose(azure, NO_PRICES, None)
    assert not any(one.is_news for one in again)
    await made.record(again, None)
    assert len(await recorded(system)) == 2


async def test_more_units_are_a_change_from_now_on_at_the_price_that_was_recorded(
    system: System,
) -> None:
    made = use_cases(system)
    sku = "GlobalProvisionedManaged"
    first = await made.propose(Listed(found(sku=sku)), HourlyPrices({"global": "1.5"}), None)
    await made.record(first, None)

    more = await made.propose(Listed(found(sku=sku, units=20)), NO_PRICES, NOW + DAY)
    await made.record(more, NOW + DAY)

    assert await recorded(system) == [("contoso/chat", BEGINNING), ("contoso/chat", NOW + DAY)]
    now_known = system.tenancy.directory.deployment("chat", "contoso", NOW + DAY)[0]
    assert now_known.provisioned == Provisioned(units=20, hourly_price="1.5", scope="global")


async def test_a_list_is_compared_with_what_is_recorded(system: System) -> None:
    made = use_cases(system)
    await system.tenancy.define_deployment(chat(), None)
    proposals = await made.compare([chat(), chat(account=None)], None)
    assert [(one.key, one.is_news) for one in proposals] == [
        ("contoso/chat", False),
        ("chat", True),
    ]


async def test_what_is_compared_is_what_holds_when_it_would_take_effect(system: System) -> None:
    made = use_cases(system)
    await system.tenancy.define_deployment(chat(), None)
    await system.tenancy.define_deployment(chat("regional"), NOW + DAY)
    for effective, is_news in ((None, True), (NOW + DAY, False)):
        (proposal,) = await made.compare([chat("regional")], effective)
        assert proposal.is_news is is_news


async def test_a_date_that_is_refused_for_one_records_none(system: System) -> None:
    await system.tenancy.define_deployment(chat(), None)
    with pytest.raises(ConfigurationError, match="history is never edited"):
        await use_cases(system).compare([chat(account=None), chat("regional")], NOW)
    assert await recorded(system) == [("contoso/chat", BEGINNING)]
