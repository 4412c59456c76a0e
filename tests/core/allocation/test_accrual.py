"""Accrual: the share so far, its pieces by period, and what the hours to come add."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from metering.core.allocation.accrual import Accrual, Piece, accrual_of, finished
from metering.core.allocation.accrued import Accrued, AccruedShare, accrued_share
from metering.core.allocation.allocation import Allocation, allocate
from metering.core.allocation.allocation_document import read_accrual, write_accrual
from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.basics.money import parse_amount
from metering.core.calendars.periods import parse_month
from metering.core.calendars.windows import Window
from metering.core.deployments.capacity import Span
from metering.core.deployments.deployment import IdlePolicy

NOVEMBER = parse_month("2026-11")
FIRST, HALF = NOVEMBER.start, NOVEMBER.start + 15 * DAY
ONE = parse_amount("1")


def allocation(
    tokens: dict[Instant, dict[str, int]],
    idle: IdlePolicy = "by_share",
    hours: int = 720,
    price: int = ONE,
) -> Allocation:
    return allocate(
        "chat",
        NOVEMBER,
        [Span(FIRST, FIRST + hours * HOUR, 50, price, "USD", idle)],
        tokens,
        counted=[],
        is_billable=lambda tenant: tenant != "yen",
    )


def share(accrual: Accrual, tenant: str, *coming: Span) -> AccruedShare:
    found = accrued_share(accrual, tenant, coming)
    assert found is not None
    return found


def test_a_period_from_the_15th_has_the_hours_from_then_on() -> None:
    tokens = {FIRST: {"acme": 1, "beta": 1}, HALF: {"acme": 3}}
    cuts = {"acme": [HALF], "beta": []}
    accrual = accrual_of(allocation(tokens), NOVEMBER.end, tokens, lambda one: cuts[one])
    # The first hour is half of acme's: 25. The 16th's is its own: 50. Of the 718 idle hours,
    # 35,900, it pays 4 of 5 parts, 28,720: 359 lie in each half of the month, 14,360.
    assert accrual.pieces == {
        "acme": (Piece(FIRST, 14_385 * ONE), Piece(HALF, 14_410 * ONE)),
    }
    acme, beta = share(accrual, "acme"), share(accrual, "beta")
    assert acme.within(Window(HALF, HALF + 30 * DAY)) == 14_410 * ONE
    # 25 for its hour, and a fifth of the idle ones, 7,180.
    assert beta.within(Window(FIRST, NOVEMBER.end)) == beta.amount == 7_205 * ONE
    assert accrued_share(accrual, "nobody", ()) is None
    assert read_accrual(write_accrual(accrual)) == accrual
    lacking = replace(accrual, faults={"beta|2026-11": "page 3 is missing"})
    assert read_accrual(write_accrual(lacking)) == lacking
    assert not share(lacking, "acme").is_complete
    # Versions before 2026-12-01 wrote no faults.
    document = write_accrual(accrual)
    del document["faults"]
    assert read_accrual(document) == accrual


def test_what_the_close_wrote_is_cut_as_it_accrued_or_by_the_cost_of_hours() -> None:
    tokens = {FIRST: {"acme": 1}, HALF: {"acme": 1}}
    whole = allocation(tokens, "unallocated")
    before = accrual_of(whole, NOVEMBER.end, tokens, lambda _: [HALF])
    late = {**tokens, HALF + HOUR: {"acme": 1}, HALF + 2 * HOUR: {"acme": 1}}
    final = finished(allocation(late, "unallocated"), 0, before, lambda _: [HALF])
    # Two hours of 50 each accrued, one in each half; four were billed.
    assert final.is_final
    assert final.pieces == {"acme": (Piece(FIRST, 100 * ONE), Piece(HALF, 100 * ONE))}
    quarter = FIRST + 180 * HOUR
    alone = finished(whole, 0, None, lambda _: [quarter])
    # 180 of 720 hours lie before: 25 of 100.
    assert alone.pieces == {"acme": (Piece(FIRST, 25 * ONE), Piece(quarter, 75 * ONE))}
    assert finished(whole, 0, None, lambda _: []).pieces == {}


def test_hours_to_come_cost_the_same_part_as_those_so_far() -> None:
    tokens = {FIRST: {"acme": 3, "beta": 1}}
    accrual = accrual_of(allocation(tokens, hours=10), FIRST + 10 * HOUR, tokens, lambda _: [])
    start = FIRST + 10 * HOUR
    coming = Span(start, start + 100 * HOUR, 50, ONE, "USD", "by_share")
    # 3 of 4 parts of 50 an hour.
    found = Accrued("USD", (share(accrual, "acme", coming), share(accrual, "beta", coming)), start)
    assert found.shares[0].expected(start + 2 * HOUR) == 75 * ONE
    assert found.expected(start + 1_000 * HOUR) == 100 * 50 * ONE
    assert found.expected(start - HOUR) == 0
    window = Window(FIRST, NOVEMBER.end)
    assert found.within(window) == 500 * ONE
    assert found.by_name(window) == {"chat": 500 * ONE}
    assert found.lies_in(Window(NOVEMBER.end, NOVEMBER.end + DAY)).shares == ()
    assert found.lies_in(window) == found


def test_a_share_in_another_currency_is_shown_and_not_counted() -> None:
    tokens = {FIRST: {"acme": 1, "yen": 1}}
    accrual = accrual_of(allocation(tokens, hours=1), FIRST + HOUR, tokens, lambda _: [])
    of_yen = Accrued("JPY", (share(accrual, "yen"),))
    assert (of_yen.shares[0].amount, of_yen.within(Window(FIRST, HALF))) == (25 * ONE, 0)
    # The plan was in dollars when the month began, and is no longer.
    assert Accrued("EUR", (share(accrual, "acme"),)).billable == []


@given(
    used=st.dictionaries(
        st.integers(0, 99),
        st.dictionaries(st.sampled_from(["acme", "beta", "yen"]), st.integers(0, 9)),
    ),
    cuts=st.lists(st.integers(1, 99), unique=True, max_size=5),
    idle=st.sampled_from(["unallocated", "equal", "by_share"]),
    price=st.integers(0, 10**6),
)
def test_the_pieces_of_a_share_add_up_to_it(
    used: dict[int, dict[str, int]], cuts: list[int], idle: IdlePolicy, price: int
) -> None:
    tokens = {FIRST + hour * HOUR: of for hour, of in used.items()}
    starts = sorted(FIRST + hour * HOUR for hour in cuts)
    whole = allocation(tokens, idle, hours=100, price=price)
    accrual = accrual_of(whole, FIRST + 100 * HOUR, tokens, lambda _: starts)
    final = finished(whole, 0, accrual, lambda _: starts)
    for one in whole.shares:
        for found in (accrual, final):
            pieces = found.pieces_of(one)
            assert sum(piece.amount for piece in pieces) == one.amount
            assert [piece.start for piece in pieces] == [FIRST, *starts]
