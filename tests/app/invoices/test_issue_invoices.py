"""Issuing: without a gap and never twice, through crashes and with two processes at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest

from metering.adapters.sqlite.database import Database
from metering.app.invoices.issue_invoices import IssueInvoices
from metering.app.invoices.verify_invoices import NOT_DERIVED, VerifyInvoices
from metering.bootstrap import sqlite_stores
from metering.core.basics.errors import ConfigurationError, InvariantBroken, RetryableError
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import sealed
from metering.core.invoices.invoice_proof import InvoiceVerdict
from metering.core.invoices.issuing import Change
from metering.core.tenancy.customers import Customer
from metering.ports import InvoiceStore
from tests.core.invoices.documents import ACME, TERMS, WRONG
from tests.statements import DECEMBER, KeptStatements, a_statement, adjusted
from tests.systems import System

FIRST = a_statement(base_fee="100.00")
CREDITED = adjusted("-8.00", charge_period="2026-11")
SECOND = a_statement(month=DECEMBER, previous=FIRST, base_fee="10.00", adjustments=[CREDITED])


class Faulty:
    """A store of documents that fails around its writes, as ordered."""

    def __init__(self, invoices: InvoiceStore) -> None:
        self._invoices = invoices
        self.before: list[BaseException | None] = []
        self.after: list[BaseException | None] = []
        self.lags = False
        self.pauses = cycle([0])

    async def put_invoice(self, invoice: Invoice) -> bool:
        _strike(self.before)
        # Moments in which another process takes the number.
        for _ in range(next(self.pauses)):
            await asyncio.sleep(0)
        done = await self._invoices.put_invoice(invoice)
        _strike(self.after)
        return done

    async def read_invoice(self, number: str) -> Invoice | None:
        return await self._invoices.read_invoice(number)

    async def latest_invoice(self, series: str) -> Invoice | None:
        return None if self.lags else await self._invoices.latest_invoice(series)

    async def invoices(self, tenant: str) -> AsyncIterator[Invoice]:
        # A replica catches up by the next look.
        lags, self.lags = self.lags, False
        async for one in self._invoices.invoices(tenant):
            if not lags:
                yield one

    def series(self, series: str) -> AsyncIterator[Invoice]:
        return self._invoices.series(series)


def _strike(faults: list[BaseException | None]) -> None:
    fault = faults.pop(0) if faults else None
    if fault is not None:
        raise fault


class Process:
    """One process that issues documents over a store that it may share."""

    def __init__(self, path: Path, *kept: Statement, series: str = "INV-", since: int = 0) -> None:
        self.database = Database(path)
        self.system = System(sqlite_stores(self.database))
        self.store = Faulty(sqlite_stores(self.database).invoices)
        self.kept = KeptStatements(*kept)
        self.issuing = IssueInvoices(
            invoices=self.store,
            statements=self.kept,
            tenancy=self.system.tenancy,
            clock=self.system.clock,
            alerts=self.system.alerts,
            series=series,
            since=since,
            terms=TERMS,
        )

    async def issue(self, *tenants: str) -> list[str]:
        return [one.number async for one in self.issuing.run(tenants or ("acme",))]

    async def faults(self, tenant: str = "acme") -> list[tuple[str, ...]]:
        verify = VerifyInvoices(self.store, self.kept)
        return [one.faults for one in await verify.run([tenant], "INV-")]


type Make = Callable[..., Process]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Process] = []

    def process(*kept: Statement, **options: object) -> Process:
        made.append(Process(tmp_path / "store.db", *(kept or (FIRST, SECOND)), **options))  # type: ignore[arg-type]
        return made[-1]

    yield process
    for one in made:
        await one.database.close()


async def test_every_statement_gets_its_documents_once(make: Make) -> None:
    process = make()
    assert await process.issue() == ["INV-000001", "INV-000002", "INV-000003"]
    assert await process.issue() == []
    assert await make().issue() == []
    kinds = [(one.kind, one.refers) for one in await process.issuing.of("acme")]
    assert kinds == [("invoice", ""), ("credit_note", "INV-000001"), ("invoice", "")]
    assert await process.faults() == [(), (), ()]


async def test_a_crash_at_any_write_leaves_no_gap_and_repeats_nothing(make: Make) -> None:
    lost = RetryableError("lost")
    for position in range(3):
        for where in ("before", "after"):
            process = make()
            process.store.__dict__[where] = [*[None] * position, lost]
            for _ in range(2):
                try:
                    await process.issue()
                except RetryableError:
                    continue
    numbers = [one.number for one in await make().issuing.of("acme")]
    assert numbers == ["INV-000001", "INV-000002", "INV-000003"]
    assert await make().faults() == [(), (), ()]


async def test_two_processes_at_once_share_the_numbers_without_a_gap(make: Make) -> None:
    tenants = [f"tenant-{number}" for number in range(12)]
    kept = [a_statement(tenant=tenant) for tenant in tenants]
    one, other = make(*kept), make(*kept)
    one.store.pauses, other.store.pauses = cycle([1, 3, 2]), cycle([2, 1])
    both = await asyncio.gather(one.issue(*tenants), other.issue(*reversed(tenants)))
    assert sorted([*both[0], *both[1]]) == [f"INV-{number:06d}" for number in range(1, 13)]
    for tenant in tenants:
        assert await one.faults(tenant) == [()]


async def test_a_reader_that_lags_writes_nothing_twice(make: Make) -> None:
    assert len(await make().issue()) == 3
    process = make()
    process.store.lags = True
    assert await process.issue() == []
    assert len(await process.issuing.of("acme")) == 3


async def test_earlier_statements_are_left_out_where_a_month_is_set(make: Make) -> None:
    process = make(since=DECEMBER.start + 1)
    # Without an invoice of November, its reduction is on the invoice of December.
    assert await process.issue() == ["INV-000001"]
    assert [one.kind for one in await process.issuing.of("acme")] == ["invoice"]


async def test_nothing_is_issued_without_a_series(make: Make) -> None:
    process = make(series="")
    assert await process.issue() == []
    with pytest.raises(ConfigurationError, match="METERING_INVOICE_SERIES: is not set"):
        process.issuing.must_have_series()


async def test_a_tenant_that_cannot_be_read_keeps_no_other_from_its_invoice(make: Make) -> None:
    process = make(a_statement(tenant="beta"))
    latest = process.kept.latest_statement

    async def broken(tenant: str) -> Statement | None:
        if tenant == "acme":
            raise InvariantBroken("statement of acme: does not match its hash")
        return await latest(tenant)

    process.kept.latest_statement = broken  # type: ignore[method-assign]
    assert await process.issue("acme", "beta") == ["INV-000001"]
    (message,) = process.system.alerts.messages
    assert message.startswith("issuing documents of acme: statement of acme")


async def test_a_close_issues_and_a_failure_is_made_up_for(make: Make) -> None:
    process = make()
    await process.system.tenancy.map_subject("sub-1", "acme", None)
    process.store.before = [RetryableError("busy")]
    await process.issuing.after_close()
    assert process.system.alerts.messages == ["issuing documents: busy"]
    await process.issuing.catch_up()
    await process.issuing.catch_up()
    assert len(await process.issuing.of("acme")) == 3


async def test_a_document_is_voided_and_reissued_under_todays_details(make: Make) -> None:
    process = make(FIRST)
    await process.issue()
    await process.system.tenancy.set_customer(
        "acme", ACME.model_copy(update={"recipients": ("ada@example.com",)})
    )
    assert (await process.issuing.void("INV-000001", WRONG)).refers == "INV-000001"
    with pytest.raises(ConfigurationError, match="has been voided already"):
        await make(FIRST).issuing.void("INV-000001", WRONG)
    made = await process.issuing.reissue("INV-000002", Change("", ""))
    assert (made.number, made.refers, made.customer) == ("INV-000003", "INV-000002", ACME)
    with pytest.raises(ConfigurationError, match="has been reissued already"):
        await process.issuing.reissue("INV-000002", WRONG)
    assert await process.faults() == [(), (), ()]
    with pytest.raises(ConfigurationError, match="unknown document 'INV-9'"):
        await process.issuing.void("INV-9", WRONG)
    with pytest.raises(InvariantBroken, match="its statement .* is not there"):
        await make(SECOND).issuing.reissue("INV-000002", WRONG)


async def test_numbers_that_others_keep_taking_are_left_to_the_next_run(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = make()

    async def taken(_: Invoice) -> bool:
        return False

    monkeypatch.setattr(process.store, "put_invoice", taken)
    with pytest.raises(RetryableError, match="other processes keep taking the number"):
        await process.issue()


async def test_documents_that_do_not_follow_are_named(make: Make) -> None:
    process = make()
    await process.issue()
    other = a_statement(base_fee="90.00")
    verify = VerifyInvoices(process.store, KeptStatements(other, SECOND))
    verdicts = [one.faults for one in await verify.run(["acme"])]
    assert verdicts[0] == ("its statement is not there, or is another one",)
    await process.database.change("DELETE FROM invoices WHERE number = 'INV-000001'")
    verify = VerifyInvoices(process.store, process.kept)
    # Of the tenant and of the series that is set; its own series is the same.
    assert await verify.run([], "INV-") == [
        InvoiceVerdict("INV-000002", "acme", ("it follows 0: a number is missing",))
    ]
    missing = ("a document of the tenant before it is missing",)
    assert [(one.number, one.faults) for one in await verify.run(["acme"])] == [
        ("INV-000002", missing),
        ("INV-000003", missing),
        ("INV-000002", ("it follows 0: a number is missing",)),
    ]
    await process.database.change("UPDATE invoices SET document = '{}'")
    unreadable = await verify.run(["acme"], "INV-")
    assert [(one.number, one.tenant) for one in unreadable] == [
        ("unreadable", "acme"),
        ("unreadable", ""),
    ]


async def test_a_forged_document_is_named(make: Make) -> None:
    process = make(FIRST)
    await process.issue()
    (found,) = await process.issuing.of("acme")

    class Forged(Faulty):
        async def invoices(self, tenant: str) -> AsyncIterator[Invoice]:
            async for one in super().invoices(tenant):
                yield sealed(replace(one, net=one.net + 10**16))
                yield sealed(replace(one, kind="void", refers=one.number, position=2, sequence=2))
                yield sealed(replace(one, kind="void", refers=one.number, position=3, sequence=3))

    verify = VerifyInvoices(Forged(process.store), process.kept)
    faults = [one.faults for one in await verify.run(["acme"])]
    assert faults[0] == (NOT_DERIVED,)
    assert faults[2] == ("document INV-000001 has been voided already",)
    assert found.customer == Customer()
