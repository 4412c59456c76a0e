"""The page about credits: its grants burn as it says, line by line."""

from pathlib import Path

import pytest

from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount, parse_amount
from metering.core.credit.credit import Bounds, OpenSpend, remaining
from metering.core.credit.grant import Grant, Spend
from tests.core.credits import burn

PAGE = Path(__file__).parents[3] / "docs" / "credits.md"


def rows(first: str) -> list[list[str]]:
    """Return the rows of the table whose head begins so."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition(f"| {first} |")
    lines = table.partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def day(text: str) -> int:
    return parse_instant(f"{text}T00:00:00Z")


GRANTS = [
    Grant(
        id=name,
        tenant="acme",
        amount=amount,
        currency="USD",
        start=day(start),
        expiry=None if end == "-" else day(end),
        priority=int(priority),
        channel=None if pays_for == "everything" else "marketplace",
    )
    for name, amount, start, end, priority, pays_for in rows("id")
]
USED = rows("at")
SPENDS = [
    Spend(day(at), None if channel.startswith("-") else channel, parse_amount(amount))
    for at, channel, amount, *_ in USED
]


@pytest.mark.parametrize("number", range(6))
def test_a_line_leaves_what_the_page_says(number: int) -> None:
    burnt = burn(GRANTS, SPENDS[: number + 1])
    left = [format_amount(one.units - burnt.spent.get(one.id, 0)) for one in GRANTS]
    assert [*left, format_amount(burnt.uncovered)] == USED[number][4:]


def test_every_line_of_the_page_is_there() -> None:
    assert len(USED) == 6
    assert [one.id for one in GRANTS] == ["promo", "market", "bought", "reserve"]
    assert sum(spend.amount for spend in SPENDS) == parse_amount("26")


def test_on_the_13th_as_much_is_left_as_the_page_says() -> None:
    (three, four, seven, *_) = SPENDS
    spans = [
        OpenSpend(
            day("2026-11-01"),
            day("2026-11-10"),
            {"microsoft": three.amount, "marketplace": four.amount},
        ),
        OpenSpend(day("2026-11-10"), day("2026-11-16"), {"microsoft": seven.amount}),
    ]
    left = remaining(GRANTS, {}, spans, day("2026-11-13"))
    assert left.total == Bounds(parse_amount("11"), parse_amount("13"))
