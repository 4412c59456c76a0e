"""The timer that brings limits up to date, whatever happens around it."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.errors import HeadMovedError, LedgerBroken
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.effect import EffectKind
from metering.core.plans.plan import read_plan
from tests.builders import AT, NOW, body

type System = Any

LEDGER = LedgerId("acme", month_of(AT).start)
BY_MODEL = {
    "metric": "tokens",
    "window": "period",
    "scope": {"model": "gpt-4o"},
    "limit": "1000",
    "thresholds": [80, 100],
    "action": "block",
}


async def ingest(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])


async def late_quota(system: System, *quotas: dict[str, Any]) -> None:
    """Let acme use something, and then put it under quotas that only its pages can begin."""
    await system.tenancy.define_plan(read_plan("p", {"id": "capped"}), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await ingest(system, body(), body(id="r-2"))
    plan = read_plan("p", {"id": "capped", "quotas": list(quotas) or [BY_MODEL]})
    await system.tenancy.define_plan(plan, None)
    system.clock.set(NOW + 6 * MINUTE)


async def used(system: System) -> list[int]:
    stored = await system.store.read_head(LEDGER)
    return [counter.used for counter in stored.head.counts.used.values()]


async def told(system: System) -> list[EffectKind]:
    due = await system.effects.due(system.clock.now(), 100)
    return [stored.effect.kind for stored in due]


async def test_a_quota_below_what_is_spent_is_noted_and_told_once(system: System) -> None:
    await late_quota(system)
    assert await system.enforce.run() == 1
    # 2 x 1,100 tokens
    assert await used(system) == [2200]
    assert await told(system) == [EffectKind.QUOTA, EffectKind.QUOTA]
    assert await system.enforce.run() == 0
    assert len(await told(system)) == 2
    assert not (await system.verify.one(LEDGER)).faults


async def test_commits_go_on_counting_from_there(system: System) -> None:
    await late_quota(system)
    await system.enforce.run()
    await ingest(system, body(id="r-3"))
    assert await used(system) == [3300]
    assert not (await system.verify.one(LEDGER)).faults


async def test_a_commit_takes_over_what_the_head_can_tell_by_itself(system: System) -> None:
    await late_quota(system, {**BY_MODEL, "scope": "all"})
    await ingest(system, body(id="r-3"))
    assert await used(system) == [3300]
    assert await system.enforce.run() == 0


async def test_a_commit_does_not_wait_for_what_only_the_pages_tell(system: System) -> None:
    await late_quota(system)
    await ingest(system, body(id="r-3"))
    assert await used(system) == []
    assert await system.enforce.run() == 1
    assert await used(system) == [3300]


async def test_two_at_once_change_it_once(make_system: Any) -> None:
    one, other = make_system(), make_system()
    await late_quota(one)
    other.clock.set(NOW + 6 * MINUTE)
    real = other.store.commit

    async def commit(commit: Any) -> None:
        await one.enforce.run()
        other.store.commit = real
        await real(commit)

    other.store.commit = commit
    assert await other.enforce.run() == 0
    assert await used(one) == [2200]
    assert len(await told(one)) == 2


async def test_a_ledger_that_never_stands_still_is_left_to_the_next_run(system: System) -> None:
    await late_quota(system)

    async def commit(_commit: Any) -> None:
        raise HeadMovedError("again")

    system.store.commit = commit
    assert await system.enforce.run() == 0


async def test_a_page_that_is_not_there_yet_leaves_the_ledger_to_the_next_run(
    system: System,
) -> None:
    await late_quota(system)

    async def pages(_ledger: LedgerId, *, after: int = 0) -> Any:
        assert after == 0
        for page in list[Any]():
            yield page

    system.store.pages, system.store.absent = pages, {1}
    assert await system.enforce.run() == 0
    assert system.alerts.messages == []


async def test_pages_beyond_the_head_that_was_read_are_left_for_the_next_look(
    system: System,
) -> None:
    await late_quota(system)
    real = system.store.pages
    committed: list[bool] = []

    async def pages(ledger: LedgerId, *, after: int = 0) -> Any:
        if not committed:
            committed.append(True)
            await ingest(system, body(id="r-3"))
        async for page in real(ledger, after=after):
            yield page

    system.store.pages = pages
    assert await system.enforce.run() == 1
    assert await used(system) == [3300]


async def test_a_broken_ledger_does_not_keep_others_from_their_limits(system: System) -> None:
    await late_quota(system)
    await system.tenancy.assign_plan("aaa", "capped", None)
    await system.tenancy.map_subject("sub-2", "aaa", None)
    await ingest(system, body(id="r-9", subject="sub-2"))
    real = system.store.read_head

    async def read_head(ledger: LedgerId) -> Any:
        if ledger.tenant == "aaa":
            raise LedgerBroken(str(ledger), "is damaged")
        return await real(ledger)

    system.store.read_head = read_head
    assert await system.enforce.run() == 1
    assert len(system.alerts.messages) == 1


async def test_ledgers_of_the_past_keep_the_limits_they_had(system: System) -> None:
    await late_quota(system)
    system.clock.set(NOW + 20 * DAY)
    assert await system.enforce.run() == 0
    await ingest(system, body(id="late"))
    assert await used(system) == []
