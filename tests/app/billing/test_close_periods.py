"""Closing: once, in order, whatever was down; late usage lands once and is billed once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from metering.app.billing.close_periods import GRACE, PATIENCE
from metering.app.billing.draft_statements import DraftStatements
from metering.app.billing.statements import Statements
from metering.app.hubs.hub_lag import NoHubs
from metering.app.ingest.ingest import Message
from metering.app.prices.rerate import Rerate
from metering.core.basics.errors import (
    ConfigurationError,
    HeadMovedError,
    LedgerBroken,
    RetryableError,
)
from metering.core.basics.instants import DAY, HOUR, Instant, format_instant, parse_instant
from metering.core.basics.money import format_amount, parse_amount
from metering.core.billing.recomputation import Recomputation
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import sealed
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.deployments.deployment import read_deployment
from metering.core.ledger.chain import Position
from metering.core.ledger.page import Page
from metering.core.ledger.rerating import Scope
from metering.core.plans.plan import Plan
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.core.tenancy.grant_records import GrantOffer
from tests.app.committing import fail
from tests.builders import NOW, body
from tests.statements import KeptStatements

type System = Any

OCTOBER, NOVEMBER, DECEMBER = (parse_month(f"2026-{month}") for month in (10, 11, 12))
#: The instant from which November can be closed.
DUE = NOVEMBER.end + GRACE


async def use(
    system: System, name: str, at: Instant = NOVEMBER.start + DAY, **changes: Any
) -> None:
    """Count a request of 1,000 x 2.50 + 100 x 10 a million = 0.0035 USD."""
    made = body(**{"id": name, "time": format_instant(at), "subject": "acme", **changes})
    done = await system.ingest.batch([Message(made, "0", 0)])
    assert done.accepted == 1, done


async def statements(system: System, tenant: str = "acme") -> list[Statement]:
    return [one async for one in system.read_statements.every(tenant)]


async def must_hold(system: System, tenant: str = "acme") -> None:
    """Derive every statement again from the pages, whether or not these have been proven."""
    for is_proven in (False, True):
        verdicts = system.read_statements.verify(tenant, is_proven=is_proven)
        assert [fault async for one in verdicts for fault in one.faults] == []


def exact(statement: Statement, *kinds: str) -> str:
    return format_amount(sum(line.amount for line in statement.lines if line.kind in kinds))


async def test_a_period_is_closed_a_day_after_its_end_and_not_before(system: System) -> None:
    await use(system, "a")
    assert await system.close(NOVEMBER.end - 1) == ([], [])
    ((), (waiting,)) = await system.close(DUE - 1)
    assert (waiting.tenant, waiting.period, waiting.reason, waiting.until) == (
        *("acme", "2026-11", "grace", DUE),
    )
    ((closed,), waiting) = await system.close(DUE)
    assert (closed.tenant, closed.period, closed.total, waiting) == ("acme", "2026-11", 0, [])
    (statement,) = await statements(system)
    assert exact(statement, "usage") == "0.0035"
    await must_hold(system)


async def test_closing_twice_is_closing_once(system: System) -> None:
    await use(system, "a")
    await system.close(DUE)
    before = await statements(system)
    assert await system.close(DUE) == ([], [])
    assert [one async for one in system.closing.run(DUE)] == []
    assert [one async for one in system.closing.run(DUE)] == []
    assert await statements(system) == before


async def test_a_tenant_without_usage_is_billed_its_base_fee(system: System) -> None:
    await system.tenancy.define_plan(Plan(id="fee", base_fee="5"), None)
    await system.tenancy.assign_plan("quiet", "fee", None)
    ((closed,), _) = await system.close(DUE)
    assert (closed.tenant, format_amount(closed.total)) == ("quiet", "5")


async def test_months_of_downtime_are_caught_up_in_order(system: System) -> None:
    await use(system, "a", OCTOBER.start + DAY)
    await use(system, "b", NOVEMBER.start + DAY)
    later = parse_instant("2027-02-15T00:00:00Z")
    (closed, waiting) = await system.close(later)
    months = ["2026-10", "2026-11", "2026-12", "2027-01"]
    assert ([one.period for one in closed], waiting) == (months, [])
    found = await statements(system)
    assert [one.number for one in found] == [1, 2, 3, 4]
    assert [one.previous for one in found[1:]] == [one.hash for one in found[:-1]]
    await must_hold(system)


async def test_only_the_tenants_that_are_named_are_closed(system: System) -> None:
    await use(system, "a")
    await use(system, "b", subject="beta")
    found = [one async for one in system.close_periods().run(DUE, ["beta"])]
    assert [one.tenant for one in found] == ["beta"]


async def test_late_usage_lands_in_its_own_ledger_and_on_the_next_statement(
    system: System,
) -> None:
    await use(system, "a")
    await system.close(DUE)
    await use(system, "late")
    await system.ingest.batch([Message(body(id="late", time=LATE, subject="acme"), "0", 1)])
    ((closed,), _) = await system.close(DECEMBER.end + GRACE)
    (first, second) = await statements(system)
    assert closed.period == "2026-12"
    assert exact(first, "usage") == "0.0035"
    assert exact(second, "correction") == "0.0035"
    lines = [line for line in second.lines if line.kind == "correction"]
    assert {line.charge_period for line in lines} == {"2026-11"}
    assert {line.quantity for line in lines} == {1000, 100}
    # And on no statement after that.
    await system.close(parse_month("2027-01").end + GRACE)
    assert exact((await statements(system))[-1], "correction") == "0"
    await must_hold(system)


LATE = format_instant(NOVEMBER.start + DAY)


async def test_an_earlier_ledger_that_appears_before_the_first_statement_is_closed(
    system: System,
) -> None:
    await system.tenancy.map_subject("acme", "acme", None)
    assert [one async for one in system.closing.run(NOW)] == []
    await use(system, "a", OCTOBER.start + DAY)
    (closed,) = [one async for one in system.closing.run(NOW)]
    assert (closed.tenant, closed.period) == ("acme", "2026-10")


async def test_usage_from_before_the_first_statement_is_a_correction_without_a_fee(
    system: System,
) -> None:
    await system.tenancy.define_plan(Plan(id="fee", base_fee="5"), None)
    await system.tenancy.assign_plan("acme", "fee", None)
    await system.tenancy.map_subject("acme", "acme", None)
    await use(system, "a")
    await system.close(DUE)
    await use(system, "old", OCTOBER.start + DAY)
    await system.close(DECEMBER.end + GRACE)
    (_, second) = await statements(system)
    assert exact(second, "correction") == "0.0035"
    assert exact(second, "base_fee") == "5"
    await must_hold(system)


async def test_what_is_not_counted_yet_keeps_a_period_waiting(system: System) -> None:
    await use(system, "a")
    system.progress.until = DUE - 1
    ((), (waiting,)) = await system.close(DUE + 9 * DAY)
    assert "still being counted" in waiting.reason
    assert waiting.until is None
    system.progress.until = DUE
    ((closed,), _) = await system.close(DUE + 9 * DAY)
    assert closed.period == "2026-11"


async def test_a_stream_without_counts_and_usage_without_a_price_are_waited_for_a_while(
    system: System,
) -> None:
    model: dict[str, Any] = {"data__model": "gpt-99", "data__deployment": "gpt-99"}
    await use(system, "unpriced", **model)
    edge = NOVEMBER.end - HOUR
    system.clock.set(edge)
    await use(system, "s", edge, data__tokens="pending", data__usage=None)
    ((), (waiting,)) = await system.close(DUE)
    # The hold of the last hour lapses a day after its slot: 23:10 of the day after.
    assert waiting.reason == "1 without a price"
    assert waiting.until == DUE + PATIENCE
    ((closed,), _) = await system.close(DUE + PATIENCE)
    assert (closed.period, closed.unsettled) == ("2026-11", 1)
    await must_hold(system)


async def test_a_hold_that_has_not_lapsed_is_waited_for(system: System) -> None:
    edge = NOVEMBER.end - HOUR
    system.clock.set(edge)
    await use(system, "s", edge, data__tokens="pending", data__usage=None)
    system.app.settings = system.app.settings._replace(close_grace=0)
    ((), (waiting,)) = await system.close(NOVEMBER.end)
    assert waiting.reason == "1 without counts"
    ((closed,), _) = await system.close(NOVEMBER.end + DAY)
    assert closed.unsettled == 0


async def test_a_grant_pays_what_a_statement_asks_for_and_is_settled_by_it(
    system: System,
) -> None:
    grant, _ = await system.tenancy.add_grant(GrantOffer("acme", "0.005", start=NOVEMBER.start))
    await use(system, "a")
    await use(system, "b")
    await system.close(DUE)
    (statement,) = await statements(system)
    # 2 x 0.0035 = 0.007, of which the grant pays 0.005.
    assert exact(statement, "credit") == "-0.005"
    assert exact(statement, "usage", "credit") == "0.002"
    stored = await system.accounts.read_account("acme")
    assert stored.account.settled == {grant.id: parse_amount("0.005")}
    await must_hold(system)


async def test_each_statement_burns_what_the_one_before_left(system: System) -> None:
    grant, _ = await system.tenancy.add_grant(GrantOffer("acme", "0.005", start=NOVEMBER.start))
    await use(system, "a")
    system.clock.set(DECEMBER.start + DAY)
    await use(system, "b", DECEMBER.start + HOUR)
    await system.close(DECEMBER.end + GRACE)
    assert [exact(one, "credit") for one in await statements(system)] == ["-0.0035", "-0.0015"]
    stored = await system.accounts.read_account("acme")
    assert stored.account.settled == {grant.id: parse_amount("0.005")}
    await must_hold(system)


async def test_a_grant_that_ended_or_begins_later_pays_only_for_its_own_time(
    system: System,
) -> None:
    start, middle = NOVEMBER.start, NOVEMBER.start + 10 * DAY
    system.clock.set(start + HOUR)
    await system.tenancy.add_grant(GrantOffer("acme", "1", start=start, expiry=middle))
    await use(system, "before", start)
    system.clock.set(middle + DAY)
    await use(system, "after", middle + HOUR)
    await system.tenancy.add_grant(GrantOffer("acme", "1", start=DECEMBER.start))
    await system.close(DUE)
    (statement,) = await statements(system)
    assert exact(statement, "credit") == "-0.0035"
    await must_hold(system)


async def test_usage_of_one_channel_is_paid_in_the_order_of_its_time(system: System) -> None:
    # The first grant pays for everything and goes first: it is used up by what came first.
    await system.tenancy.add_grant(GrantOffer("acme", "0.0035", start=NOVEMBER.start))
    await system.tenancy.add_grant(
        GrantOffer("acme", "1", start=NOVEMBER.start, channel="marketplace", priority=1)
    )
    await use(system, "a", NOVEMBER.start + 2 * DAY)
    await use(system, "b", NOVEMBER.start + DAY)
    await system.close(DUE)
    (statement,) = await statements(system)
    assert exact(statement, "credit") == "-0.0035"
    await must_hold(system)


PTU: dict[str, Any] = {
    "name": "chat",
    "model": "gpt-4o",
    "deployment_type": "provisioned",
    "provisioned": {"units": 10, "hourly_price": "1", "scope": "global", "idle": "unallocated"},
}
ON_PTU: dict[str, Any] = {"data__deployment": "chat", "data__deployment_type": "provisioned"}


async def test_capacity_is_shared_out_and_billed_with_the_month(system: System) -> None:
    deployment = read_deployment("d", PTU)
    await system.tenancy.define_deployment(deployment, NOVEMBER.start)
    await use(system, "a", **ON_PTU)
    await use(system, "b", subject="beta", **ON_PTU)
    await use(system, "c", NOVEMBER.start + 2 * DAY, **ON_PTU)
    (closed, _) = await system.close(DUE)
    # One hour of 10 for two that used as much, and one for acme alone.
    assert [(one.tenant, format_amount(one.total)) for one in closed] == [
        *(("acme", "15"), ("beta", "5")),
    ]
    (statement,) = await statements(system)
    (line,) = (line for line in statement.lines if line.kind == "ptu_share")
    assert (line.reference, line.term, line.charge_period) == ("chat", "used", "2026-11")
    assert exact(statement, "usage") == "0"
    (verdict,) = [one async for one in system.read_statements.verify("acme")]
    assert [await system.allocate.proof(one) for one in verdict.allocations] == [[]]
    await system.close(DECEMBER.end + GRACE)
    # Nobody used it in December, and idle hours are nobody's.
    assert exact((await statements(system))[-1], "ptu_share") == "0"
    await must_hold(system)
    await must_hold(system, "beta")


async def test_a_weekly_tenant_waits_only_with_the_week_that_bills_the_month(
    system: System,
) -> None:
    await system.tenancy.define_deployment(read_deployment("d", PTU), NOVEMBER.start)
    await system.tenancy.set_calendar("acme", Calendar(cycle="weekly", anchor=1), None)
    await system.tenancy.map_subject("acme", "acme", None)
    await use(system, "o", OCTOBER.start + 19 * DAY)
    await use(system, "a", **ON_PTU)
    await use(system, "b", subject="beta", **ON_PTU)
    await system.database.write(
        lambda connection: connection.execute("DELETE FROM pages WHERE ledger LIKE 'beta|%'")
    )
    closed, waiting = await system.close(DECEMBER.start + 9 * DAY)
    # From Monday 2026-10-19 on; November ends in the week of Monday the 30th.
    assert [one.period for one in closed][0::5] == ["2026-10-19", "2026-11-23"]
    assert [(one.tenant, one.period) for one in waiting] == [
        *(("acme", "2026-11-30"), ("beta", "2026-11")),
    ]
    assert "the cost of chat in 2026-11 cannot be divided yet" in waiting[0].reason


async def test_hosting_is_billed_with_the_month_beside_the_price_of_the_tokens(
    system: System,
) -> None:
    content = PTU | {"deployment_type": "global", "hosting": {"hourly_price": "1.70"}}
    del content["provisioned"]
    await system.tenancy.define_deployment(read_deployment("d", content), NOVEMBER.start)
    tuned: dict[str, Any] = {"data__deployment": "chat"}
    await use(system, "a", **tuned)
    await use(system, "b", subject="beta", **tuned)
    await use(system, "c", NOVEMBER.start + 2 * DAY, **tuned)
    await system.close(DUE)
    # One hour of 1.70 for two that used as much, and one for acme alone; 0.0035 a request.
    (statement,) = await statements(system)
    assert (exact(statement, "ptu_share"), exact(statement, "usage")) == ("2.55", "0.007")
    (line,) = (line for line in statement.lines if line.kind == "ptu_share")
    assert (line.reference, line.term, line.charge_period) == ("chat", "used", "2026-11")
    await must_hold(system)
    await must_hold(system, "beta")


async def test_capacity_that_was_registered_late_is_on_the_next_statement(
    system: System,
) -> None:
    await use(system, "a", **ON_PTU)
    await system.close(DUE + PATIENCE)
    await system.tenancy.define_deployment(read_deployment("d", PTU), BEGINNING)
    rerate = Rerate(
        ledgers=system.store,
        tenancy=system.tenancy,
        committer=system.committer,
        clock=system.clock,
    )
    ledger = LedgerId("acme", NOVEMBER.start)
    assert (await rerate.ledger(ledger, Scope.UNPRICED, dry_run=False)).corrected == 1
    await system.close(DECEMBER.end + GRACE)
    (first, second) = await statements(system)
    assert exact(first, "ptu_share") == "0"
    assert exact(second, "ptu_share") == "10"
    await must_hold(system)


async def test_an_adjustment_is_on_the_statement_of_the_period_it_was_made_in(
    system: System,
) -> None:
    await use(system, "a")
    offer = AdjustmentOffer("acme", "-0.50", "outage", "ada", "2026-10", id="x")
    assert (await system.tenancy.adjust(offer))[1]
    assert not (await system.tenancy.adjust(offer))[1]
    await system.tenancy.adjust(offer._replace(amount="10", id=None))
    await system.close(DECEMBER.end + GRACE)
    (first, second) = await statements(system)
    assert exact(first, "adjustment") == "9.5"
    assert exact(second, "adjustment") == "0"
    assert [one.adjustment.id for one in system.tenancy.directory.adjustments("acme")] == [
        *("x", "adjustment-002"),
    ]


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (AdjustmentOffer("a b", "1", "r", "a"), "tenant 'a b'"),
        (AdjustmentOffer("other", "1", "r", "a"), "unknown tenant"),
        (AdjustmentOffer("acme", "0", "r", "a"), "amount: .*'0' changes nothing"),
        (AdjustmentOffer("acme", "1", " ", "a"), "reason"),
        (AdjustmentOffer("acme", "1", "r", ""), "author"),
        (AdjustmentOffer("acme", "1", "r", "a", currency="EUR"), "is in USD, not in EUR"),
        (AdjustmentOffer("acme", "2", "r", "a", id="x"), "is never edited"),
    ],
)
async def test_an_adjustment_that_cannot_be_is_refused(
    system: System, offer: AdjustmentOffer, reason: str
) -> None:
    await use(system, "a")
    await system.tenancy.adjust(AdjustmentOffer("acme", "1", "r", "a", id="x"))
    with pytest.raises(ConfigurationError, match=reason):
        await system.tenancy.adjust(offer)


async def test_a_statement_whose_pages_do_not_add_up_is_not_published(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(system, "a")
    await use(system, "b", subject="beta")
    read_head = system.store.read_head

    async def wrong(ledger: LedgerId) -> Any:
        found = await read_head(ledger)
        if ledger.tenant != "acme":
            return found
        return found._replace(head=replace(found.head, entries=7))

    monkeypatch.setattr(system.store, "read_head", wrong)
    ((closed,), (waiting,)) = await system.close(DUE)
    assert closed.tenant == "beta"
    assert "entries is not what its pages give" in waiting.reason
    assert "closing acme" in system.alerts.messages[0]
    assert await statements(system) == []


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("missing", "page 1 is missing: page 2 follows"),
        ("chain", "page 2 does not follow the page before it"),
        ("amount", "page 1 row 0: its amount is not its tokens times its rate"),
    ],
)
async def test_pages_that_do_not_hold_stop_the_close(
    system: System, monkeypatch: pytest.MonkeyPatch, damage: str, reason: str
) -> None:
    await use(system, "a")
    await use(system, "b")
    pages = system.store.pages

    async def damaged(ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        async for page in pages(ledger, after=after):
            if page.number == 1 and damage == "missing":
                continue
            if page.number == 2 and damage == "chain":
                yield replace(page, previous="f" * 64)
            elif page.number == 1 and damage == "amount":
                (entry,) = page.entries
                state = entry.state._replace(amount=1)
                yield replace(page, entries=(entry._replace(state=state),))
            else:
                yield page

    monkeypatch.setattr(system.store, "pages", damaged)
    system.store.absent = {1} if damage == "missing" else set()
    ((), (waiting,)) = await system.close(DUE)
    assert reason in waiting.reason


async def test_pages_that_a_replica_has_not_yet_are_asked_for_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.tenancy.add_grant(GrantOffer("acme", "1", start=NOVEMBER.start))
    await use(system, "a")

    async def none(*_: object, **__: object) -> AsyncIterator[Page]:
        for page in list[Page]():
            yield page

    with monkeypatch.context() as behind:
        behind.setattr(system.store, "pages", none)
        behind.setattr(system.store, "absent", {1})
        _, (waiting,) = await system.close(DUE)
        assert "page 1 is not there yet" in waiting.reason
    system.store.lag, system.store.absent = 1, {1}
    _, (waiting,) = await system.close(DUE)
    assert "page 1 is not there yet" in waiting.reason
    assert system.alerts.messages == []
    # What the query leaves out is read by its number.
    system.store.absent = set()
    assert len((await system.close(DUE))[0]) == 1


async def test_whoever_loses_the_race_takes_the_statement_that_is_there(
    system: System, make_system: Callable[[], System]
) -> None:
    other = make_system()
    await use(system, "a")
    await other.tenancy.refresh()

    async def theirs() -> None:
        await use(other, "b")
        await other.close(DUE)

    system.statements.before.append(theirs)
    ((closed,), _) = await system.close(DUE)
    (statement,) = await statements(system)
    assert exact(statement, "usage") == "0.007"
    assert closed.total == statement.total
    await must_hold(system)


async def test_a_statement_that_is_there_and_not_readable_yet_is_asked_for_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await use(system, "a")

    async def taken(_: Statement) -> bool:
        return False

    monkeypatch.setattr(system.statements, "put_statement", taken, raising=False)
    with pytest.raises(RetryableError, match="exists but cannot be read yet"):
        await system.close(DUE)


async def test_an_account_that_others_change_is_looked_at_again(system: System) -> None:
    await system.tenancy.add_grant(GrantOffer("acme", "1", start=NOVEMBER.start))
    await use(system, "a")
    system.faulty_accounts.before.append(fail(HeadMovedError("moved")))
    await system.close(DUE)
    assert (await system.accounts.read_account("acme")).account.settled
    system.clock.set(DECEMBER.start + DAY)
    await use(system, "b", DECEMBER.start)
    system.faulty_accounts.before.extend([fail(HeadMovedError("moved"))] * 5)
    with pytest.raises(RetryableError, match="other processes keep changing it"):
        await system.close(DECEMBER.end + GRACE)


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("step", ["statements", "faulty_accounts"])
async def test_a_crash_at_any_step_is_made_good_by_the_next_run(
    system: System, step: str, where: str
) -> None:
    grant, _ = await system.tenancy.add_grant(GrantOffer("acme", "0.005", start=NOVEMBER.start))
    await use(system, "a")
    await use(system, "b")
    getattr(getattr(system, step), where).append(fail(asyncio.CancelledError()))
    with pytest.raises(asyncio.CancelledError):
        await system.close(DUE)
    # What comes between is on the next statement, whatever had been written.
    await use(system, "between")
    written = len(await statements(system))
    await system.close(DUE)
    await system.close(DECEMBER.end + GRACE)
    found = await statements(system)
    assert len(found) == 2
    billed = sum(
        line.quantity or 0
        for one in found
        for line in one.lines
        if line.kind in {"usage", "correction"} and line.bucket == "input"
    )
    assert billed == 3_000
    assert exact(found[0], "usage") == ("0.007" if written else "0.0105")
    stored = await system.accounts.read_account("acme")
    assert stored.account.settled == {grant.id: parse_amount("0.005")}
    await must_hold(system)


async def faults_of(system: System, *kept: Statement) -> list[str]:
    """Return what verifying finds where these are the statements that are kept."""
    store = KeptStatements(*kept)
    drafts = DraftStatements(
        ledgers=system.store,
        statements=store,
        accounts=system.accounts,
        tenancy=system.tenancy,
    )
    proof = Statements(store, drafts, system.allocations, system.tenancy, system.app.accruals)
    return [fault async for one in proof.verify("acme") for fault in one.faults]


async def test_a_statement_that_was_changed_or_left_out_does_not_hold(system: System) -> None:
    await use(system, "a")
    await system.close(DUE)
    (first,) = await statements(system)
    assert await faults_of(system, first) == []
    other = sealed(replace(first, previous="f" * 64, lines=first.lines[:1]))
    assert await faults_of(system, other) == [
        "it does not name the statement before it: one is missing or was exchanged",
        "its lines is not what its pages give",
    ]


async def test_a_statement_that_names_other_pages_does_not_hold(system: System) -> None:
    await use(system, "late", OCTOBER.start + DAY)
    await use(system, "a")
    await system.close(DUE)
    (first, second) = await statements(system)
    own, earlier = second.ledger, first.ledger
    other = sealed(replace(second, billed={**second.billed, own: Position(1, "f" * 64)}))
    (fault,) = await faults_of(system, first, other)
    assert "page 1 does not have the hash that was recorded for it" in fault
    doctored = replace(first, billed={earlier: Position(1, "f" * 64)})
    await use(system, "later", OCTOBER.start + DAY)
    await system.close(DECEMBER.end + GRACE)
    (_, _, third) = await statements(system)
    found = await faults_of(system, doctored, second, third)
    assert any("page 1 does not have the hash that was recorded" in fault for fault in found)


async def test_a_statement_of_pages_that_are_gone_does_not_hold(system: System) -> None:
    await use(system, "late", OCTOBER.start + DAY)
    await system.close(DUE)
    (first, second) = await statements(system)
    beyond = replace(first, billed={first.ledger: Position(7, "f" * 64)})
    through = {**second.billed, first.ledger: Position(8, "f" * 64)}
    with pytest.raises(RetryableError, match="page 2 is not there yet"):
        await faults_of(system, beyond, replace(second, billed=through))
    recomputation = Recomputation(first.ledger, Position(7, "f" * 64))
    with pytest.raises(LedgerBroken, match="page 7 was billed and is missing"):
        recomputation.result()


async def test_a_preview_says_what_a_period_would_come_to_and_stores_nothing(
    system: System,
) -> None:
    await use(system, "a", OCTOBER.start + DAY)
    await use(system, "b")
    await system.close(OCTOBER.end + GRACE)
    found = (await system.read_statements.draft("acme", NOVEMBER)).statement
    assert (found.number, exact(found, "usage")) == (2, "0.0035")
    assert await system.read_statements.of("acme", NOVEMBER) is None
    again = (await system.read_statements.draft("acme", OCTOBER)).statement
    assert again.number == 1
    assert (await system.read_statements.latest("acme")).period.name == "2026-10"


async def test_a_weekly_tenant_is_closed_week_by_week_in_its_own_time_zone(
    system: System,
) -> None:
    berlin = Calendar(cycle="weekly", anchor=1, time_zone="Europe/Berlin")
    await system.tenancy.set_calendar("acme", berlin, None)
    await system.tenancy.map_subject("acme", "acme", None)
    # Monday 2026-11-16 begins in Berlin at 23:00 UTC on Sunday.
    monday = parse_instant("2026-11-15T23:00:00Z")
    await use(system, "before", monday - 1)
    await use(system, "after", monday)
    (closed, _) = await system.close(monday + 8 * DAY)
    assert [one.period for one in closed] == ["2026-11-09", "2026-11-16"]
    assert [exact(one, "usage") for one in await statements(system)] == ["0.0035", "0.0035"]
    await must_hold(system)


async def test_without_hubs_everything_is_counted_at_once() -> None:
    assert await NoHubs().counted_until() == FOREVER


async def test_what_is_due_is_told_without_closing_it(system: System) -> None:
    await use(system, "r-1")
    await system.tenancy.map_subject("sub-9", "later", None)

    async def due(at: Instant) -> list[tuple[str, str, str]]:
        found = system.closing.due(at, ["acme", "later"])
        return [(one.tenant, one.period, one.reason) async for one in found]

    assert await due(NOVEMBER.end - 1) == []
    assert await due(DUE - 1) == [("acme", "2026-11", "grace"), ("later", "2026-11", "grace")]
    assert (await due(DUE))[0] == ("acme", "2026-11", "due")
    assert await statements(system) == []


async def test_answers_from_a_cache_are_on_the_statement_as_requests_without_a_charge(
    system: System,
) -> None:
    await system.tenancy.define_plan(Plan(id="fee", request_fee="1"), None)
    await system.tenancy.assign_plan("acme", "fee", None)
    await system.tenancy.map_subject("acme", "acme", None)
    await use(system, "a")
    await use(system, "b", data__cache="hit")
    # Without a price, and still a known amount: nothing.
    await use(system, "c", data__cache="hit", data__model="a-model-of-no-list")
    await system.close(DUE)
    (statement,) = await statements(system)
    assert (statement.from_cache, statement.open.unpriced) == (2, 0)
    # 0.0035 for the one that a model answered, and 1 USD a request that is charged.
    assert (exact(statement, "usage"), exact(statement, "request_fee")) == ("0.0035", "1")
    await must_hold(system)
