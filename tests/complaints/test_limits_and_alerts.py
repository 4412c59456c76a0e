"""What users of the nearest systems complain of: limits that leak or stop the wrong, and alerts.

Bare numbers are issues of BerriAI/litellm. gpt-4o costs $2.50 a million tokens in and $10 out.
"""

from collections.abc import Callable
from typing import Any

from metering.app.ingest.ingest import Message
from metering.app.quotas.admission import MEMORY
from metering.core.basics.instants import DAY, parse_instant
from metering.core.basics.money import format_amount, parse_amount
from metering.core.calendars.periods import month_of
from metering.core.plans.plan import read_plan
from metering.core.quotas.decision import Verdict
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import AT, NOW, body

type System = Any

MILLION = {"prompt_tokens": 1_000_000, "completion_tokens": 0}
CAP = {"metric": "amount", "window": "period", "limit": "50", "action": "block"}
DECEMBER = parse_instant("2026-12-01T00:00:00Z")


async def may_go_on(system: System) -> bool:
    found = await system.admission().of("sub-1")
    return found.overall.verdict is Verdict.ALLOW


async def put_under(system: System, *quotas: dict[str, Any], **terms: Any) -> None:
    plan = read_plan("p", {"id": "capped", "quotas": list(quotas), **terms})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def ingest(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def amount(system: System) -> str:
    return format_amount((await system.read.balance("acme", month_of(AT))).amount)


async def test_a_budget_of_50_dollars_ends_at_50_dollars(system: System) -> None:
    """#12977, #26672: $764.78 were spent on a budget of $50."""
    await put_under(system, CAP)
    for number in range(400):
        if not await may_go_on(system):
            break
        await ingest(system, body(id=f"r-{number}", data__usage=MILLION))
    # 20 x $2.50
    assert await amount(system) == "50"


async def test_streams_that_are_open_count_before_their_tokens_are_known(system: System) -> None:
    """#40095: the first requests, all at once, each found the budget untouched."""
    await put_under(system, CAP)
    # Each is held for 8 x $2.50 and 500 tokens at $10 a million: $20.005, whatever its maximum.
    hold = {"prompt_tokens_estimate": 8_000_000, "max_output_tokens": 1_000_000}
    streams = [
        body(id=f"r-{n}", data__tokens="pending", data__usage=..., data__hold=hold)
        for n in range(3)
    ]
    await ingest(system, *streams[:2])
    assert await may_go_on(system)
    await ingest(system, streams[2])
    assert not await may_go_on(system)
    assert await amount(system) == "0"


async def test_what_one_replica_counts_another_knows_within_a_second(
    system: System, make_system: Callable[..., System]
) -> None:
    """#34238: each replica had a budget of its own."""
    await put_under(system, CAP)
    other = make_system()
    asked = other.admission()
    assert (await asked.of("sub-1")).overall.verdict is Verdict.ALLOW
    await ingest(system, *(body(id=f"r-{n}", data__usage=MILLION) for n in range(20)))
    other.clock.set(NOW + MEMORY)
    assert (await asked.of("sub-1")).overall.verdict is Verdict.BLOCK


async def test_nobody_is_stopped_a_cent_before_the_limit(system: System) -> None:
    """#28247, #22726; AI-Gateway #397: suspended at a thousandth of the limit."""
    await put_under(system, {**CAP, "limit": "2.51"})
    await ingest(system, body(data__usage=MILLION))
    found = await system.admission().of("sub-1")
    assert (found.overall.verdict, found.overall.remaining) == (Verdict.ALLOW, "0.01")


async def test_a_repeat_does_not_eat_the_budget(system: System) -> None:
    """#15740, #17814: what was sent again was counted again."""
    await put_under(system, {**CAP, "limit": "5"})
    for _ in range(10):
        await ingest(system, body(data__usage=MILLION))
    assert (await system.admission().of("sub-1")).overall.remaining == "2.5"


async def test_a_budget_begins_anew_without_any_job(system: System) -> None:
    """#8364, #5651, #7129, #34492: a reset that did not run, or ran late, or reset the history."""
    await put_under(system, {**CAP, "limit": "2.50"})
    await ingest(system, body(data__usage=MILLION))
    system.clock.set(DECEMBER - 1)
    assert not await may_go_on(system)
    system.clock.set(DECEMBER)
    assert await may_go_on(system)
    assert await amount(system) == "2.5"


async def test_an_alert_comes_once_a_window_and_again_in_the_next(system: System) -> None:
    """#3738: an alert on every request. #16185: one only, ever."""
    await put_under(system, {**CAP, "window": "day", "limit": "5", "thresholds": [50, 100]})
    for number in range(10):
        await ingest(system, body(id=f"r-{number}", data__usage=MILLION))
        await system.deliver.run()
    assert len(system.notifier.effects) == 2
    system.clock.set(NOW + DAY)
    for number in range(10, 20):
        tomorrow = "2026-11-21T11:45:00Z"
        await ingest(system, body(id=f"r-{number}", time=tomorrow, data__usage=MILLION))
        await system.deliver.run()
    assert len(system.notifier.effects) == 4


async def test_a_balance_knows_a_request_once_its_batch_is_done(system: System) -> None:
    """Lago #4954: balances every five minutes. #5463: stuck at zero."""
    await put_under(system)
    for number, expected in enumerate(["2.5", "5", "7.5"]):
        await ingest(system, body(id=f"r-{number}", data__usage=MILLION))
        assert await amount(system) == expected


async def test_credit_is_not_taken_twice(system: System) -> None:
    """Lago #2542: a wallet's balance deducted twice."""
    await put_under(system, billing="prepaid")
    await system.tenancy.add_grant(GrantOffer("acme", "10"))
    for _ in range(3):
        await ingest(system, body(data__usage=MILLION))
    left = await system.credits.of("acme")
    # $10 - $2.50
    assert set(left.remaining) == {parse_amount("7.5")}
