"""Each kind of document at its bound: it fits into what Cosmos DB takes, or is refused by name."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic_core import to_json

from metering.adapters.cosmos.segments import head_item
from metering.core.basics.errors import ConfigurationError
from metering.core.billing.statement import StatementLine
from metering.core.billing.statement_document import sealed
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.credit.account import Account, write_account
from metering.core.ledger.commit import MAX_COMMIT_BYTES, plan_commit
from metering.core.ledger.effect import size_of
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.names import MAX_NAMED_LINES
from metering.core.ledger.page import MAX_ENTRIES
from metering.core.prices.rating import NO_UNITS, Rate
from metering.core.tenancy.record import MAX_RECORD_BYTES, Record, check_size
from metering.core.usage.buckets import BUCKETS
from tests.builders import AT, NOW, rating, usage
from tests.statements import a_statement
from tests.systems import System

LEDGER = LedgerId("t" * 64, month_of(AT).start)
ITEM_BYTES = 2 * 1024 * 1024
#: Four bytes a character, the most there is.
WIDE = "\U0001f4b6"
COUNT = 2**53 - 1


def named(number: int) -> str:
    return f"{number:04d}" + WIDE * 252


def test_a_page_of_the_most_entries_fits() -> None:
    rows = [usage(f"{n:036d}", end_user=f"user-{n}@contoso.com") for n in range(MAX_ENTRIES)]
    commit = plan_commit(Head(LEDGER), {}, rows, rating(), NOW)
    assert len(commit.pages) == 1
    assert len(commit.contents[0]) < MAX_COMMIT_BYTES


def test_one_event_of_the_longest_names_fits_with_its_effects() -> None:
    fields = ("model", "requested_model", "provider", "product", "api", "operation", "deployment")
    more = ("region", "service_tier", "backend", "use_case", "error")
    names: dict[str, Any] = dict.fromkeys((*fields, *more), WIDE * 256)
    one = usage(WIDE * 256, end_user=WIDE * 256, source=WIDE * 256, subject=WIDE * 256, **names)
    commit = plan_commit(Head(LEDGER), {}, [one], rating(), NOW)
    assert len(commit.contents[0]) < 30_000
    assert max(map(size_of, commit.effects)) < 4_000


def test_a_head_of_all_named_lines_and_a_whole_price_book_fits() -> None:
    line = RateTotals(COUNT, COUNT, COUNT, COUNT, (COUNT,) * len(BUCKETS))
    free = [Rate(named(n), None, None, 10**6, NO_UNITS) for n in range(MAX_NAMED_LINES + 2)]
    units = (2_500_000_000_000,) * len(BUCKETS)
    book = [
        Rate(f"gpt-{n % 150}", "v", f"gpt-{n}/data_zone/region-{n % 30}/standard", 10**6, units)
        for n in range(3_000)
    ]
    head = Head(LEDGER, 10**8, 10**9, lines=dict.fromkeys([*free, *book], line))
    size = len(to_json(head_item(head, 1)))
    assert size < 600_000


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_a_statement_of_all_lines_is_stored_and_read_back(process: System) -> None:
    lines = tuple(
        StatementLine("usage", 10**24, model=named(n), bucket=name, quantity=10**15, unit="token")
        for n in range(MAX_NAMED_LINES)
        for name in BUCKETS
    )
    made = sealed(replace(a_statement(), lines=lines))
    assert len(to_json([line._asdict() for line in lines])) > ITEM_BYTES
    assert await process.statements.put_statement(made)
    assert await process.statements.read_statement(made.ledger) == made
    assert await process.statements.latest_statement(made.ledger.tenant) == made
    assert [one async for one in process.statements.statements(made.ledger.tenant)] == [made]


def test_an_account_of_many_periods_and_grants_fits() -> None:
    months = [LEDGER._replace(start=LEDGER.start + n * 2_678_400_000_000) for n in range(1_000)]
    burnt = {month: {f"grant-{n:04d}": 10**24 for n in range(20)} for month in months}
    assert len(to_json(write_account(Account(LEDGER.tenant, burnt)))) < ITEM_BYTES


def test_a_record_beyond_its_bound_is_refused_with_its_size() -> None:
    check_size(Record("plan", "p", "x" * (MAX_RECORD_BYTES - 1), 0, 0))
    with pytest.raises(
        ConfigurationError, match="plan p: takes 1,000,001 bytes, at most 1,000,000"
    ):
        check_size(Record("plan", "p", "x" * MAX_RECORD_BYTES, 0, 0))
