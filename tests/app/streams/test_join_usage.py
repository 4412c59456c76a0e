"""Joining logs to streams: in any order, once, and no record or fault stops the others."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.hubs.batch import Tally
from metering.core.basics.errors import Code, RejectedEvent, RetryableError, StopRuleError
from metering.core.basics.instants import DAY, HOUR, MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log, take_in

type System = Any

PENDING = body(data__tokens="pending", data__usage=None, data__hold={"max_output_tokens": 9})
LOG = log(llm_record())
#: 1,000 x 2.5 + 100 x 10 per million
WORTH = "0.0035"


async def amount(system: System, tenant: str = "sub-1") -> str:
    return format_amount((await system.read.balance(tenant, month_of(AT))).amount)


async def counts(system: System) -> tuple[int, int, int]:
    balance = await system.read.balance("sub-1", month_of(AT))
    return balance.total.requests, balance.total.missing, balance.held_requests


async def letters(system: System) -> dict[str, int]:
    return dict((await system.dead_letters.count_dead_letters()).kept)


async def pending(system: System) -> tuple[int, ...]:
    return tuple(await system.count_streams.run())


async def test_a_stream_whose_identity_comes_first_is_counted_when_its_log_comes(
    system: System,
) -> None:
    await take_in(system.ingest, PENDING)
    assert await counts(system) == (0, 0, 1)
    assert await take_in(system.join, LOG) == Tally(accepted=1)
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)
    assert system.publisher.events[0][1] == "sub-1"
    assert await pending(system) == (0, 0, 0, 0)


async def test_a_stream_whose_log_comes_first_is_counted_when_its_identity_comes(
    system: System,
) -> None:
    await take_in(system.join, LOG)
    assert await pending(system) == (0, 0, 0, 1)
    assert await take_in(system.ingest, PENDING) == Tally(accepted=1)
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)
    system.clock.set(NOW + HOUR)
    assert await system.recover.run() == (0, 0)
    assert await pending(system) == (0, 0, 0, 0)


async def test_how_many_requests_were_counted_from_logs_is_on_the_balance(
    system: System,
) -> None:
    await take_in(system.ingest, PENDING, body(id="r-2"))
    await take_in(system.join, LOG)
    total = (await system.read.balance("sub-1", month_of(AT))).total
    assert (total.requests, total.totals_only) == (2, 1)
    await take_in(system.ingest, body())
    total = (await system.read.balance("sub-1", month_of(AT))).total
    assert (total.requests, total.totals_only) == (2, 0)


async def test_halves_that_come_again_change_nothing(system: System) -> None:
    for _ in range(3):
        await take_in(system.ingest, PENDING, PENDING)
        await take_in(system.join, LOG, LOG)
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)
    assert await letters(system) == {}


async def test_a_log_of_chunks_probes_and_repeats_is_one_request(system: System) -> None:
    await take_in(system.ingest, PENDING)
    chunk = llm_record(
        sequenceNumber=1, promptTokens=0, completionTokens=0, totalTokens=0, requestMessages="hi"
    )
    probe = llm_record(
        None, requestId="", modelName="", promptTokens=0, completionTokens=0, totalTokens=0
    )
    tally = await take_in(system.join, log(chunk, chunk, llm_record()), log(probe, llm_record()))
    assert tally == Tally(accepted=1, ignored=4)
    assert await take_in(system.join, LOG) == Tally(duplicates=1)
    assert await amount(system) == WORTH


async def test_zero_in_a_log_is_no_count_so_the_stream_goes_on_waiting(system: System) -> None:
    await take_in(system.ingest, PENDING)
    await take_in(system.join, log(llm_record(promptTokens=0, completionTokens=0, totalTokens=0)))
    assert await counts(system) == (0, 0, 1)


async def test_a_bad_record_becomes_a_dead_letter_without_its_messages(system: System) -> None:
    bad = llm_record(None, requestMessages="my secret")
    tally = await take_in(system.join, log(bad, llm_record()), b"my secret")
    assert tally == Tally(1, rejected={Code.MISSING_FIELD: 1, Code.NOT_JSON: 1})
    found = await system.letters.latest(10)
    assert {(letter.hub, letter.partition) for letter in found} == {("gateway-logs", "3")}
    assert not any(b"secret" in letter.body for letter in found)
    # Sent again they are refused again, as the same letters.
    again = await system.letters.replay(found)
    assert again == Tally(rejected={Code.MISSING_FIELD: 1, Code.NOT_JSON: 1})
    assert again.dead_letters == {letter.id for letter in found}
    assert len(await system.letters.latest(10)) == 2


async def test_a_truncated_event_gives_what_was_before_the_cut(system: System) -> None:
    await take_in(system.ingest, PENDING)
    whole = log(llm_record(), llm_record("r-2", responseMessages="my secret"))
    assert await take_in(system.join, whole[:-9]) == Tally(1, rejected={Code.TRUNCATED: 1})
    assert await amount(system) == WORTH


async def test_a_mostly_unreadable_batch_takes_in_nothing_for_fifteen_minutes(
    system: System,
) -> None:
    bad = [log(llm_record(f"r-{n}"))[:-9] for n in range(20)]
    await take_in(system.ingest, PENDING)
    for elapsed in (0, 15 * MINUTE - 1):
        system.clock.set(NOW + elapsed)
        with pytest.raises(StopRuleError, match="20 of 21 events from 3/0 cannot be read"):
            await take_in(system.join, *bad, LOG)
    assert (await counts(system), await letters(system)) == ((0, 0, 1), {})
    system.clock.set(NOW + 15 * MINUTE)
    assert await take_in(system.join, *bad, LOG) == Tally(1, rejected={Code.TRUNCATED: 20})
    assert await amount(system) == WORTH
    assert "20 unreadable events" in system.alerts.messages[0]


async def test_twenty_junk_records_stop_none_of_nineteen_good_ones(system: System) -> None:
    junk = [b"nonsense %d" % number for number in range(20)]
    good = [log(llm_record(f"r-{number}")) for number in range(19)]
    assert await take_in(system.join, *junk, *good) == Tally(19, rejected={Code.NOT_JSON: 20})
    # Without a record that names a resource, the hub itself is the source of what can be read.
    assert await take_in(system.join, *junk, log("no record"), log()) == Tally(
        rejected={Code.NOT_JSON: 20, Code.INVALID_FIELD: 1}
    )


@pytest.mark.parametrize("first", ["identity", "log"])
async def test_a_hub_that_refuses_loses_nothing_the_batch_comes_again(
    system: System, first: str
) -> None:
    batches = [(system.ingest, PENDING), (system.join, LOG)]
    if first == "log":
        batches.reverse()
    await take_in(*batches[0])
    system.publisher.faults = [RetryableError("busy")] * 2
    for _ in range(2):
        with pytest.raises(RetryableError):
            await take_in(*batches[1])
    await take_in(*batches[1])
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)
    assert (await pending(system))[0] == 0


async def test_an_event_that_the_hub_does_not_take_is_set_aside_and_the_others_go_on(
    system: System,
) -> None:
    await take_in(system.ingest, PENDING, PENDING.replace(b"r-1", b"r-2"))
    too_large = RejectedEvent(Code.TOO_LARGE, "too large")
    system.publisher.faults = [too_large, too_large]
    tally = await take_in(system.join, LOG, log(llm_record("r-2")))
    assert tally == Tally(2, rejected={Code.TOO_LARGE: 1})
    assert await counts(system) == (1, 0, 1)
    (letter,) = await system.letters.latest(10)
    assert letter.hub == "usage"
    assert await system.letters.replay([letter]) == Tally(1)
    # 2 x 0.0035
    assert (await counts(system), await amount(system)) == ((2, 0, 0), "0.007")


async def test_other_counts_for_known_ones_are_set_aside_and_the_first_stand(
    system: System,
) -> None:
    other = log(llm_record(completionTokens=101, totalTokens=1101))
    await take_in(system.join, LOG)
    tally = await take_in(system.join, other)
    assert tally == Tally(duplicates=1, rejected={Code.ID_CONFLICT: 1})
    await take_in(system.ingest, PENDING)
    assert await amount(system) == WORTH
    (letter,) = await system.letters.latest(10)
    assert json.loads(letter.body)["records"][0]["properties"]["completionTokens"] == 101


async def test_counts_that_cannot_be_are_set_aside_and_then_missing(system: System) -> None:
    impossible = log(llm_record(totalTokens=9))
    await take_in(system.ingest, PENDING)
    assert (await take_in(system.join, impossible)).rejected == {Code.USAGE_INCONSISTENT: 1}
    await take_in(system.ingest, PENDING)
    assert await letters(system) == {"usage_inconsistent": 1}
    system.clock.set(NOW + DAY)
    assert (await system.expire.run()).settled == 1
    assert await counts(system) == (1, 1, 0)


async def test_a_log_that_comes_after_a_day_still_corrects_the_entry(system: System) -> None:
    await take_in(system.ingest, PENDING)
    system.clock.set(AT + DAY + HOUR)
    await system.expire.run()
    assert (await counts(system), await pending(system)) == ((1, 1, 0), (0, 1, 0, 0))
    await take_in(system.join, LOG)
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)
    assert await pending(system) == (0, 1, 0, 0)


@pytest.mark.parametrize("step", [1, -1])
async def test_a_request_reported_in_outbound_and_again_in_on_error_is_counted_once(
    system: System, step: int
) -> None:
    failed = body(data__tokens="absent", data__usage=None, data__status=499)
    for event in [PENDING, failed][::step]:
        await take_in(system.ingest, event)
    assert await counts(system) == (1, 0, 0)
    await take_in(system.join, LOG)
    assert (await counts(system), await amount(system)) == ((1, 0, 0), WORTH)


async def test_a_store_out_of_reach_is_raised(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_: object) -> None:
        raise RetryableError("down")

    monkeypatch.setattr(system.register.store, "file", down)
    with pytest.raises(RetryableError):
        await take_in(system.join, LOG)


async def test_an_empty_batch_is_no_news(system: System) -> None:
    assert await take_in(system.join) == Tally()


async def test_the_log_rows_of_final_requests_leave_nothing_behind_and_no_entries(
    system: System,
) -> None:
    finals = [body(id=f"r-{number}") for number in range(500)]
    await take_in(system.ingest, *finals)
    rows = [log(llm_record(f"r-{n}"), gateway_record(f"r-{n}")) for n in range(500)]
    assert await take_in(system.join, *rows) == Tally(accepted=1000)
    kept = await system.database.all("SELECT place FROM register")
    # Their ids, filed once by ingestion; nothing of their log rows.
    assert [place.partition("|")[0] for (place,) in kept] == ["final"]
    system.clock.set(NOW + HOUR)
    assert await system.recover.run() == (0, 0)
    assert await pending(system) == (0, 0, 0, 0)
    system.clock.set(NOW + 8 * DAY + 1)
    assert (await system.expire.run()).settled == 0
    assert await system.database.all("SELECT place FROM register") == []
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.head.entries, balance.head.diagnostics.duplicates) == (500, 0)
    assert system.publisher.events == []


async def test_eight_processes_that_join_the_same_halves_count_each_once(
    make_system: Callable[..., System],
) -> None:
    systems = [make_system() for _ in range(8)]
    identities = [
        body(id=f"r-{number}", data__tokens="pending", data__usage=None) for number in range(40)
    ]
    rows = [
        log(*(llm_record(f"r-{n}") for n in range(first, first + 8))) for first in range(0, 40, 8)
    ]
    await asyncio.gather(
        *(
            take_in(system.ingest, *identities) if number % 2 else take_in(system.join, *rows)
            for number, system in enumerate(systems)
        )
    )
    # What a process wrote after the others had joined and forgotten it is still there to join.
    await take_in(systems[0].ingest, *identities)
    await take_in(systems[0].join, *rows)
    balance = await systems[0].read.balance("sub-1", month_of(AT))
    # 40 requests at 0.0035
    assert (balance.total.requests, format_amount(balance.amount)) == (40, "0.14")
    verdicts = [await systems[0].verify.one(name) for name in await systems[0].verify.ledgers()]
    assert [verdict.faults for verdict in verdicts] == [()]
    assert await letters(systems[0]) == {}


@pytest.mark.parametrize("tokens", ["pending", "final"])
async def test_a_producer_takes_no_log_row_of_the_gateways_stream(
    system: System, tokens: str
) -> None:
    usage = None if tokens == "pending" else {"prompt_tokens": 0, "completion_tokens": 0}
    own = {"source": "/app/search", "producer": "app:1"}
    await take_in(system.ingest, body(**own, data__tokens=tokens, data__usage=usage))
    await take_in(system.ingest, PENDING)
    await take_in(system.join, LOG)
    assert await amount(system) == WORTH
    counted = [
        entry.key[1]
        for ledger in await system.verify.ledgers("sub-1")
        async for page in system.store.pages(ledger)
        for entry in page.entries
        if entry.state.amount and not entry.state.is_hold
    ]
    assert counted == ["/apim/test"]
