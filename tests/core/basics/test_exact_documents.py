"""Integers in documents: numbers while a 64-bit float holds them exactly, and text beyond."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from metering.core.basics.documents import exact, exact_values, is_rounded, read_whole
from metering.core.billing.statement import StatementLine
from metering.core.billing.statement_document import read_statement, sealed, write_statement
from metering.core.calendars.periods import LedgerId, month_of, slot_of
from metering.core.credit.account import Account, read_account, write_account
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import Holds
from metering.core.ledger.page import read_page
from metering.core.reports.breakdown import DIMENSIONS
from metering.core.reports.count import Count
from metering.core.reports.rollup import Part, PartName
from metering.core.reports.rollup_document import read_part, write_part
from metering.core.usage.buckets import BUCKETS
from tests.builders import AT, NOW, rating, usage
from tests.statements import a_statement

LEDGER = LedgerId("acme", month_of(AT).start)
COUNTS = st.integers(0, 10**24)
TOKENS = st.tuples(*(COUNTS for _ in BUCKETS))


def kept_as_floats(content: bytes) -> Any:
    """Return a document as a store of 64-bit floats gives it back."""
    return json.loads(content, parse_int=lambda text: int(float(text)))


@given(st.integers(-(10**24), 10**24))
def test_every_integer_reads_back_as_it_was(value: int) -> None:
    stored = json.loads(json.dumps(exact(value)), parse_int=lambda text: int(float(text)))
    assert read_whole(stored) == value
    assert not is_rounded({"a": [stored]})


@pytest.mark.parametrize("value", ["1", "x", 1.0, None, True, "09007199254740993", "-0"])
def test_what_is_not_written_so_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        read_whole(value)


def test_what_a_store_may_have_rounded_is_known_by_its_size() -> None:
    assert is_rounded({"lines": [{"tokens": {"quantity": 2**53}}]})
    assert exact_values([2**53, {"a": 2**53 - 1}, True]) == [str(2**53), {"a": 2**53 - 1}, True]


@given(TOKENS)
def test_pages_keep_their_hash_and_counts(tokens: tuple[int, ...]) -> None:
    commit = plan_commit(Head(LEDGER), {}, [usage(buckets=tokens)], rating(), NOW)
    document = kept_as_floats(commit.contents[0])
    assert read_page(document, LEDGER) == commit.pages[0]


@given(TOKENS)
def test_heads_keep_their_counts(tokens: tuple[int, ...]) -> None:
    commit = plan_commit(Head(LEDGER), {}, [usage(buckets=tokens)], rating(), NOW)
    rate = commit.pages[0].entries[0].state.rate
    head = replace(
        commit.head,
        lines={rate: RateTotals(requests=1, tokens=tokens)},
        holds={slot_of(AT): Holds(1, sum(tokens), sum(tokens))},
    )
    assert read_head(kept_as_floats(write_head(head)), LEDGER) == head
    # As earlier versions wrote it: a store that keeps numbers exactly gives it back whole.
    assert read_head(from_json(write_head(head)), LEDGER) == head


@given(TOKENS)
def test_rollups_keep_their_counts(tokens: tuple[int, ...]) -> None:
    group: tuple[str | None, ...] = ("2026-11-20", *("x",) * len(DIMENSIONS[1:]))
    counts = {group: Count(RateTotals(requests=1, tokens=tokens), sum(tokens))}
    part = Part(PartName("2026-11-20", 1), 3, counts)
    assert read_part(kept_as_floats(write_part(LEDGER, part)), LEDGER) == part


@given(COUNTS, COUNTS)
def test_statements_and_accounts_keep_their_counts(quantity: int, amount: int) -> None:
    line = StatementLine("usage", amount, quantity=quantity, unit="token", unit_price=1)
    made = sealed(replace(a_statement(), lines=(line,)))
    document = kept_as_floats(to_json(write_statement(made)))
    assert read_statement(document, made.ledger.tenant) == made
    account = Account("acme", {LEDGER: {"g-1": amount}})
    assert read_account(kept_as_floats(to_json(write_account(account))), "acme") == account
