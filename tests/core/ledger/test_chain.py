"""The chain of pages: numbers without a gap, each page naming the hash before it."""

import pytest

from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.ledger.chain import START, Chain, Position
from tests.builders import usage
from tests.core.rollups import LEDGER, pages_of

FIRST, SECOND, THIRD = pages_of([usage("a")], [usage("b")], [usage("c")])
OTHER = "f" * 64


def test_a_chain_moves_on_with_every_page() -> None:
    chain = Chain(LEDGER)
    assert chain.position == START
    for page in (FIRST, SECOND):
        chain.follow(page)
        assert chain.position == Position(page.number, page.hash)
    assert Chain(LEDGER, chain.position).fault(THIRD) is None


def test_a_page_that_does_not_continue_the_chain_is_named_and_the_next_one_judged_by_it() -> None:
    chain = Chain(LEDGER)
    assert chain.fault(SECOND) == "page 1 is missing: page 2 follows"
    assert chain.fault(THIRD) is None
    with pytest.raises(LedgerBroken, match="page 4 is missing: page 1 follows"):
        chain.follow(FIRST)
    with pytest.raises(LedgerBroken, match="page 2 does not follow the page before it"):
        Chain(LEDGER, Position(1, OTHER)).follow(SECOND)


def test_a_recorded_position_must_be_reached_with_its_hash() -> None:
    chain = Chain(LEDGER)
    chain.require(START)
    chain.follow(FIRST)
    chain.require(Position(1, FIRST.hash))
    # A chain that is beyond the position has left nothing to compare.
    chain.require(Position(0, OTHER))
    for page in (SECOND, THIRD):
        with pytest.raises(LedgerLagError, match=r"ledger acme\|.*: page 2 is not there yet"):
            chain.require(Position(page.number, page.hash))
    with pytest.raises(LedgerBroken, match="page 1 does not have the hash that was recorded"):
        chain.require(Position(1, OTHER))
