"""What-if: real usage under other terms, to the last digit, with nothing written."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from metering.app.allocation.accruals import Accruals
from metering.app.ingest.ingest import Message
from metering.app.prices.what_if import Answer, AskWhatIf
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.deployment import Deployment, Hosting, Provisioned
from metering.core.plans.plan import read_plan
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file
from tests.builders import AT, body, price_file

type System = Any

LEDGER = LedgerId("sub-1", month_of(AT).start)
MINI = {
    "model": "mini",
    "aliases": ["mini-2"],
    "per_million_tokens": {"input": "0.25", "output": "2"},
}


async def ingest(system: System, *bodies: bytes) -> Any:
    await system.tenancy.publish_prices("v2", price_file(MINI, version="v2"))
    return await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def ask(
    system: System,
    models: Mapping[str, str] | None = None,
    plan: str | None = None,
    rows: Sequence[NamedRow] = (),
) -> Answer:
    what_if = AskWhatIf(system.store, system.tenancy, system.clock, system.app.accruals)
    return await what_if.ask("sub-1", month_of(AT), models=models or {}, plan_id=plan, rows=rows)


def sides(answer: Answer) -> list[tuple[str | None, str | None, str, str]]:
    return [
        (
            one.model,
            one.instead,
            format_amount(one.amount or 0),
            format_amount(one.other_amount or 0),
        )
        for one in answer.comparisons
    ]


async def test_without_a_question_both_sides_are_the_same(system: System) -> None:
    await ingest(system, body(), body(id="r-2", data__model="mini"))
    answer = await ask(system)
    # 1,000 x 2.5 + 100 x 10 and 1,000 x 0.25 + 100 x 2 a million
    assert sides(answer) == [
        ("gpt-4o", "gpt-4o", "0.0035", "0.0035"),
        ("mini", "mini", "0.00045", "0.00045"),
    ]
    assert answer.actual == answer.other


@pytest.mark.parametrize("name", ["gpt-4o", "gpt-4o-2024-11-20"])
async def test_a_model_is_priced_as_another(system: System, name: str) -> None:
    await ingest(system, body(), body(id="r-2", data__model="mini"))
    answer = await ask(system, {name: "mini-2"})
    assert sides(answer) == [
        ("gpt-4o", "mini", "0.0035", "0.00045"),
        ("mini", "mini", "0.00045", "0.00045"),
    ]
    assert format_amount(answer.actual.total) == "0.00395"
    assert format_amount(answer.other.total) == "0.0009"


async def test_another_plan_charges_its_own_terms_over_the_period(system: System) -> None:
    await ingest(system, body())
    terms = {"id": "other", "markup": "0.1", "base_fee": "5"}
    await system.tenancy.define_plan(read_plan("plan", terms), None)
    answer = await ask(system, plan="other")
    # 0.0035 x 1.1 + 5
    assert sides(answer) == [("gpt-4o", "gpt-4o", "0.0035", "0.00385")]
    assert format_amount(answer.other.total) == "5.00385"


async def test_another_price_list_is_above_all_that_is_published(system: System) -> None:
    await ingest(system, body())
    rows = read_price_file(
        "f", price_file({"per_million_tokens": {"input": "1", "output": "1"}}, version="v3")
    )
    assert sides(await ask(system, rows=rows)) == [("gpt-4o", "gpt-4o", "0.0035", "0.0011")]


async def test_what_would_have_no_price_is_counted_and_not_zero(system: System) -> None:
    cached = {
        "prompt_tokens": 10,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 10},
    }
    await ingest(system, body(data__usage=cached))
    answer = await ask(system, {"gpt-4o": "mini"})
    (one,) = answer.comparisons
    assert one.other_amount is None
    assert (one.other.unpriced, answer.other.unpriced_requests) == (1, 1)


async def test_corrections_holds_and_refusals_count_as_they_do_on_the_balance(
    system: System,
) -> None:
    await ingest(
        system,
        body(data__evidence="totals", data__usage={"prompt_tokens": 5, "completion_tokens": 5}),
        body(id="r-2", data__tokens="pending", data__usage=None),
        body(id="r-3", data__status=429, data__usage=None),
    )
    await ingest(system, body())
    answer = await ask(system, {"gpt-4o": "mini"})
    balance = await system.read.balance("sub-1", month_of(AT))
    assert sum(one.amount or 0 for one in answer.comparisons) == balance.amount
    assert sum(one.line.requests for one in answer.comparisons) == balance.total.requests == 2
    assert format_amount(answer.other.total) == "0.00045"


async def test_nothing_is_written(system: System) -> None:
    await ingest(system, body())
    before = await system.store.read_head(LEDGER), await system.registry.read_records(0)
    await ask(system, {"gpt-4o": "mini"})
    after = await system.store.read_head(LEDGER), await system.registry.read_records(0)
    assert before == after


@pytest.mark.parametrize("models", [{"gpt-99": "mini"}, {"mini": "gpt-99"}])
async def test_a_model_that_is_not_known_is_named(system: System, models: dict[str, str]) -> None:
    await ingest(system, body())
    with pytest.raises(ConfigurationError, match="--map: the price book has no model 'gpt-99'"):
        await ask(system, models)


async def test_a_plan_that_is_not_known_is_named(system: System) -> None:
    await ingest(system, body())
    with pytest.raises(ConfigurationError, match="unknown plan 'nope'"):
        await ask(system, plan="nope")


async def provisioned(system: System) -> Any:
    """Return the question of sub-1 on the 20th, which used units, a hosted model and tokens."""
    system.clock.set(parse_instant("2026-11-03T12:00:00Z"))
    units = Provisioned(units=50, hourly_price="1", scope="global", idle="by_share")
    await system.tenancy.define_deployment(
        Deployment(name="chat", model="gpt-4o", deployment_type="provisioned", provisioned=units),
        None,
    )
    hosting = Hosting(hourly_price="1", idle="by_share")
    await system.tenancy.define_deployment(
        Deployment(name="own", model="gpt-4o", deployment_type="global", hosting=hosting), None
    )
    for name, of in (("chat", "sub-1"), ("chat", "sub-2"), ("own", "sub-1")):
        one = body(
            id=f"{name}-{of}",
            subject=of,
            time="2026-11-03T10:00:00Z",
            data__deployment=name,
            data__deployment_type=...,
        )
        await system.ingest.batch([Message(one, "0", 0)])
    system.clock.set(parse_instant("2026-11-20T00:00:00Z"))
    what_if = AskWhatIf(system.store, system.tenancy, system.clock, system.app.accruals)

    async def answer(**asked: Any) -> Answer:
        terms = {"models": {}, "plan_id": None, "rows": (), **asked}
        found: Answer = await what_if.ask("sub-1", month_of(AT), **terms)
        return found

    return answer


async def test_provisioned_units_are_compared_with_pay_as_you_go(system: System) -> None:
    asked = await provisioned(system)
    same, other = await asked(), await asked(pay_as_you_go=True)
    # Half of 456 x 50, and 456 x 1 of hosting, which stays: 11,400 + 456.
    assert format_amount(same.share) == format_amount(same.other_share) == "11856"
    assert (format_amount(other.share), format_amount(other.other_share)) == ("11856", "456")
    # 0.0035 on the hosted deployment, as much again on the units at the price of their scope.
    assert format_amount(same.actual.total) == format_amount(same.other.total) == "0.0035"
    assert (format_amount(other.actual.total), format_amount(other.other.total)) == (
        "0.0035",
        "0.007",
    )
    until = "hours and usage of provisioned capacity after 2026-11-20T00:00:00Z"
    assert same.left_out == (until,)
    assert other.left_out == (
        until,
        "11,400.00 USD for chat that other tenants or nobody pays",
        "reservations and discounts beyond the recorded price of an hour",
        "rate limits of pay-as-you-go deployments: every request is priced as if it was served",
    )


async def test_what_is_not_comparable_is_left_out_by_name(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = await provisioned(system)
    found = await system.app.accruals.in_period("sub-1", month_of(AT))
    foreign = found._replace(
        unknown=("late",),
        shares=tuple(one._replace(is_billable=one.deployment == "own") for one in found.shares),
    )

    async def in_period(*_: Any) -> Any:
        return foreign

    monkeypatch.setattr(Accruals, "in_period", in_period)
    assert (await asked()).left_out[1:] == (
        "deployments whose hours were not worked out yet: late",
        "11,400.00 USD for chat: the plan is in another currency",
    )


async def test_a_share_is_not_set_beside_a_charge_in_another_currency(system: System) -> None:
    asked = await provisioned(system)
    yen = {**MINI, "model": "gpt-4o"}
    await system.tenancy.publish_prices("v9", price_file(yen, version="v9", currency="JPY"))
    await system.tenancy.define_plan(read_plan("p", {"id": "yen", "currency": "JPY"}), None)
    found = await asked(plan_id="yen")
    assert (format_amount(found.share), found.other_share) == ("11856", 0)
    assert found.left_out[1:] == (
        "the share of provisioned capacity: the other plan is in another currency",
    )
