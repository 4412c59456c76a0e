"""What users of the nearest systems complain of: wrong prices and invented numbers.

Bare numbers are issues of BerriAI/litellm; the figures in the names are the reporters' own.
"""

from typing import Any

from metering.adapters.files import committed_prices
from metering.app.ingest.ingest import Message
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import rate_card, rate_usage
from metering.core.usage.buckets import from_names
from tests.builders import AT, body

type System = Any

BOOK = PriceBook(committed_prices())
AUGUST = parse_instant("2026-08-15T00:00:00Z")


def amount(tokens: dict[str, int], *, model: str, deployment_type: str = "global") -> str | None:
    priced = PricingKey(model, deployment_type, "eastus2", "standard")
    _, found = rate_usage(rate_card(BOOK, Plan(id="list"), priced, AUGUST), from_names(tokens))
    return None if found is None else format_amount(found)


async def ingest(system: System, *bodies: bytes) -> Any:
    return await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def balance(system: System) -> Any:
    return await system.read.balance("sub-1", month_of(AT))


async def test_cached_tokens_are_charged_once_and_at_their_own_price(system: System) -> None:
    """#14849 ($0.7642 charged, $0.1849 right), #42663, #37407."""
    usage = {"prompt_tokens": 100_000, "completion_tokens": 500, "total_tokens": 100_500}
    cached = {**usage, "prompt_tokens_details": {"cached_tokens": 96_000}}
    await ingest(system, body(data__usage=cached))
    # 4,000 x 2.5 + 96,000 x 1.25 + 500 x 10 = 10,000 + 120,000 + 5,000 a million
    assert format_amount((await balance(system)).amount) == "0.135"


async def test_a_prompt_with_and_one_beside_its_cached_part_cost_the_same(system: System) -> None:
    """Agenta #5711 (6.6 x): providers disagree whether the prompt contains the cached tokens."""
    inside = {
        "prompt_tokens": 1000,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 900},
    }
    beside = {"input_tokens": 100, "cache_read_input_tokens": 900, "output_tokens": 10}
    await ingest(
        system,
        body(data__usage=inside, data__use_case="inside"),
        body(id="r-2", data__usage=beside, data__use_case="beside"),
    )
    rows = await system.read.usage("sub-1", month_of(AT), ("use_case",))
    # each: 100 x 2.5 + 900 x 1.25 + 10 x 10 = 250 + 1,125 + 100 a million
    assert [format_amount(row.amount) for row in rows] == ["0.001475", "0.001475"]


def test_a_million_tokens_cost_what_the_price_list_says() -> None:
    """AI-Gateway #397: a price per 1,000 tokens multiplied by 1,000 again."""
    assert amount({"input": 1_000_000}, model="gpt-4o") == "2.5"


def test_a_data_zone_deployment_costs_more_than_a_global_one() -> None:
    """#36094, #38370: the global price for a data zone deployment."""
    assert amount({"input": 1_000_000}, model="gpt-4.1") == "2"
    assert amount({"input": 1_000_000}, model="gpt-4.1", deployment_type="data_zone") == "2.2"


async def test_the_model_is_priced_and_not_the_name_of_its_deployment(system: System) -> None:
    """#1810, #1874: the deployment's name is not the model's name."""
    await ingest(
        system,
        body(data__deployment="team-a-chat"),
        body(id="r-2", data__deployment="gpt-4o", data__model="somebody-elses-model"),
    )
    found = await balance(system)
    assert (found.total.requests, found.total.unpriced) == (2, 1)
    assert format_amount(found.amount) == "0.0035"


async def test_an_unknown_price_is_a_state_and_not_zero(system: System) -> None:
    """#37734 ($0) and others: an unknown price written as 0."""
    await ingest(system, body(data__model="gpt-99"))
    found = await balance(system)
    assert found.total.unpriced == 1
    assert sum(found.tokens) == 1100
    assert found.models[0].amount is None


async def test_missing_tokens_are_missing_and_not_one(system: System) -> None:
    """Citadel (ai-hub-gateway): missing tokens written as 1."""
    await ingest(system, body(data__tokens="absent", data__usage=None))
    found = await balance(system)
    assert (found.total.missing, sum(found.tokens)) == (1, 0)


async def test_a_thousand_small_requests_lose_nothing_to_rounding(system: System) -> None:
    """seiggy/apim-chargeback: money rounded to 4 decimals for each request."""
    small = {"prompt_tokens": 7, "completion_tokens": 0}
    await ingest(system, *(body(id=f"r-{n}", data__usage=small) for n in range(1000)))
    # 1,000 x 7 x 0.0000025; each alone would round to 0.0000
    assert format_amount((await balance(system)).amount) == "0.0175"


async def test_a_truncated_event_is_set_aside_and_not_dropped(system: System) -> None:
    """seiggy/apim-chargeback: a truncated event silently dropped."""
    cut = body()[:200] + b"y" * 200_000
    tally = await ingest(system, cut, body(id="r-2"))
    assert (tally.accepted, dict(tally.rejected)) == (1, {"truncated": 1})
    (letter,) = await system.letters.latest(10)
    assert letter.body == cut


async def test_a_price_that_changes_later_moves_no_history(system: System) -> None:
    """#31835, ccusage #1636 ($2,472.81 and $1,923.92 from the same tokens)."""
    await ingest(system, body())
    before = (await balance(system)).amount
    await system.tenancy.define_plan(Plan(id="default", markup="0.15"), None)
    await ingest(system, body(), body(id="r-2"))
    # The new terms start later than every event so far: the second request costs the same.
    assert (await balance(system)).amount == 2 * before
