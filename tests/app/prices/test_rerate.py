"""Re-rating: what had no price, or a wrong one, gets corrections; twice is the same as once."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.rerating import Scope
from tests.app.rerating import rerate, timer
from tests.builders import AT, NOW, body, price_file

type System = Any

LEDGER = LedgerId("sub-1", month_of(AT).start)
MYSTERY: dict[str, Any] = {"model": "mystery"}


async def ingest(system: System, *bodies: bytes) -> Any:
    return await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def publish(system: System, *rows: dict[str, Any], version: str = "v2") -> None:
    await system.tenancy.publish_prices(version, price_file(*rows, version=version))


async def balance(system: System) -> tuple[str, int]:
    found = await system.read.balance("sub-1", month_of(AT))
    return format_amount(found.amount), found.total.unpriced


async def proven(system: System) -> bool:
    return not (await system.verify.one(LEDGER)).faults


async def test_a_price_that_comes_later_prices_what_waited_for_it(system: System) -> None:
    await ingest(system, body(data__model="mystery"), body(id="r-2"))
    assert await balance(system) == ("0.0035", 1)
    await publish(system, MYSTERY)
    # 1,000 x 2.5 + 100 x 10 a million = 0.0035 each
    assert await timer(system).run() == 1
    assert await balance(system) == ("0.007", 0)
    assert await proven(system)


async def test_pricing_twice_changes_nothing(system: System) -> None:
    await ingest(system, body(data__model="mystery"))
    await publish(system, MYSTERY)
    assert await timer(system).run() == 1
    before = await system.store.read_head(LEDGER)
    assert await timer(system).run() == 0
    await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)
    assert await system.store.read_head(LEDGER) == before


async def test_the_timer_looks_again_only_after_something_changed(system: System) -> None:
    at_work = timer(system)
    await ingest(system, body(data__model="mystery"))
    assert [await at_work.run() for _ in range(4)] == [0, 0, 0, 0]
    await publish(system, MYSTERY)
    assert [await at_work.run() for _ in range(2)] == [1, 0]


async def test_usage_on_its_way_when_the_price_came_is_found_by_a_further_look(
    system: System,
) -> None:
    at_work = timer(system)
    await publish(system, {"model": "another"})
    assert await at_work.run() == 0
    await ingest(system, body(data__model="mystery"))
    await publish(system, MYSTERY, version="v3")
    assert await at_work.run() == 1


async def test_a_dry_run_says_what_would_change_and_writes_nothing(system: System) -> None:
    await ingest(system, body(data__model="mystery"))
    await publish(system, MYSTERY)
    before = await system.store.read_head(LEDGER)
    found = await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=True)
    (change,) = found.repricings
    assert (change.model, change.before, change.after, change.requests) == (
        "mystery",
        None,
        "mystery/global/any/standard (v2)",
        1,
    )
    assert format_amount(change.difference) == "0.0035"
    assert found.corrected == 0
    assert await system.store.read_head(LEDGER) == before


async def test_a_superseded_price_is_corrected_only_when_asked(system: System) -> None:
    await ingest(system, body(), body(id="r-2"))
    await publish(system, {"per_million_tokens": {"input": "2", "output": "10"}})
    assert await timer(system).run() == 0
    assert await balance(system) == ("0.007", 0)
    found = await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)
    # 1,000 x 2 + 100 x 10 a million = 0.003: 0.0005 less each
    assert found.corrected == 2
    assert format_amount(found.repricings[0].difference) == "-0.001"
    assert await balance(system) == ("0.006", 0)
    assert await proven(system)


async def test_a_correction_stands_at_the_time_of_what_it_corrects(system: System) -> None:
    await ingest(system, body(data__model="mystery"))
    await publish(system, MYSTERY)
    system.clock.set(NOW + DAY)
    await timer(system).run()
    pages = [page async for page in system.store.pages(LEDGER)]
    entry = pages[1].entries[0]
    assert (entry.time, entry.arrival) == (AT, NOW + DAY)
    assert entry.supersedes is not None
    assert entry.supersedes.state.amount is None


async def test_better_counts_and_a_new_price_meet_in_any_order(system: System) -> None:
    totals = body(data__model="mystery", data__evidence="totals")
    full = body(
        data__model="mystery",
        data__usage={
            "prompt_tokens": 1000,
            "completion_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 1000},
        },
    )
    await ingest(system, totals)
    await publish(system, MYSTERY)
    assert await timer(system).run() == 1
    await ingest(system, full)
    # 1,000 x 1.25 + 100 x 10 a million
    assert await balance(system) == ("0.00225", 0)
    assert await proven(system)


async def test_what_was_corrected_between_search_and_commit_is_judged_as_it_is(
    make_system: Any,
) -> None:
    one, other = make_system(), make_system()
    await ingest(one, body(data__model="mystery"))
    await publish(one, MYSTERY)

    await other.tenancy.refresh()
    assert await timer(other).run() == 1
    # Its view is of before: it looks again after the lost race, and finds nothing left to do.
    found = await rerate(one).ledger(LEDGER, Scope.UNPRICED, dry_run=False)
    assert found.corrected == 0
    assert await balance(one) == ("0.0035", 0)
    assert await proven(one)


@pytest.mark.parametrize("status", [429, 500])
async def test_what_is_not_billable_needs_no_price(system: System, status: int) -> None:
    refused = body(data__model="mystery", data__status=status, data__usage=None)
    await ingest(system, refused)
    await publish(system, MYSTERY)
    assert await timer(system).run() == 0


async def test_holds_are_not_rated_again(system: System) -> None:
    pending = body(data__tokens="pending", data__usage=None, data__model="mystery")
    await ingest(system, pending)
    await publish(system, MYSTERY)
    found = await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)
    assert found.repricings == ()


async def test_a_price_that_went_takes_no_amount_back(system: System) -> None:
    await ingest(system, body())
    await publish(system, {"per_million_tokens": {"input": "2"}})
    found = await rerate(system).ledger(LEDGER, Scope.ALL, dry_run=False)
    assert found.repricings == ()
    assert await balance(system) == ("0.0035", 0)


async def test_a_broken_ledger_does_not_keep_others_unpriced(system: System) -> None:
    await ingest(system, body(data__model="mystery"), body(id="r-2", subject="sub-2"))
    await ingest(system, body(id="r-3", subject="sub-2", data__model="mystery"))
    await publish(system, MYSTERY)
    broken = system.store
    real = broken.read_head

    async def read_head(ledger: LedgerId) -> Any:
        if ledger.tenant == "sub-1":
            raise LedgerBroken(str(ledger), "is damaged")
        return await real(ledger)

    broken.read_head = read_head
    assert await timer(system).run() == 1
    assert len(system.alerts.messages) == 1


async def test_many_corrections_are_written_in_parts(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.prices.rerate.MAX_CANDIDATES", 3)
    monkeypatch.setattr("metering.app.prices.rerate._CORRECTIONS_A_COMMIT", 2)
    for batch in range(4):
        rows = (body(id=f"r-{batch}-{n}", data__model="mystery") for n in range(3))
        await ingest(system, *rows)
    await publish(system, MYSTERY)
    assert await timer(system).run() == 12
    assert (await balance(system))[1] == 0
    assert await proven(system)
