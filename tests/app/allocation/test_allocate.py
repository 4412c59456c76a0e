"""Allocation out: once for each deployment and month, whoever does it, whatever comes later."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from metering.adapters.sqlite.database import Database
from metering.app.allocation.allocate import Allocate
from metering.app.ingest.ingest import Message
from metering.app.prices.rerate import PriceUnpriced, Rerate
from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import DAY, HOUR, Instant, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, Period, parse_month
from metering.core.deployments.deployment import Deployment, Hosting, Provisioned
from metering.core.plans.plan import Plan
from metering.core.prices.rating import amount_of
from metering.core.tenancy.record import Record
from metering.core.usage.buckets import from_names
from tests.builders import NOW, body, price_file

type System = Any

AUGUST, SEPTEMBER, OCTOBER, NOVEMBER, DECEMBER = (
    parse_month(f"2026-{month:02}") for month in range(8, 13)
)


def ptu(**changes: Any) -> Deployment:
    """Return 50 units at 1.10 an hour: 55 an hour, 39,600 in the 720 hours of November."""
    units = {"units": 50, "hourly_price": "1.10", "scope": "global", "weights": {"output": "4"}}
    return Deployment(
        name=changes.pop("name", "chat"),
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=Provisioned(**{**units, **changes}),
    )


async def ingest(system: System, *requests: tuple[str, str], **changes: Any) -> None:
    """Ingest a request of 1,000 tokens in and 100 out for each (subject, time)."""
    made = [
        body(
            id=f"{subject}-{time}",
            subject=subject,
            time=f"2026-{time}Z",
            data__deployment=changes.get("deployment", "chat"),
            data__deployment_type=...,
            **{name: value for name, value in changes.items() if name != "deployment"},
        )
        for subject, time in requests
    ]
    tally = await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(made)])
    assert tally.accepted == len(requests), tally


def allocate(system: System) -> Allocate:
    return Allocate(system.store, system.allocations, system.tenancy)


async def so_far(system: System, month: Period, at: Instant) -> list[Allocation]:
    return [one.allocation for one in (await allocate(system).accruals(month, at)).accruals]


def told(allocation: Allocation) -> dict[str, tuple[str, str]]:
    return {
        share.tenant: (format_amount(share.used), format_amount(share.idle))
        for share in allocation.shares
    }


USED = (("acme", "11-03T10:00:00"), ("acme", "11-03T10:20:00"), ("beta", "11-03T10:59:59"))


async def test_november_costs_720_hours_and_used_ones_are_divided_by_tokens(
    system: System,
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED, ("beta", "11-04T00:00:00"))
    assert await allocate(system).due(NOVEMBER) == ["chat"]
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    assert await allocate(system).due(NOVEMBER) == []
    assert format_amount(allocation.cost) == "39600"
    # One hour 2 : 1, of 55: 36.666… and 18.333…; another all beta's: 73.333…; 718 hours idle.
    assert told(allocation) == {
        "acme": ("36.666666666666666667", "0"),
        "beta": ("73.333333333333333333", "0"),
    }
    assert format_amount(allocation.unallocated) == "39490"
    # 1,000 + 4 x 100 = 1,400 a request.
    assert [share.tokens for share in allocation.shares] == [2_800 * 10**6, 2_800 * 10**6]
    assert (allocation.hours, allocation.idle_hours) == (720, 718)


async def test_spillover_and_other_months_pay_nothing(system: System) -> None:
    await system.tenancy.define_deployment(ptu(idle="equal"), None)
    await ingest(system, ("acme", "11-03T10:00:00"))
    await ingest(system, ("spilled", "11-03T10:00:00"), data__spillover=True)
    await ingest(system, ("october", "10-31T23:59:59"))
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # 55 for the hour, and all of the 719 others: 39,545.
    assert told(allocation) == {"acme": ("55", "39545")}
    assert [str(one.ledger) for one in allocation.counted] == ["acme|2026-11-01T00:00:00Z"]


async def test_a_mid_month_price_divides_by_the_price_of_each_hour(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    start = parse_instant("2026-11-26T00:00:00Z")
    await system.tenancy.define_deployment(ptu(units=100), start)
    system.clock.set(DECEMBER.start)
    await ingest(system, ("acme", "11-25T23:00:00"), ("beta", "11-26T00:00:00"))
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    assert told(allocation) == {"acme": ("55", "0"), "beta": ("110", "0")}
    # 25 days x 24 x 55 + 5 days x 24 x 110 = 33,000 + 13,200.
    assert format_amount(allocation.cost) == "46200"
    assert await allocate(system).proof(allocation) == []


async def test_running_again_writes_nothing_and_later_usage_moves_no_money(
    system: System, make_system: Callable[[], System]
) -> None:
    await system.tenancy.define_deployment(ptu(idle="by_share"), None)
    await ingest(system, *USED)
    first = (await allocate(system).run(NOVEMBER)).allocations
    await ingest(system, ("late", "11-03T10:30:00"), ("acme", "11-03T10:30:00"))
    again = allocate(make_system())
    assert (await again.run(NOVEMBER)).allocations == first
    assert (await again.allocations(NOVEMBER)).allocations == first
    assert await again.proof(first[0]) == []


class Beaten:
    """A store where another process is first, or where the answer to a write is lost."""

    def __init__(self, system: System, other: Allocate | None = None) -> None:
        self._allocations = system.allocations
        self._other = other
        self.reads = 0

    async def put_allocation(self, allocation: Allocation) -> bool:
        if self._other is not None:
            await self._other.run(allocation.month)
            return bool(await self._allocations.put_allocation(allocation))
        assert await self._allocations.put_allocation(allocation)
        raise RetryableError("the answer was lost")

    async def put_accrual(self, accrual: Accrual) -> bool:
        return bool(await self._allocations.put_accrual(accrual))

    async def read_accrual(self, deployment: str, month_start: int) -> Accrual | None:
        found: Accrual | None = await self._allocations.read_accrual(deployment, month_start)
        return found

    async def read_allocation(self, deployment: str, month_start: int) -> Allocation | None:
        self.reads += 1
        found: Allocation | None = await self._allocations.read_allocation(deployment, month_start)
        return found


async def test_of_two_at_once_the_one_that_writes_first_decides_for_both(
    system: System, make_system: Callable[[], System]
) -> None:
    other = make_system()
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)

    class Later(Beaten):
        async def put_allocation(self, allocation: Allocation) -> bool:
            # What the other one counts includes usage that this one has not seen.
            await ingest(other, ("late", "11-03T10:30:00"))
            return await super().put_allocation(allocation)

    slow = Allocate(system.store, Later(system, allocate(other)), system.tenancy)
    (allocation,) = (await slow.run(NOVEMBER)).allocations
    assert allocation.share_of("late") is not None
    assert (await allocate(other).allocations(NOVEMBER)).allocations == [allocation]


async def test_after_a_lost_answer_the_next_run_finds_what_was_written(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)
    with pytest.raises(RetryableError, match="lost"):
        await Allocate(system.store, Beaten(system), system.tenancy).run(NOVEMBER)
    assert await allocate(system).due(NOVEMBER) == []
    assert len((await allocate(system).run(NOVEMBER)).allocations) == 1


async def test_a_tenant_finds_its_shares_of_all_deployments(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await system.tenancy.define_deployment(ptu(name="Batch", units=10), None)
    await ingest(system, ("acme", "11-03T10:00:00"))
    await ingest(system, ("acme", "11-05T10:00:00"), deployment="batch")
    found = [
        (one.deployment, one.share_of("acme"))
        for one in (await allocate(system).run(NOVEMBER)).allocations
    ]
    assert [(name, share and format_amount(share.amount)) for name, share in found] == [
        ("Batch", "11"),
        ("chat", "55"),
    ]
    assert [
        one.share_of("beta") for one in (await allocate(system).allocations(NOVEMBER)).allocations
    ] == [None] * 2


async def test_what_is_known_is_not_read_again_and_not_kept_without_bound(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    store = Beaten(system)
    at_work = Allocate(system.store, store, system.tenancy)
    months = [
        parse_month(f"{year}-{month:02}") for year in (2027, 2028, 2029) for month in range(1, 13)
    ]
    for month in months:
        await allocate(system).run(month)
        await at_work.allocations(month)
    assert store.reads == 36
    await at_work.allocations(months[-1])
    assert store.reads == 36
    await at_work.allocations(months[0])
    assert store.reads == 37


async def test_a_tenant_whose_plan_is_in_another_currency_has_a_share_that_is_not_billed(
    system: System,
) -> None:
    await system.tenancy.publish_prices("eur", price_file({}, version="eur", currency="EUR"))
    await system.tenancy.define_plan(Plan(id="euro", markup="0", currency="EUR"), None)
    await system.tenancy.assign_plan("beta", "euro", None)
    await system.tenancy.map_subject("beta", "beta", None)
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    assert {share.tenant: share.is_billable for share in allocation.shares} == {
        "acme": True,
        "beta": False,
    }
    # A third of the 55 of one hour.
    assert format_amount(allocation.shares[1].amount) == "18.333333333333333333"


@pytest.mark.parametrize(
    ("month", "due"),
    [(AUGUST, False), (SEPTEMBER, True), (OCTOBER, True), (NOVEMBER, True), (DECEMBER, True)],
)
async def test_what_reaches_back_costs_from_its_first_usage_or_its_record(
    system: System, month: Period, *, due: bool
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "09-30T23:00:00"), ("acme", "11-03T10:00:00"))
    assert await allocate(system).due(month) == (["chat"] if due else [])
    assert len((await allocate(system).run(month)).allocations) == due


async def test_what_was_never_used_costs_from_the_month_of_its_record(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    assert await allocate(system).due(OCTOBER) == []
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    assert (allocation.shares, format_amount(allocation.unallocated)) == ((), "39600")
    assert await allocate(system).proof(allocation) == []


async def test_the_month_of_usage_counts_where_periods_are_no_months(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "09-10T10:00:00"))
    directory = system.tenancy.directory
    # A calendar whose period reaches from September into October.
    monkeypatch.setattr(
        directory,
        "period_of",
        lambda _: Period(SEPTEMBER.start, SEPTEMBER.end + 14 * DAY, "2026-09"),
    )
    assert await allocate(system).due(AUGUST) == []
    assert await allocate(system).due(SEPTEMBER) == ["chat"]
    (allocation,) = (await allocate(system).run(SEPTEMBER)).allocations
    assert told(allocation) == {"acme": ("55", "0")}
    (allocation,) = (await allocate(system).run(OCTOBER)).allocations
    assert allocation.shares == ()
    assert len(allocation.counted) == 1


async def test_usage_priced_later_by_a_correction_is_counted_once(system: System) -> None:
    await ingest(system, *USED, data__model=...)
    await ingest(system, ("beta", "11-03T10:01:00"), data__model=..., deployment="CHAT")
    await system.tenancy.define_deployment(ptu(), None)
    rerate = Rerate(
        ledgers=system.store,
        tenancy=system.tenancy,
        committer=system.committer,
        clock=system.clock,
    )
    timer = PriceUnpriced(
        ledgers=system.store, tenancy=system.tenancy, rerate=rerate, alerts=system.alerts
    )
    assert await timer.run() == 4
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # Two requests each: half of 55.
    assert told(allocation) == {"acme": ("27.5", "0"), "beta": ("27.5", "0")}


async def test_accruals_count_the_hours_begun_and_write_nothing(system: System) -> None:
    await system.tenancy.define_deployment(ptu(idle="equal"), None)
    assert await so_far(system, NOVEMBER, NOVEMBER.start) == []
    await ingest(system, *USED)
    at = parse_instant("2026-11-03T10:30:00Z")
    (allocation,) = await so_far(system, NOVEMBER, at)
    # 59 hours begun by then, of which one is used; half of the 58 idle ones each: 1,595.
    assert format_amount(allocation.cost) == "3245"
    assert [share.idle for share in allocation.shares] == [1595 * 10**18] * 2
    assert await allocate(system).due(NOVEMBER) == ["chat"]
    (written,) = (await allocate(system).run(NOVEMBER)).allocations
    assert await so_far(system, NOVEMBER, at) == [written]


async def test_nothing_is_shared_out_without_provisioned_deployments(system: System) -> None:
    await ingest(system, *USED)
    assert await allocate(system).due(NOVEMBER) == []
    assert (await allocate(system).run(NOVEMBER)).allocations == []
    assert await so_far(system, NOVEMBER, NOW) == []


def damage(system: System, statement: str) -> Any:
    database: Database = system.database
    return database.write(lambda connection: connection.execute(statement))


async def postponed(system: System) -> dict[str, str]:
    """Return the fault that postpones each deployment of November; none of them is written."""
    found = await allocate(system).run(NOVEMBER)
    assert (await allocate(system).allocations(NOVEMBER)).allocations == found.allocations == []
    return {one.deployment: next(iter(one.faults.values())) for one in found.postponed}


async def test_a_ledger_that_cannot_be_trusted_postpones_it_and_nothing_is_written(
    system: System,
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)
    await damage(system, "UPDATE pages SET document = replace(document, '1000', '1001')")
    assert "page-00000001 does not match its hash" in (await postponed(system))["chat"]


async def test_pages_that_a_head_names_and_nobody_finds_are_waited_for(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)
    await damage(system, "DELETE FROM pages")
    assert "page 1 is not there yet" in (await postponed(system))["chat"]


async def test_a_ledger_that_is_listed_and_not_found_is_waited_for(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.tenancy.define_deployment(ptu(), None)

    async def listed(_: str | None = None) -> list[LedgerId]:
        return [LedgerId("acme", NOVEMBER.start)]

    monkeypatch.setattr(system.store, "ledgers", listed)
    assert "its head is not there yet" in (await postponed(system))["chat"]


async def test_a_head_that_names_another_last_page_postpones_it(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "11-03T10:00:00"))
    stored = await system.store.read_head(await one_ledger(system))
    last, other = stored.head.last_hash, "f" * 64
    await damage(system, f"UPDATE heads SET document = replace(document, '{last}', '{other}')")
    reason = (await postponed(system))["chat"]
    assert "page 1 does not have the hash that was recorded" in reason


async def test_usage_that_cannot_be_read_may_decide_whether_an_earlier_month_costs(
    system: System,
) -> None:
    # Units without a date cost from the first month with usage, or from that of their record.
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "09-30T23:00:00"), ("beta", "10-30T23:00:00"))
    await damage(system, "DELETE FROM heads WHERE tenant = 'acme'")
    found = await allocate(system).run(OCTOBER)
    # October is sure: beta used them. September is not.
    assert [one.deployment for one in found.allocations] == ["chat"]
    found = await allocate(system).run(SEPTEMBER)
    assert found.allocations == []
    assert [list(one.faults) for one in found.postponed] == [["acme|2026-09-01T00:00:00Z"]]


async def test_pages_that_cannot_be_read_may_decide_on_which_side_of_a_month_usage_is(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "09-10T10:00:00"))
    await damage(system, "DELETE FROM pages")
    # A calendar whose period reaches from September into October.
    period = Period(SEPTEMBER.start, SEPTEMBER.end + 14 * DAY, "2026-09")
    monkeypatch.setattr(system.tenancy.directory, "period_of", lambda _: period)
    (found,) = (await allocate(system).run(SEPTEMBER)).postponed
    assert "page 1 is not there yet" in found.faults["acme|2026-09-01T00:00:00Z"]


async def test_a_document_that_cannot_be_read_or_written_postpones_its_deployment_alone(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("chat", "mini", "wide"):
        await system.tenancy.define_deployment(ptu(name=name), None)
    await ingest(system, *USED)
    await allocate(system).run(NOVEMBER)
    await damage(system, "UPDATE sharings SET document = '{}' WHERE deployment = 'chat'")
    await damage(system, "DELETE FROM sharings WHERE deployment = 'wide'")
    put = type(system.allocations).put_allocation

    async def too_large(store: Any, allocation: Allocation) -> bool:
        if allocation.deployment == "wide":
            raise ConfigurationError("allocation of wide: 30000 tenants are too many")
        return bool(await put(store, allocation))

    monkeypatch.setattr(type(system.allocations), "put_allocation", too_large)
    found = await allocate(system).run(NOVEMBER)
    assert [one.deployment for one in found.allocations] == ["mini"]
    faults = {one.deployment: list(one.faults.values()) for one in found.postponed}
    assert list(faults) == ["chat", "wide"]
    assert "schema" in faults["chat"][0]
    assert faults["wide"] == ["allocation of wide: 30000 tenants are too many"]


async def test_an_allocation_that_is_there_and_not_readable_yet_is_asked_for_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await system.tenancy.define_deployment(ptu(), None)

    async def taken(*_: Any) -> bool:
        return False

    monkeypatch.setattr(type(system.allocations), "put_allocation", taken)
    with pytest.raises(RetryableError, match="chat in 2026-11: exists but cannot be read yet"):
        await allocate(system).run(NOVEMBER)


async def one_ledger(system: System) -> Any:
    (ledger,) = await system.store.ledgers()
    return ledger


async def test_the_proof_finds_pages_that_are_not_those_that_were_counted(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, *USED)
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    ledger = "'beta|2026-11-01T00:00:00Z'"
    await damage(system, f"DELETE FROM pages WHERE ledger = {ledger}")
    assert await allocate(system).proof(allocation) == [
        "ledger beta|2026-11-01T00:00:00Z: page 1 is not there yet"
    ]
    await damage(system, "UPDATE pages SET document = replace(document, '1000', '1001')")
    faults = await allocate(system).proof(allocation)
    assert len(faults) == 2
    assert faults[0].startswith("ledger acme|2026-11-01T00:00:00Z: ")


async def test_the_proof_finds_a_sharing_that_was_tampered_with(system: System) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    await ingest(system, ("acme", "11-03T10:00:00"), ("beta", "11-03T11:00:00"))
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # Each has one hour of 55: give acme both, which still adds up.
    acme, beta = allocation.shares
    both = (acme._replace(used=acme.used + beta.used), beta._replace(used=0))
    allocation = replace(allocation, shares=both)
    allocation.check()
    faults = await allocate(system).proof(allocation)
    assert len(faults) == 2
    assert "the share of acme is 110 + 0" in faults[0]
    assert "its pages give 55 + 0" in faults[0]


async def test_the_proof_finds_what_the_registry_no_longer_says(
    system: System, tmp_path: Any
) -> None:
    await system.tenancy.define_deployment(ptu(), None)
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # A record with a date, so that November is before it.
    value = ptu().model_dump_json(exclude_none=True)
    await damage(system, "DELETE FROM records")
    fresh = type(system)(tmp_path / "store.db")
    assert await allocate(fresh).proof(allocation) == ["its deployment has no record"]
    record = Record("deployment", "chat", value, DECEMBER.start + HOUR, NOW)
    assert await fresh.registry.append_record(record, 0)
    assert await allocate(fresh).proof(allocation) == ["its deployment costs nothing"]
    await fresh.database.close()


def hosted(**changes: Any) -> Deployment:
    """Return a fine-tuned model that is hosted for 1.70 an hour, 1,224 in November."""
    hosting = Hosting(**{"hourly_price": "1.70", "idle": "by_share"} | changes)
    return Deployment(name="tuned", model="gpt-4o", deployment_type="global", hosting=hosting)


async def test_hosting_is_divided_by_tokens_that_still_have_their_own_price(
    system: System,
) -> None:
    await system.tenancy.define_deployment(hosted(), None)
    await ingest(system, *USED, deployment="tuned")
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # 720 hours x 1.70 = 1,224.
    assert (allocation.deployment, format_amount(allocation.cost)) == ("tuned", "1224")
    assert (allocation.hours, allocation.idle_hours) == (720, 719)
    # One hour 2 : 1, of 1.70: 1.1333… and 0.5666…; 719 idle hours are 1,222.30, also 2 : 1.
    assert told(allocation) == {
        "acme": ("1.133333333333333333", "814.866666666666666667"),
        "beta": ("0.566666666666666667", "407.433333333333333333"),
    }
    assert allocation.unallocated == 0
    # Two requests of 1,000 + 100 tokens, each of which weighs 1.
    assert [share.tokens for share in allocation.shares] == [2_200 * 10**6, 1_100 * 10**6]
    assert await allocate(system).proof(allocation) == []
    # gpt-4o: 1,000 x 2.50 and 100 x 10 a million, 0.0035 a request; hosting replaces none of it.
    ledgers = [ledger for ledger in await system.store.ledgers() if ledger.tenant == "acme"]
    head = (await system.store.read_head(ledgers[0])).head
    ((rate, _),) = head.lines.items()
    assert (rate.hosted, rate.weights) == ("tuned", None)
    # 35 x 10^-4 in units of 10^-18.
    assert amount_of(rate, from_names({"input": 1_000, "output": 100})) == 35 * 10**14


async def test_hosting_costs_from_its_date_and_at_the_price_of_each_hour(system: System) -> None:
    start = parse_instant("2026-11-26T00:00:00Z")
    await system.tenancy.define_deployment(hosted(), start)
    await system.tenancy.define_deployment(hosted(hourly_price="2.00"), start + 2 * DAY)
    system.clock.set(DECEMBER.start)
    (allocation,) = (await allocate(system).run(NOVEMBER)).allocations
    # Two days of 24 x 1.70 = 81.60, then three of 24 x 2 = 144. Unused, so it stays unallocated.
    assert format_amount(allocation.cost) == "225.6"
    assert (told(allocation), allocation.unallocated) == ({}, allocation.cost)
