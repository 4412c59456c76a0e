"""Usage that no policy reported: recovered from the gateway's logs, and never counted twice."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.hubs.batch import Message, Tally
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, body, outcome_event
from tests.gateway_logs import gateway_record, llm_record, log, take_in

type System = Any

BOTH = log(llm_record(), gateway_record())
PENDING = body(data__tokens="pending", data__usage=None)
WORTH = "0.0035"


async def state(system: System, tenant: str = "sub-1") -> tuple[str, list[str]]:
    """Return a tenant's amount and the evidence of its entries, in order."""
    amount = format_amount((await system.read.balance(tenant, month_of(AT))).amount)
    evidence = [
        entry.state.evidence.name
        for ledger in await system.verify.ledgers(tenant)
        async for page in system.store.pages(ledger)
        for entry in page.entries
    ]
    return amount, evidence


async def recovered(system: System) -> int:
    system.clock.set(NOW + 15 * MINUTE + 1)
    found: int = (await system.recover.run()).recovered
    return found


@pytest.mark.parametrize("parts", [[BOTH], [log(llm_record()), log(gateway_record())]])
@pytest.mark.parametrize("step", [1, -1])
async def test_what_only_the_logs_know_is_counted_after_the_delay(
    system: System, parts: list[bytes], step: int
) -> None:
    for part in parts[::step]:
        await take_in(system.join, part)
    system.clock.set(NOW + 15 * MINUTE - 1)
    assert (await system.recover.run()).recovered == 0
    assert await recovered(system) == 1
    assert await recovered(system) == 0
    assert await state(system) == (WORTH, ["RECOVERED"])
    balance = await system.read.balance("sub-1", month_of(AT))
    assert balance.total.totals_only == 1


async def test_an_outcome_under_the_id_of_a_request_is_not_that_request(system: System) -> None:
    outcome = json.dumps(outcome_event(id="r-1")).encode()
    await system.ingest.batch([Message(outcome, "0", 0)])
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    assert await state(system) == (WORTH, ["FULL", "RECOVERED"])


async def test_without_a_record_of_the_gateway_nothing_is_recovered(system: System) -> None:
    await take_in(system.join, log(llm_record()))
    assert await recovered(system) == 0
    assert (await system.count_streams.run()).unclaimed == 1


async def test_without_counts_nothing_is_recovered(system: System) -> None:
    await take_in(system.join, log(gateway_record()))
    assert await recovered(system) == 0
    assert tuple(await system.count_streams.run()) == (0, 0, 0, 0)


@pytest.mark.parametrize("source", ["/apim/test", "/apim/named-otherwise"])
async def test_a_final_request_that_a_policy_reported_is_not_recovered(
    system: System, source: str
) -> None:
    await take_in(system.join, BOTH)
    await take_in(system.ingest, body(source=source))
    assert await recovered(system) == 0
    assert await state(system) == (WORTH, ["FULL"])
    balance = await system.read.balance("sub-1", month_of(AT))
    assert balance.head.diagnostics.duplicates == 0


@pytest.mark.parametrize(
    ("policy", "logged"),
    [
        ("2026-10-31T23:59:59Z", "2026-11-01T00:00:01.0Z"),
        ("2026-11-01T00:00:01Z", "2026-10-31T23:59:59.0Z"),
    ],
)
async def test_a_request_that_a_policy_reported_beyond_the_edge_of_a_period_is_not_recovered(
    system: System, policy: str, logged: str
) -> None:
    both = log(llm_record() | {"time": logged}, gateway_record() | {"time": logged})
    await take_in(system.ingest, body(source="/apim/named-otherwise", time=policy))
    await take_in(system.join, both)
    assert await recovered(system) == 0
    assert (await state(system))[1] == ["FULL"]


async def test_a_final_request_that_a_policy_reported_without_counts_gets_those_of_the_logs(
    system: System,
) -> None:
    failed = body(data__tokens="absent", data__usage=None, data__status=500)
    await take_in(system.ingest, failed)
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    assert await state(system) == (WORTH, ["ABSENT", "RECOVERED"])


@pytest.mark.parametrize("first", ["policy", "log"])
async def test_a_stream_that_a_policy_reported_is_not_recovered(system: System, first: str) -> None:
    batches = [(system.ingest, PENDING), (system.join, BOTH)]
    for use_case, content in batches if first == "policy" else reversed(batches):
        await take_in(use_case, content)
    assert await recovered(system) == 0
    assert await state(system) == (WORTH, ["HELD", "TOTALS"])


async def test_a_stream_whose_gateway_record_comes_before_its_counts_is_joined(
    system: System,
) -> None:
    for use_case, content in (
        (system.ingest, PENDING),
        (system.join, log(gateway_record())),
        (system.join, log(llm_record())),
        (system.join, log(gateway_record())),
    ):
        await take_in(use_case, content)
    assert await recovered(system) == 0
    assert await state(system) == (WORTH, ["HELD", "TOTALS"])


async def test_a_stream_whose_complete_event_is_still_on_its_way_is_not_recovered(
    system: System,
) -> None:
    system.publisher.delivers = False
    await take_in(system.join, BOTH)
    await take_in(system.ingest, PENDING)
    assert len(system.publisher.events) == 1
    assert await recovered(system) == 0
    await take_in(system.ingest, system.publisher.events[0][0])
    assert await state(system) == (WORTH, ["HELD", "TOTALS"])


@pytest.mark.parametrize("kind", ["full", "pending"])
async def test_a_policys_event_that_comes_after_recovery_corrects_it(
    system: System, kind: str
) -> None:
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    await take_in(system.ingest, body() if kind == "full" else PENDING)
    better = "FULL" if kind == "full" else "TOTALS"
    assert await state(system) == (WORTH, ["RECOVERED", better])
    system.clock.set(NOW + 2 * DAY)
    await system.expire.run()
    assert await state(system) == (WORTH, ["RECOVERED", better])


@pytest.mark.parametrize("time", ["2026-11-20T11:45:00Z", "2026-11-20T11:39:00Z"])
async def test_a_policys_event_under_another_source_corrects_what_was_recovered(
    system: System, time: str
) -> None:
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    await take_in(system.ingest, body(source="/apim/named-otherwise", time=time))
    amount, _ = await state(system)
    assert amount == WORTH


@pytest.mark.parametrize("step", [1, -1])
async def test_with_logs_only_usage_is_counted_at_once(
    make_system: Callable[..., System], step: int
) -> None:
    system = make_system(recovery_delay=0)
    parts = [log(llm_record()), log(gateway_record(apimSubscriptionId=""))]
    for part in parts[::step]:
        await take_in(system.join, part)
    for _ in range(2):
        await take_in(system.join, *parts)
    assert await state(system, "anonymous") == (WORTH, ["RECOVERED"])
    assert await recovered(system) == 0
    assert (await system.count_streams.run()).recovering == 0


async def test_where_there_are_policies_a_call_without_a_subscription_is_not_recovered(
    system: System,
) -> None:
    """Its client may have been reported under a name that the log lacks."""
    await take_in(system.ingest, body(subject="app:client"))
    tally = await take_in(system.join, log(llm_record(), gateway_record(apimSubscriptionId="")))
    assert tally == Tally(accepted=1, ignored=1)
    assert await recovered(system) == 0
    assert await state(system, "anonymous") == ("0", [])


async def test_where_recovery_is_off_the_gateways_records_are_not_even_kept(
    make_system: Callable[..., System],
) -> None:
    system = make_system(recovery_delay=None)
    assert await take_in(system.join, BOTH) == Tally(accepted=1, ignored=1)
    assert await recovered(system) == 0
    assert await state(system) == ("0", [])


async def test_counts_that_cannot_be_are_set_aside(system: System) -> None:
    await take_in(system.join, log(llm_record(totalTokens=9), gateway_record()))
    assert await recovered(system) == 0
    assert (await system.dead_letters.count_dead_letters()).kept == {"usage_inconsistent": 1}


async def test_an_event_that_cannot_be_accepted_becomes_a_dead_letter(system: System) -> None:
    long_ago = gateway_record("r-2") | {"time": "2020-01-01T00:00:00Z"}
    await take_in(system.join, BOTH, log(llm_record("r-2"), long_ago))
    assert await recovered(system) == 2
    assert await state(system) == (WORTH, ["RECOVERED"])
    assert (await system.dead_letters.count_dead_letters()).kept == {"too_old": 1}


async def test_an_unknown_subscription_becomes_a_dead_letter_that_can_be_replayed(
    make_system: Callable[..., System],
) -> None:
    system = make_system(automatic=False)
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    assert (await system.dead_letters.count_dead_letters()).kept == {"unknown_subscription": 1}
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.letters.replay(await system.letters.latest(10))
    assert await state(system, "acme") == (WORTH, ["RECOVERED"])


async def test_a_broken_ledger_holds_up_no_other_tenants_recovery(
    system: System, make_system: Callable[..., System]
) -> None:
    await take_in(system.ingest, body(id="r-0"))
    other = gateway_record("r-2", apimSubscriptionId="sub-2")
    await take_in(system.join, BOTH, log(llm_record("r-2"), other))
    await system.database.write(
        lambda connection: connection.execute("UPDATE pages SET document = '{'")
    )
    fresh = make_system()
    assert await recovered(fresh) == 2
    assert await state(fresh, "sub-2") == (WORTH, ["RECOVERED"])
    assert (await fresh.dead_letters.count_dead_letters()).kept == {"ledger_stopped": 1}


async def test_a_hub_that_refuses_loses_nothing_the_timer_comes_again(system: System) -> None:
    await take_in(system.join, BOTH)
    system.publisher.faults = [RetryableError("busy")]
    with pytest.raises(RetryableError):
        await recovered(system)
    assert await recovered(system) == 1
    assert await state(system) == (WORTH, ["RECOVERED"])


async def test_a_run_takes_a_bounded_number_and_the_next_one_the_rest(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.streams.timer_marks.TOGETHER", 2)
    monkeypatch.setattr("metering.app.streams.timer_marks.MAX_ROUNDS", 2)
    for n in range(5):
        await take_in(system.join, log(llm_record(f"r-{n}"), gateway_record(f"r-{n}")))
    assert [await recovered(system), await recovered(system)] == [4, 1]
    _, evidence = await state(system)
    assert evidence == [Evidence.RECOVERED.name] * 5


async def test_a_producers_event_under_the_id_hides_no_request_of_the_gateway(
    system: System,
) -> None:
    nothing = {"prompt_tokens": 0, "completion_tokens": 0}
    for source in ("/app/search", "/apim/test"):
        told = body(source=source, producer="app:1", data__usage=nothing)
        await take_in(system.ingest, told)
    await take_in(system.join, BOTH)
    assert await recovered(system) == 1
    assert await state(system) == (WORTH, ["FULL", "FULL", "RECOVERED"])
