"""Statements, and what they are made of, in the shape that tests need them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from metering.core.allocation.allocation import Allocation, Share
from metering.core.basics.instants import DAY
from metering.core.basics.money import Amount
from metering.core.billing.recomputation import Recomputed
from metering.core.billing.statement import (
    Bill,
    Late,
    Statement,
    lines_due,
    statement_of,
)
from metering.core.billing.statement_document import sealed
from metering.core.calendars.periods import LedgerId, Period, parse_month
from metering.core.credit.adjustment import Adjustment, MadeAdjustment
from metering.core.credit.grant import Burnt
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import Head, RateTotals
from metering.core.plans.plan import Plan
from metering.core.prices.rating import Rate
from metering.core.usage.evidence import Evidence
from tests.builders import a_line, a_rate

OCTOBER = parse_month("2026-10")
NOVEMBER = parse_month("2026-11")
DECEMBER = parse_month("2026-12")
GPT = a_rate("gpt-4o", input="2.5", cached_read="1.25", output="10")
MILLION = 1_000_000

type Totals = Mapping[Rate, RateTotals]
#: 1,000,000 x 2.50 + 100,000 x 10 a million = 2.5 + 1 = 3.50 USD.
USED: Totals = {GPT: a_line(2, input=MILLION, output=100_000)}


def recomputed(
    ledger: LedgerId, totals: Totals, *, before: Totals | None = None, pages: int = 1
) -> Recomputed:
    """Return the totals of a ledger through some page."""
    head = Head(ledger, pages=pages, last_hash=f"hash-{pages}", lines=dict(totals))
    since = START if before is None else Position(1, "hash-1")
    return Recomputed(head, since, before or {}, {Evidence.FULL: 2}, {})


def a_bill(
    totals: Totals = USED,
    *,
    tenant: str = "acme",
    month: Period = NOVEMBER,
    late: Sequence[Late] = (),
    allocations: Sequence[Allocation] = (),
    adjustments: Sequence[Any] = (),
    previous: Statement | None = None,
    **terms: Any,
) -> Bill:
    """Return a bill under a plan of such terms."""
    ledger = LedgerId(tenant, month.start)
    plan = Plan(id="test", **terms)
    own = recomputed(ledger, totals)
    return Bill(ledger, month, plan, own, late, allocations, adjustments, previous)


def an_allocation(
    used: Amount,
    idle: Amount,
    *,
    month: Period = NOVEMBER,
    currency: str = "USD",
    is_billable: bool = True,
) -> Allocation:
    """Return an allocation in which acme has so much of the used and the idle hours."""
    share = Share("acme", used, idle, 1, 1, is_billable)
    return Allocation("eu/ptu", month, currency, (), (share,), 0, 0, ())


def adjusted(amount: str, **changes: str) -> MadeAdjustment:
    """Return an adjustment made in November."""
    made = {"id": "a-1", "reason": "outage", "author": "ada", "currency": "USD", **changes}
    return MadeAdjustment(NOVEMBER.start, Adjustment(tenant="acme", amount=amount, **made))


def closed(bill: Bill, burnt: Burnt | None = None) -> Statement:
    """Return the statement of a bill, closed a day after its period."""
    lines = lines_due(bill)
    return sealed(statement_of(bill, lines, burnt or Burnt({}, 0), bill.period.end + DAY))


def a_statement(totals: Totals = USED, **changes: Any) -> Statement:
    """Return a statement of November: 3.50 USD unless told otherwise."""
    return closed(a_bill(totals, **changes))


class KeptStatements:
    """A store of statements that keeps just these, whatever they say."""

    def __init__(self, *kept: Statement) -> None:
        self._kept = kept

    async def put_statement(self, statement: Statement) -> bool:
        return statement not in self._kept

    async def read_statement(self, ledger: LedgerId) -> Statement | None:
        return next((one for one in self._kept if one.ledger == ledger), None)

    async def latest_statement(self, tenant: str) -> Statement | None:
        kept = [one for one in self._kept if one.ledger.tenant == tenant]
        return kept[-1] if kept else None

    async def statements(self, tenant: str) -> AsyncIterator[Statement]:
        for one in self._kept:
            if one.ledger.tenant == tenant:
                yield one
