"""The board of all tenants: what is found, in which order, and the sums."""

from typing import Any

import pytest

from metering.core.reports.board import Board, BoardQuery, BoardRow, Sort, Spending, Standing


def row(tenant: str, **changed: Any) -> BoardRow:
    plain = BoardRow(
        tenant=tenant,
        standing=Standing.UNLIMITED,
        percent=0,
        plan="default",
        currency="USD",
        amount=0,
        projected=0,
        provisioned=0,
        requests=0,
        duplicates=0,
        conflicts=0,
        unpriced=0,
        missing=0,
        pending=0,
        last_commit=0,
    )
    return plain._replace(**changed)


ACME = row("acme", standing=Standing.OVER, percent=120, amount=5, projected=9, requests=3)
ACME_EU = row("Acme-EU", standing=Standing.NEAR, percent=90, currency="EUR", amount=7, plan="euro")
GLOBEX = row("globex", standing=Standing.NEAR, percent=85, amount=6, last_commit=40, missing=1)
INITECH = row("initech", amount=6, last_commit=50, unpriced=2, duplicates=4, conflicts=1, pending=3)
BROKEN = row("umbra", standing=Standing.UNREADABLE, fault="page 3 is missing")


def board() -> Board:
    made = Board()
    made.add([INITECH, GLOBEX, BROKEN, ACME, ACME_EU])
    return made


def names(query: BoardQuery) -> list[str]:
    return [tenant for _, _, tenant in board().found(query)]


@pytest.mark.parametrize(
    ("sort", "ascending", "descending"),
    [
        ("tenant", "Acme-EU acme globex initech umbra", "umbra initech globex acme Acme-EU"),
        ("standing", "initech globex Acme-EU acme umbra", "umbra acme Acme-EU globex initech"),
        # Euros first, then dollars: amounts of different currencies have no order.
        ("amount", "Acme-EU umbra acme globex initech", "Acme-EU globex initech acme umbra"),
        ("projected", "Acme-EU globex initech umbra acme", "Acme-EU acme globex initech umbra"),
        ("requests", "Acme-EU globex initech umbra acme", "acme Acme-EU globex initech umbra"),
        ("plan", "acme globex initech umbra Acme-EU", "Acme-EU acme globex initech umbra"),
        ("last_commit", "Acme-EU acme umbra globex initech", "initech globex Acme-EU acme umbra"),
    ],
)
def test_rows_are_sorted_in_both_directions_and_equal_ones_by_name(
    sort: Sort, ascending: str, descending: str
) -> None:
    assert names(BoardQuery(sort=sort)) == ascending.split()
    assert names(BoardQuery(sort=sort, descending=True)) == descending.split()


def test_rows_are_found_by_part_of_the_name_and_by_standing() -> None:
    assert names(BoardQuery("ACME")) == ["Acme-EU", "acme"]
    near = frozenset({Standing.NEAR})
    assert names(BoardQuery("", near)) == ["Acme-EU", "globex"]
    assert names(BoardQuery("glob", near)) == ["globex"]
    assert names(BoardQuery("nobody")) == []
    assert BoardQuery("acme").is_by_name
    assert not BoardQuery("acme", near).is_by_name
    assert not BoardQuery(sort="plan").is_by_name


def test_sums_are_over_all_rows_that_can_be_read_and_by_currency() -> None:
    totals = board().totals()
    assert totals.tenants == 5
    assert totals.standings == {"unreadable": 1, "over": 1, "near": 2, "within": 0, "unlimited": 1}
    # 5 + 6 + 6 dollars of three tenants, 9 projected; 7 euros of one.
    assert list(totals.spending.items()) == [("USD", Spending(3, 17, 9)), ("EUR", Spending(1, 7))]
    counts = (totals.requests, totals.duplicates, totals.conflicts, totals.unpriced)
    assert counts == (3, 4, 1, 2)
    assert (totals.missing, totals.pending, totals.last_commit) == (1, 3, 50)
    assert totals.unreadable == (BROKEN,)
    assert Board().totals().last_commit == 0
