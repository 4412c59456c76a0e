"""The checks of prices, plans and tenants: each failure is told with what to do."""

from typing import Any

from metering.app.installation.checkup import Checkup
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import MINUTE, SECOND, parse_instant
from metering.core.installation.finding import Finding, check_skew
from metering.core.plans.plan import read_plan
from tests.builders import price_file

type System = Any


async def findings(system: System, *, automatic: bool = True) -> dict[str, Finding]:
    found = await Checkup(tenancy=system.tenancy, clock=system.clock, automatic=automatic).run()
    return {finding.check: finding for finding in found}


def set_to_new_prices(system: System) -> None:
    system.clock.set(max(row.effective_from for row in system.tenancy.prices.rows.values()))


async def test_all_is_well(system: System) -> None:
    set_to_new_prices(system)
    found = await findings(system)
    assert {check: finding.state for check, finding in found.items()} == {
        "prices of a test": "ok",
        "currencies": "ok",
        "tenants": "ok",
    }
    assert not any(finding.remedy for finding in found.values())


async def test_without_prices_it_fails(make_system: Any) -> None:
    system = make_system()
    tenancy = Tenancy(
        registry=system.registry,
        price_store=system.prices,
        clock=system.clock,
        committed=[],
        automatic=True,
    )
    (prices, currencies, _) = await Checkup(
        tenancy=tenancy, clock=system.clock, automatic=True
    ).run()
    assert (prices.state, prices.detail) == ("fail", "no prices in force")
    assert "metering prices import" in prices.remedy
    # The default plan is in USD.
    assert (currencies.state, currencies.check) == ("fail", "plan default")


async def test_the_age_of_each_source_is_a_finding(make_system: Any) -> None:
    system = make_system()
    azure = (
        price_file({"model": "new"}, version="a1")
        .replace(b'"url": ""', b'"url": "https://prices.azure.com/api"')
        .replace(b'"retrieved": "2026-11-20"', b'"retrieved": "2026-08-11"')
    )
    await system.tenancy.publish_prices("a1", azure)
    system.clock.set(parse_instant("2026-11-29T12:00:00Z"))

    found = await findings(system)

    # 11 August to 29 November: 20 + 30 + 31 + 29 days.
    azures = found["prices of prices.azure.com"]
    assert (azures.state, azures.detail) == ("warn", "1 price, read on 2026-08-11, 110 days ago")
    assert "metering prices refresh" in azures.remedy
    # The fresh one of another source hides nothing.
    assert found["prices of a test"].state == "ok"


async def test_a_plan_whose_currency_has_no_price_any_more_is_named(make_system: Any) -> None:
    system = make_system()
    euros = price_file({"model": "new"}, version="e1", currency="EUR")
    await system.tenancy.publish_prices("e1", euros)
    plan = read_plan("p", {"id": "euro", "currency": "EUR"})
    await system.tenancy.define_plan(plan, None)
    assert (await findings(system))["currencies"].detail == "2 plans, all in EUR, USD"


async def test_nobody_to_pay_and_everybody_refused_is_worth_a_word(system: System) -> None:
    found = await findings(system, automatic=False)
    assert found["tenants"].state == "warn"
    await system.tenancy.map_subject("sub-1", "acme", None)
    assert (await findings(system, automatic=False))["tenants"].detail == "1 known"


async def test_a_registry_that_cannot_be_read_is_one_finding(
    system: System, monkeypatch: Any
) -> None:
    async def fail(_after: int) -> list[Any]:
        raise RetryableError("the store is away")

    monkeypatch.setattr(system.registry, "read_records", fail)
    (finding,) = (await findings(system)).values()
    assert (finding.state, finding.detail) == ("fail", "the store is away")


def test_clocks_apart_are_noticed_and_then_harmful() -> None:
    at = parse_instant("2026-11-20T12:00:00Z")
    for apart, state in (
        (0, "ok"),
        (5 * SECOND - 1, "ok"),
        (5 * SECOND, "warn"),
        (MINUTE - 1, "warn"),
        (MINUTE, "fail"),
    ):
        assert check_skew(at + apart, at).state == state
        assert check_skew(at - apart, at).state == state
    assert check_skew(at, at + MINUTE).detail == "60 s behind the store's"
    assert check_skew(at + MINUTE, at).detail == "60 s ahead of the store's"
