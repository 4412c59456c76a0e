"""What-if: real usage under other terms, to the last digit, with nothing written."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.prices.what_if import Answer, AskWhatIf
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
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
