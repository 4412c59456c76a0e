"""An allocation as stored: it reads back the same, and what is not one is refused."""

import json
from typing import Any

import pytest

from metering.core.allocation.allocation import Allocation, Counted, allocate
from metering.core.allocation.allocation_document import read_allocation, write_allocation
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.deployments.capacity import Span

NOVEMBER = parse_month("2026-11")
FIRST = NOVEMBER.start
#: Far above what a double holds exactly.
MUCH = 12_345_678_901_234_567_890_123


def allocation() -> Allocation:
    return allocate(
        "contoso/chat",
        NOVEMBER,
        [Span(FIRST, FIRST + 3 * HOUR, 7, MUCH, "EUR", "equal")],
        {FIRST: {"acme": MUCH, "beta": 1}},
        counted=[Counted(LedgerId("acme", FIRST), 3, "f" * 64)],
        is_billable=lambda tenant: tenant == "acme",
    )


def document(**changes: Any) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(json.dumps(write_allocation(allocation())))
    return {**parsed, **changes}


def test_a_sharing_reads_back_as_it_was_written() -> None:
    assert read_allocation(document()) == allocation()


def test_money_is_text() -> None:
    assert document()["unallocated"] == "0"
    assert document()["spans"][0][3] == "12345678901234567890123"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema": 0}, "has schema 0, not 1"),
        ({"shares": [["acme"]]}, "cannot be read: ValueError"),
        ({"unallocated": None}, "cannot be read: TypeError"),
        ({"unallocated": "1"}, "does not add up"),
    ],
)
def test_what_is_no_sharing_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvariantBroken, match=said):
        read_allocation(document(**changes))
