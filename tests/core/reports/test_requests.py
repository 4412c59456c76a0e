"""Requests: the state that counts now, what it replaced, and which of them a filter wants."""

from dataclasses import replace
from typing import Any

import pytest

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.entry import Basis, Reference
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.ledger.withdrawal import withdrawal
from metering.core.reports.requests import Position, Request, Wanted, requests_of
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)


def committed(*batches: list[Usage]) -> list[Page]:
    """Return the pages of these batches, all of one slot."""
    head, pages = Head(LEDGER), list[Page]()
    for batch in batches:
        known: KnownBySlot = {
            page.slot: {
                entry.key: (page, row) for page in pages for row, entry in enumerate(page.entries)
            }
            for page in pages
        }
        commit = plan_commit(head, known, batch, rating(), NOW)
        head = commit.head
        pages += commit.pages
    return pages


def one(**changes: Any) -> Request:
    (found,) = requests_of(committed([usage(**changes)]))
    return found


def test_a_request_has_its_latest_state_and_those_before_it_in_order() -> None:
    pages = committed(
        [usage("a", evidence=Evidence.HELD), usage("b")],
        [usage("a", evidence=Evidence.MISSING)],
        [usage("a", evidence=Evidence.FULL, end_user="bob"), usage("c")],
    )
    found = {request.entry.id: request for request in requests_of(pages)}
    assert set(found) == {"a", "b", "c"}
    assert found["a"].at == (3, 0)
    assert found["a"].entry.state.basis is Basis.FULL
    assert [(before.at, before.state.basis) for before in found["a"].earlier] == [
        ((1, 0), Basis.PENDING),
        ((2, 0), Basis.MISSING),
    ]
    assert found["b"].earlier == ()


def test_requests_come_newest_first_and_by_their_place_where_the_time_is_the_same() -> None:
    pages = committed([usage("a"), usage("b")], [usage("c", time=AT - 1), usage("d", time=AT + 1)])
    assert [request.entry.id for request in requests_of(pages)] == ["d", "b", "a", "c"]


def test_an_id_that_counts_twice_is_two_requests() -> None:
    once, again = committed([usage("a")]), committed([usage("x")], [usage("a")])
    assert [request.at for request in requests_of([*once, again[1]])] == [(2, 0), (1, 0)]


def test_a_correction_whose_entry_is_elsewhere_still_says_what_it_replaced() -> None:
    pages = committed([usage("a", evidence=Evidence.HELD)], [usage("a")])
    (found,) = requests_of(pages[1:])
    assert [before.at for before in found.earlier] == [(1, 0)]


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        ({"start": AT}, {"time": AT}),
        ({"end": AT + 1}, {"time": AT}),
        ({"id": "r-1"}, {}),
        ({"model": "gpt-4o"}, {}),
        ({"model": ""}, {"model": None}),
        ({"deployment": "chat"}, {"deployment": "chat"}),
        ({"deployment": ""}, {"deployment": None}),
        ({"product": "p"}, {"product": "p"}),
        ({"subscription": "sub-1"}, {}),
        ({"use_case": "u"}, {"use_case": "u"}),
        ({"use_case": ""}, {"use_case": None}),
        ({"user": "bob"}, {"end_user": "bob"}),
        ({"status": 200}, {}),
        ({"evidence": Basis.TOTALS}, {"evidence": Evidence.TOTALS}),
        ({"evidence": Basis.NOT_BILLABLE}, {"evidence": Evidence.ABSENT, "status": 429}),
        ({"evidence": Basis.MISSING}, {"evidence": Evidence.ABSENT}),
        ({"unpriced": True}, {"model": "gpt-99"}),
        ({"unpriced": False}, {}),
        ({"bucket": "output"}, {}),
    ],
)
def test_a_filter_covers_what_it_names(wanted: dict[str, Any], changes: dict[str, Any]) -> None:
    assert Wanted(**wanted).covers(one(**changes))


@pytest.mark.parametrize(
    "wanted",
    [
        {"start": AT + 1},
        {"end": AT},
        {"id": "r-2"},
        {"model": "gpt-4"},
        {"model": ""},
        {"deployment": "chat"},
        {"product": "p"},
        {"subscription": "sub-2"},
        {"subscription": ""},
        {"use_case": "u"},
        {"user": "bob"},
        {"status": 429},
        {"evidence": Basis.TOTALS},
        {"unpriced": True},
        {"bucket": "cached_read"},
    ],
)
def test_a_filter_covers_nothing_else(wanted: dict[str, Any]) -> None:
    assert not Wanted(**wanted).covers(one())


def test_a_withdrawn_request_is_told_as_such() -> None:
    (page,) = committed([usage("a")])
    taken = withdrawal(page.entries[0], Reference(1, 0), NOW)
    later = replace(page, number=2, entries=(taken,))
    (found,) = requests_of([page, later])
    assert (found.entry.state.basis, found.entry.state.amount) == (Basis.WITHDRAWN, 0)
    assert [before.state.basis for before in found.earlier] == [Basis.FULL]


def test_an_outcome_is_no_request() -> None:
    outcome = one(type="business.outcome.v1")
    assert not Wanted().covers(outcome)
    assert Wanted(outcomes=True).covers(outcome)


def test_a_position_is_read_as_it_was_written() -> None:
    position = one().position
    assert Position.parse(str(position)) == position


@pytest.mark.parametrize(
    "text", ["", "1.2.3.4", "1.2.3.4.5.6", "1.2.3.4.x", "-1.2.3.4.5", "1.2.3.4.\u0665"]
)
def test_any_other_text_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match="is not `next`"):
        Position.parse(text)
