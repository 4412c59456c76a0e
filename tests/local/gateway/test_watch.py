"""Watching: every entry as it is committed, with the balance that it leads to."""

from metering.core.basics.instants import DAY, HOUR
from metering.core.basics.money import format_amount
from metering.core.ledger.entry import Kind
from metering.local.demo.watch import Arrival, Watch
from tests.local.gateway.bench import MESSAGES, NOW, Bench
from tests.systems import MovableClock


async def ask(bench: Bench, subject: str = "contoso-prod", *, stream: bool = False) -> None:
    client = await bench.openai(subject)
    answer = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, max_tokens=10, stream=stream
    )
    if stream:
        async for _ in answer:  # type: ignore[union-attr]
            pass
    await bench.balance()


async def seen_by(watch: Watch) -> list[Arrival]:
    return [arrival async for arrival in watch.arrivals()]


async def test_entries_come_once_with_the_running_balance_of_their_tenant(bench: Bench) -> None:
    await ask(bench)
    watch = Watch(bench.system.app)
    await watch.begin()
    assert await seen_by(watch) == []
    await ask(bench)
    await ask(bench, "fabrikam-chat")
    arrivals = await seen_by(watch)
    # one request is 0.0001425; what was there before counts in the balance
    assert [(one.tenant, one.tokens, format_amount(one.balance)) for one in arrivals] == [
        ("contoso", 27, "0.000285"),
        ("fabrikam", 27, "0.000163875"),
    ]
    assert await seen_by(watch) == []


async def test_a_hold_arrives_and_changes_no_balance(bench: Bench) -> None:
    watch = Watch(bench.system.app)
    await watch.begin()
    await ask(bench, stream=True)
    (arrival,) = await seen_by(watch)
    assert arrival.entry.state.kind is Kind.HOLD
    assert arrival.balance == 0


async def test_the_running_balance_is_that_of_the_ledger_after_a_correction(bench: Bench) -> None:
    watch = Watch(bench.system.app)
    await watch.begin()
    await ask(bench)
    (event,) = bench.events()
    body = await bench.resend(event, evidence="totals", request_id="r-1")
    await bench.resend(body, evidence="full", completion_tokens=30)
    balance = await bench.balance()
    arrivals = await seen_by(watch)
    assert [one.entry.state.kind for one in arrivals][-1] is Kind.CORRECTION
    assert arrivals[-1].balance == balance.amount


async def test_the_month_of_a_day_ago_is_watched_and_no_older_one(bench: Bench) -> None:
    watch = Watch(bench.system.app)
    clock = MovableClock(NOW)
    bench.system.app.__dict__["clock"] = clock
    await watch.begin()
    await ask(bench)
    # 1 December, 11 h: a day ago it was November.
    clock.set(NOW + 11 * DAY - HOUR)
    assert [one.tenant for one in await seen_by(watch)] == ["contoso"]
    clock.set(NOW + 12 * DAY)
    await ask(bench)
    assert await seen_by(watch) == []
