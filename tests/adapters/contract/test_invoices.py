"""InvoiceStore: a number, a place and a subject are each taken once, whoever writes first."""

from collections.abc import Callable
from dataclasses import replace

from metering.bootstrap import Stores
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import sealed
from tests.core.invoices.documents import issued
from tests.statements import DECEMBER, a_statement

FIRST, SECOND = issued(a_statement(month=DECEMBER), issued(a_statement()))
(THEIRS,) = issued(a_statement(tenant="acme.b"))


async def test_documents_come_in_order_and_read_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    third = sealed(replace(THEIRS, sequence=3))
    for one in (FIRST, SECOND, third):
        assert await stores.invoices.put_invoice(one)
    other = make_stores().invoices
    assert await other.read_invoice(FIRST.number) == FIRST
    assert await other.latest_invoice("INV-") == third
    assert [one async for one in other.invoices("acme")] == [FIRST, SECOND]
    assert [one async for one in other.series("INV-")] == [FIRST, SECOND, third]


async def test_what_is_taken_is_not_written_and_nothing_of_it(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.invoices.put_invoice(FIRST)
    other = make_stores().invoices
    of_another: Invoice = replace(SECOND, position=9)
    taken = (
        sealed(replace(of_another, sequence=1)),
        sealed(replace(of_another, position=1)),
        sealed(replace(of_another, ledger=FIRST.ledger)),
        FIRST,
    )
    for one in taken:
        assert not await other.put_invoice(one)
    assert [one async for one in other.series("INV-")] == [FIRST]
    # None of the three was left taken by an attempt.
    assert await other.put_invoice(SECOND)


async def test_what_is_not_there_is_nothing_and_series_are_apart(stores: Stores) -> None:
    assert await stores.invoices.read_invoice("INV-000001") is None
    assert await stores.invoices.latest_invoice("INV-") is None
    assert [one async for one in stores.invoices.invoices("acme")] == []
    assert await stores.invoices.put_invoice(sealed(replace(FIRST, series="A-")))
    assert [one async for one in stores.invoices.series("INV-")] == []
