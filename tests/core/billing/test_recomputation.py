"""Recomputation: totals now and as billed before; a page that was exchanged is found."""

import pytest

from metering.core.basics.errors import LedgerBroken
from metering.core.billing.recomputation import Recomputation, TotalsAt
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import START, Position
from metering.core.ledger.commit import commit_of, plan_commit
from metering.core.ledger.head import Head, fold
from metering.core.ledger.page import Page
from metering.core.usage.evidence import Evidence
from tests.builders import NOW, rating, usage
from tests.statements import NOVEMBER

LEDGER = LedgerId("acme", NOVEMBER.start)


def pages() -> list[Page]:
    """Return the pages of two commits: a request, and another one."""
    first = plan_commit(Head(LEDGER), {}, [usage("a")], rating(), NOW)
    second = plan_commit(first.head, {}, [usage("b", evidence=Evidence.TOTALS)], rating(), NOW)
    assert commit_of(second.head, {}, NOW).pages == ()
    return [*first.pages, *second.pages]


def test_what_was_billed_before_is_told_from_what_came_since() -> None:
    first, second = pages()
    recomputation = Recomputation(LEDGER, Position(1, first.hash))
    recomputation.add(first)
    recomputation.add(second)
    found = recomputation.result()
    assert sum(line.requests for line in found.before.values()) == 1
    assert sum(line.requests for line in found.head.lines.values()) == 2
    assert found.through == Position(2, second.hash)
    assert found.provenance == {Evidence.TOTALS: 1, Evidence.FULL: 1}
    assert list(found.pages_of.values()) == [(1, 2)]


def test_another_page_than_the_billed_one_is_not_believed() -> None:
    (first, _) = pages()
    with pytest.raises(LedgerBroken, match="page 1 is not the one that was billed"):
        Recomputation(LEDGER, Position(1, "f" * 64)).add(first)


def test_the_head_must_be_what_the_pages_give() -> None:
    (first, _) = pages()
    recomputation = Recomputation(LEDGER)
    recomputation.add(first)
    with pytest.raises(LedgerBroken, match="the head's pages is not what its pages give"):
        recomputation.require(Head(LEDGER))


def test_totals_at_billed_positions_are_those_of_a_recomputation() -> None:
    first, second = pages()
    one, two = Position(1, first.hash), Position(2, second.hash)
    totals, head = TotalsAt([one]), Head(LEDGER)
    whole = TotalsAt([one, two])
    for page in (first, second):
        head = fold(head, [page])
        totals.add(page, head)
        whole.add(page, head)
    since_first, since_start = Recomputation(LEDGER, one), Recomputation(LEDGER)
    for page in (first, second):
        since_first.add(page)
        since_start.add(page)
    assert whole.between(one, two) == since_first.result()
    assert whole.between(START, two) == since_start.result()
    found = totals.between(START, one)
    assert found is not None
    assert (found.before, found.head.entries, list(found.pages_of.values())) == ({}, 1, [(1,)])


def test_totals_are_known_only_at_positions_that_are_in_the_chain() -> None:
    (first, _) = pages()
    totals = TotalsAt([Position(1, "f" * 64)])
    totals.add(first, fold(Head(LEDGER), [first]))
    assert totals.between(START, Position(1, "f" * 64)) is None
    assert totals.between(Position(1, "f" * 64), Position(1, first.hash)) is None
