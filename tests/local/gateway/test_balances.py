"""The providers' own clients through the whole system: balances are what the clients were told."""

from metering.core.buckets import INPUT_BUCKETS, by_name
from metering.core.money import format_amount
from tests.local.gateway.conftest import Bench

HELLO = [{"role": "user", "content": "Hello, what does a thousand tokens cost?"}]


async def test_chat_completions(bench: Bench) -> None:
    client = await bench.openai()
    answer = await client.chat.completions.create(model="gpt-4o", messages=HELLO)  # type: ignore[call-overload]
    print(answer)
    balance = await bench.balance()
    print(balance.total, format_amount(balance.amount), by_name(balance.total.tokens), INPUT_BUCKETS)
    print(bench.events(), bench.log_events())
    assert 0
