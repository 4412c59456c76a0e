"""Fees beside the tokens: each is counted once, at its own price, or is unpriced by name."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from metering.app.ingest.ingest import Message, Tally
from metering.app.prices.explain_unpriced import ExplainUnpriced, Unpriced
from metering.app.prices.rerate import Rerate
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.deployment import read_deployment
from metering.core.ledger.page import Page
from metering.core.ledger.rerating import Scope
from tests.builders import AT, body, price_file

type System = Any

SEARCH = {"meter": "web_search_requests", "unit": "request", "price": "0.01"}
ROUTER = {"meter": "model-router", "unit": "million prompt tokens", "price": "0.14"}
WHISPER = {"meter": "whisper", "unit": "second", "price": "0.0001"}
USAGE = {
    "input_tokens": 1000,
    "output_tokens": 100,
    "server_tool_use": {"web_search_requests": 2},
}


async def ingest(system: System, *bodies: bytes) -> Tally:
    messages = [Message(content, "0", number) for number, content in enumerate(bodies)]
    tally: Tally = await system.ingest.batch(messages)
    return tally


async def publish(system: System, *meters: dict[str, Any]) -> None:
    await system.tenancy.publish_prices("m1", price_file(version="m1", meters=meters))


async def balance(system: System) -> Balance:
    found: Balance = await system.read.balance("sub-1", month_of(AT))
    return found


async def amount(system: System) -> str:
    return format_amount((await balance(system)).amount)


async def reasons(system: System) -> list[Unpriced]:
    explain = ExplainUnpriced(system.store, system.tenancy, system.clock)
    return await explain.ledger(LedgerId("sub-1", month_of(AT).start))


async def test_searches_are_charged_beside_the_tokens_and_once(system: System) -> None:
    await publish(system, SEARCH)
    event = body(data__usage=USAGE)

    assert await ingest(system, event) == Tally(accepted=1)
    # 1,000 x 2.5 + 100 x 10 a million are 0.0035; 2 x 0.01 are 0.02
    assert await amount(system) == "0.0235"
    assert await ingest(system, event, event) == Tally(duplicates=2)
    assert await amount(system) == "0.0235"


async def test_a_damaged_ledger_is_not_explained(system: System) -> None:
    await ingest(system, body(data__model="mystery"))
    await ingest(system, body(id="r-2", data__model="mystery"))
    await ingest(system, body(id="r-3", data__model="mystery"))
    system.store.absent = {2}
    pages = system.store.pages

    async def without_the_second(ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        async for page in pages(ledger, after=after):
            if page.number != 2:
                yield page

    system.store.pages = without_the_second
    with pytest.raises(LedgerBroken, match="page 2 is missing: page 3 follows"):
        await reasons(system)


async def test_a_fee_without_a_price_is_unpriced_by_name_and_comes_with_its_price(
    system: System,
) -> None:
    await ingest(system, body(data__usage=USAGE))

    assert (await balance(system)).total.unpriced == 1
    assert [(one.model, one.reason, one.requests) for one in await reasons(system)] == [
        ("web_search_requests", "no price is known for web_search_requests", 1)
    ]
    await publish(system, SEARCH)
    rerate = Rerate(
        ledgers=system.store,
        tenancy=system.tenancy,
        committer=system.committer,
        clock=system.clock,
    )
    ledger = LedgerId("sub-1", month_of(AT).start)
    assert (await rerate.ledger(ledger, Scope.UNPRICED, dry_run=False)).corrected == 1
    assert await amount(system) == "0.0235"
    assert await reasons(system) == []


async def test_meters_beside_a_refused_event_are_not_counted(system: System) -> None:
    await publish(system, SEARCH)
    await ingest(system, body())

    other = body(data__usage=USAGE | {"output_tokens": 101})
    assert (await ingest(system, other)).rejected == {"id_conflict": 1}
    assert await amount(system) == "0.0035"


async def test_the_second_of_two_events_with_one_id_brings_no_meters(system: System) -> None:
    await publish(system, SEARCH)
    await ingest(system, body(), body(data__usage=USAGE))

    assert await amount(system) == "0.0035"


async def test_tools_that_the_policy_counts_are_meters_too(system: System) -> None:
    await publish(system, {"meter": "file_search_call", "unit": "call", "price": "0.0025"})
    await ingest(system, body(data__tool_calls={"file_search_call": 4, "web_search_call": 0}))

    # 0.0035 + 4 x 0.0025
    assert await amount(system) == "0.0135"


@pytest.mark.parametrize(
    "named",
    [
        {"data__deployment": "model-router"},
        {"data__deployment": "Model-Router-2025-11-18"},
        {"data__deployment": ..., "data__requested_model": "model-router"},
    ],
)
async def test_a_model_router_has_a_fee_for_each_prompt_token(
    system: System, named: dict[str, Any]
) -> None:
    await publish(system, ROUTER)
    await ingest(system, body(**named))

    # 0.0035 of the model that served, and 1,000 x 0.14 a million
    assert await amount(system) == "0.00364"
    lines = {line.model for line in (await balance(system)).charge.lines}
    assert lines == {"gpt-4o", "model-router"}


async def test_a_router_under_another_name_is_known_from_the_registry(system: System) -> None:
    await publish(system, ROUTER)
    router = {"name": "house", "model": "model-router", "deployment_type": "global"}
    await system.tenancy.define_deployment(read_deployment("d", router), None)
    plain = {"name": "model-router-no-more", "model": "gpt-4o", "deployment_type": "global"}
    await system.tenancy.define_deployment(read_deployment("d", plain), None)
    await ingest(
        system,
        body(data__deployment="house"),
        body(id="r-2", data__deployment="model-router-no-more"),
    )

    # 2 x 0.0035, and one fee of 0.00014
    assert await amount(system) == "0.00714"


async def test_a_transcription_by_the_second_is_priced_and_in_the_balance(system: System) -> None:
    await publish(system, WHISPER)
    await ingest(
        system, body(data__model="whisper", data__usage={"type": "duration", "seconds": 11})
    )

    # 11 x 0.0001
    assert await amount(system) == "0.0011"


async def test_a_cost_that_is_not_understood_leaves_the_request_unpriced_by_name(
    system: System,
) -> None:
    usage = {"prompt_tokens": 100, "prompt_tokens_details": {"video_tokens": 40}}
    await ingest(system, body(data__usage=usage))

    assert (await balance(system)).total.unpriced == 1
    assert [one.reason for one in await reasons(system)] == [
        "prompt_tokens_details.video_tokens: may be charged, but has no pricing rule"
    ]


async def test_an_unknown_tier_is_unpriced_and_two_tiers_are_too(system: System) -> None:
    batch = {"prompt_tokens": 1, "completion_tokens": 0, "service_tier": "batch"}
    await ingest(
        system,
        body(data__service_tier="Ultra"),
        body(id="r-2", data__service_tier="priority", data__usage=batch),
        body(id="r-3", data__service_tier="default"),
    )

    assert await amount(system) == "0.0035"
    assert {one.reason for one in await reasons(system)} == {
        "no price is known for gpt-4o in service tier ultra: prices exist for standard",
        "service_tier: may be charged, but has no pricing rule",
    }


async def test_cached_tokens_beyond_groks_prompt_are_kept_and_told_once(system: System) -> None:
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 1,
        "total_tokens": 8,
        "prompt_tokens_details": {"cached_tokens": 163},
    }
    for number in (1, 2):
        event = body(id=f"r-{number}", data__model="grok-4-1-fast", data__usage=usage)
        assert await ingest(system, event) == Tally(accepted=1)

    (page,) = [
        page
        async for page in system.store.pages(LedgerId("sub-1", month_of(AT).start))
        if page.number == 1
    ]
    (entry,) = page.entries
    # 163 - 7 = 156
    assert entry.state.dimensions.surplus == 156
    (told,) = system.alerts.messages
    assert told.startswith(
        "grok-4-1-fast: reports 156 cached tokens beyond its prompt (request r-1): "
    )


@pytest.mark.parametrize("error", ["content_filter", "context_length_exceeded"])
async def test_a_charged_refusal_is_missing_until_the_log_tells_its_tokens(
    system: System, error: str
) -> None:
    refused = {"data__status": 400, "data__tokens": "absent", "data__usage": ...}
    await ingest(
        system,
        body(**refused, data__error=error),
        body(id="r-2", **refused, data__error="invalid_request_error"),
        body(id="r-3", **refused),
    )

    total = (await balance(system)).total
    assert (total.requests, total.missing, total.not_billable) == (3, 1, 2)
    counted = body(
        data__status=400,
        data__evidence="recovered",
        data__usage={"prompt_tokens": 1000, "completion_tokens": 0},
    )
    await ingest(system, counted)
    assert (await balance(system)).total.missing == 0
    # 1,000 x 2.5 a million
    assert await amount(system) == "0.0025"
