"""StatementStore: a period has one statement, whoever wrote it."""

from collections.abc import Callable
from dataclasses import replace

from metering.bootstrap import Stores
from metering.core.basics.instants import DAY
from metering.core.billing.statement_document import sealed
from metering.core.calendars.periods import LedgerId
from tests.statements import DECEMBER, NOVEMBER, a_statement

FIRST = a_statement()
SECOND = a_statement(month=DECEMBER, previous=FIRST)


async def test_a_period_that_is_not_closed_has_no_statement(stores: Stores) -> None:
    assert await stores.statements.read_statement(FIRST.ledger) is None
    assert await stores.statements.latest_statement("acme") is None
    assert [one async for one in stores.statements.statements("acme")] == []


async def test_a_statement_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.statements.put_statement(FIRST)
    assert await make_stores().statements.read_statement(FIRST.ledger) == FIRST


async def test_the_first_statement_of_a_period_stays_whoever_writes_another(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.statements.put_statement(FIRST)
    other = sealed(replace(FIRST, closed=FIRST.closed + DAY))
    assert not await make_stores().statements.put_statement(other)
    assert not await stores.statements.put_statement(FIRST)
    assert await stores.statements.read_statement(FIRST.ledger) == FIRST


async def test_statements_come_in_the_order_of_their_periods_and_the_last_is_known(
    stores: Stores,
) -> None:
    assert await stores.statements.put_statement(SECOND)
    assert await stores.statements.put_statement(FIRST)
    assert [one async for one in stores.statements.statements("acme")] == [FIRST, SECOND]
    assert await stores.statements.latest_statement("acme") == SECOND


async def test_the_statements_of_tenants_are_apart(stores: Stores) -> None:
    theirs = a_statement(tenant="acme.b")
    assert await stores.statements.put_statement(FIRST)
    assert await stores.statements.put_statement(theirs)
    assert await stores.statements.latest_statement("acme") == FIRST
    assert await stores.statements.latest_statement("acme.b") == theirs
    assert await stores.statements.read_statement(LedgerId("acme.c", NOVEMBER.start)) is None
