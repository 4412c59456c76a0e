"""Ingesting a batch: every body is counted once or set aside, and one fault stops nobody else."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message, Tally
from metering.core.basics.errors import Code, RetryableError, StopRuleError
from metering.core.basics.instants import MINUTE, SECOND, format_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import month_of
from tests.builders import AT, NOW, body

type System = Any


async def ingest(system: System, *bodies: bytes, **options: int) -> Tally:
    messages = [Message(content, "0", number) for number, content in enumerate(bodies)]
    tally = await system.ingest.batch(messages, **options)
    assert isinstance(tally, Tally)
    return tally


async def amount(system: System, tenant: str) -> str:
    return format_amount((await system.read.balance(tenant, month_of(AT))).amount)


async def letters(system: System) -> list[tuple[str, bytes]]:
    found = await system.dead_letters.list_dead_letters(100)
    return [(letter.code, letter.body) for letter in found]


async def test_the_letter_of_a_conflict_is_the_event_that_conflicts_and_no_other_that_says_the_same(
    system: System,
) -> None:
    absent = {"data__tokens": "absent", "data__usage": None}
    moved = body(time="2026-11-20T11:46:00Z", **absent)
    pending = body(time="2026-11-20T11:46:00Z", **absent | {"data__tokens": "pending"})
    assert (await ingest(system, body(**absent), moved, pending)).duplicates == 1
    assert await letters(system) == [("id_conflict", moved)]


async def test_a_batch_is_spread_over_the_ledgers_of_its_tenants(system: System) -> None:
    tally = await ingest(system, body(), body(id="r-2", subject="sub-2"), body(id="r-3"))
    assert tally == Tally(accepted=3)
    assert await amount(system, "sub-1") == "0.007"
    assert await amount(system, "sub-2") == "0.0035"


async def test_a_batch_again_is_all_duplicates(system: System) -> None:
    made = [body(id=f"r-{n}") for n in range(3)]
    await ingest(system, *made)
    assert await ingest(system, *reversed(made)) == Tally(duplicates=3)


async def test_an_empty_batch_is_no_news(system: System) -> None:
    assert await ingest(system) == Tally()


async def test_a_bad_event_is_set_aside_with_its_body_and_the_rest_is_counted(
    system: System,
) -> None:
    tally = await ingest(system, body(), b"nonsense", body(id="r-2", type="other"))
    assert tally == Tally(accepted=1, rejected={Code.NOT_JSON: 1, Code.UNKNOWN_TYPE: 1})
    assert sorted(await letters(system)) == [
        ("not_json", b"nonsense"),
        ("unknown_type", body(id="r-2", type="other")),
    ]
    assert (await system.dead_letters.count_dead_letters()).kept == {
        "not_json": 1,
        "unknown_type": 1,
    }


async def test_the_same_bad_body_is_one_dead_letter(system: System) -> None:
    await ingest(system, b"nonsense")
    await ingest(system, b"nonsense", b"nonsense")
    assert len(await letters(system)) == 1


async def test_other_content_under_a_known_id_is_set_aside(system: System) -> None:
    await ingest(system, body())
    other = body(data__usage={"prompt_tokens": 1})
    assert await ingest(system, other, body()) == Tally(0, 1, {Code.ID_CONFLICT: 1})
    assert await letters(system) == [("id_conflict", other)]
    assert await amount(system, "sub-1") == "0.0035"


async def test_an_unknown_subscription_gets_a_tenant_of_its_own(system: System) -> None:
    await ingest(system, body(subject="app:x"))
    (tenant,) = await system.read.tenants()
    assert tenant.startswith("app-x-")
    assert await amount(system, tenant) == "0.0035"


async def test_where_tenants_are_not_automatic_an_unknown_subscription_is_set_aside(
    make_system: Callable[..., System],
) -> None:
    system = make_system(automatic=False)
    await system.tenancy.map_subject("sub-1", "acme", None)
    tally = await ingest(system, body(), body(subject="sub-2"))
    assert tally == Tally(accepted=1, rejected={Code.UNKNOWN_SUBSCRIPTION: 1})
    assert await amount(system, "acme") == "0.0035"


async def test_a_mapping_made_elsewhere_holds_from_the_next_batch_on(
    make_system: Callable[..., System],
) -> None:
    system, operator = make_system(automatic=False), make_system(automatic=False)
    await ingest(system, body())
    await operator.tenancy.map_subject("sub-1", "acme", None)
    assert await ingest(system, body()) == Tally(accepted=1)


async def test_a_broken_ledger_parks_its_own_events_and_no_one_elses(
    system: System, make_system: Callable[..., System]
) -> None:
    await ingest(system, body(), body(subject="sub-2"))
    await system.database.write(
        lambda connection: connection.execute(
            "UPDATE heads SET document = replace(document, 'last_hash\":\"', 'last_hash\":\"0')"
            " WHERE tenant = 'sub-1'"
        )
    )
    fresh = make_system()
    parked = body(id="r-9")
    tally = await ingest(fresh, parked, body(id="r-9", subject="sub-2"))
    assert tally == Tally(accepted=1, rejected={Code.LEDGER_STOPPED: 1})
    assert await letters(fresh) == [("ledger_stopped", parked)]
    assert "sub-1|2026-11-01T00:00:00Z" in fresh.alerts.messages[0]


async def test_a_store_out_of_reach_is_raised_and_a_repeat_counts_once(system: System) -> None:
    def down() -> None:
        raise RetryableError("down")

    # Two ledgers, and each is tried twice.
    system.store.after = [down] * 4
    with pytest.raises(RetryableError):
        await ingest(system, body(), body(id="r-2", subject="sub-2"))
    await ingest(system, body(), body(id="r-2", subject="sub-2"))
    assert (await amount(system, "sub-1"), await amount(system, "sub-2")) == ("0.0035", "0.0035")


async def test_a_mostly_unreadable_batch_of_one_source_commits_nothing(system: System) -> None:
    bad = [body(id=f"bad-{n}", specversion="9") for n in range(20)]
    with pytest.raises(StopRuleError, match="20 of 21 events from 0/0 cannot be read"):
        await ingest(system, *bad, body())
    assert await letters(system) == []
    assert await amount(system, "sub-1") == "0"


async def test_junk_of_one_source_holds_back_nothing_of_another(system: System) -> None:
    """In the same batch, in a later batch of the same partition, and if the junk comes first."""
    junk = [b"nonsense %d" % n for n in range(20)]
    of_b = [body(id=f"b-{n}", source="/apim/b", specversion="9") for n in range(20)]
    with pytest.raises(StopRuleError):
        await ingest(system, *of_b)
    # Another partition, or the next process: source a can be read, so the deploy is good.
    assert await ingest(system, *junk, *(body(id=f"r-{n}") for n in range(19))) == Tally(
        19, rejected={Code.NOT_JSON: 20}
    )
    assert await ingest(system, *of_b) == Tally(rejected={Code.UNKNOWN_SCHEMA_VERSION: 20})
    assert await ingest(system, *junk) == Tally(rejected={Code.NOT_JSON: 20})
    assert "of 1 source: '/apim/b'" in system.alerts.messages[1]


async def test_a_bad_deploy_of_the_readable_source_itself_is_held(system: System) -> None:
    await ingest(system, body())
    bad = [body(id=f"bad-{n}", specversion="9") for n in range(20)]
    with pytest.raises(StopRuleError):
        await ingest(system, *bad)
    # What was read a quarter of an hour ago no longer vouches for the deploy.
    await ingest(system, body(id="b-1", source="/apim/b"))
    system.clock.set(NOW + 15 * MINUTE)
    with pytest.raises(StopRuleError):
        await ingest(system, *(body(id=f"more-{n}", specversion="9") for n in range(30)))


async def test_a_file_is_one_source(system: System) -> None:
    """Whoever sent it waits for the answer, so nothing of it is counted before it is mended."""
    junk = [b"nonsense %d" % n for n in range(20)]
    with pytest.raises(StopRuleError, match="20 of 21 events"):
        await ingest(system, *junk, body(), stop_for=FOREVER)
    assert await ingest(system, *junk[:19], body(), stop_for=FOREVER) == Tally(
        1, rejected={Code.NOT_JSON: 19}
    )


async def test_many_readable_sources_are_not_remembered_for_ever(system: System) -> None:
    for n in range(40):
        await ingest(system, body(id=f"r-{n}", source=f"/apim/{n}"))
    junk = [b"nonsense %d" % n for n in range(20)]
    assert await ingest(system, *junk) == Tally(rejected={Code.NOT_JSON: 20})


async def test_after_fifteen_minutes_an_unreadable_batch_goes_to_dead_letters(
    system: System,
) -> None:
    bad = [body(id=f"bad-{n}", specversion="9") for n in range(20)]
    for elapsed in (0, 15 * MINUTE - SECOND):
        system.clock.set(NOW + elapsed)
        with pytest.raises(StopRuleError):
            await ingest(system, *bad)
    system.clock.set(NOW + 15 * MINUTE)
    assert await ingest(system, *bad, body()) == Tally(1, 0, {Code.UNKNOWN_SCHEMA_VERSION: 20})
    assert "20 unreadable events become dead letters" in system.alerts.messages[0]


async def test_a_batch_that_became_readable_starts_its_patience_anew(system: System) -> None:
    bad = [body(id=f"bad-{n}", specversion="9") for n in range(20)]
    with pytest.raises(StopRuleError):
        await ingest(system, *bad)
    await ingest(system, body())
    system.clock.set(NOW + 15 * MINUTE)
    with pytest.raises(StopRuleError):
        await ingest(system, *bad)


async def test_a_batch_need_not_be_waited_for(system: System) -> None:
    bad = [b"nonsense %d" % n for n in range(20)]
    assert await ingest(system, *bad, stop_for=0) == Tally(rejected={Code.NOT_JSON: 20})


async def test_a_stream_is_held_and_waits_for_its_counts(system: System) -> None:
    hold = {"prompt_tokens_estimate": 1000, "max_output_tokens": 100}
    pending = body(data__tokens="pending", data__usage=None, data__hold=hold)
    assert await ingest(system, pending) == Tally(accepted=1)
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.held_requests) == (0, 1)
    assert (await system.count_streams.run()).waiting == 1
    assert await ingest(system, body()) == Tally(accepted=1)
    balance = await system.read.balance("sub-1", month_of(AT))
    assert (balance.total.requests, balance.held_requests) == (1, 0)


async def test_a_tally_adds_up_over_batches() -> None:
    first = Tally(1, 2, {Code.NOT_JSON: 3})
    assert first.plus(Tally(10, 20, {Code.NOT_JSON: 30, Code.TOO_OLD: 1})) == Tally(
        11, 22, {Code.NOT_JSON: 33, Code.TOO_OLD: 1}
    )


async def test_requests_of_two_periods_land_in_two_ledgers(system: System) -> None:
    edge = month_of(AT).start
    await ingest(
        system, body(time=format_instant(edge - SECOND)), body(id="b", time=format_instant(edge))
    )
    assert [str(ledger) for ledger in await system.verify.ledgers("sub-1")] == [
        "sub-1|2026-10-01T00:00:00Z",
        "sub-1|2026-11-01T00:00:00Z",
    ]
