"""The statement: the amount that a tenant owes for a period. It is written once and never changed.

Its lines come in this order: usage, allowance, tiers, packages, fees and the minimum (together the
charge of the period's own ledger); shares of provisioned capacity; corrections of earlier periods,
that is the change of their charges since they were billed; adjustments; the amount that the
statement before carried forward; credits; the amount carried forward; rounding.

Every amount is exact. `rounded` is the amount to the minor unit of the currency, half to even, for
display. The total is the exact sum, rounded once; the rounding line makes both the exact and the
rounded lines add up to it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from metering.core.allocation.allocation import Allocation
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount, rounded
from metering.core.billing.charge import ChargeKind, ChargeLine, charge
from metering.core.billing.recomputation import Provenance, Recomputed, difference
from metering.core.billing.spends import Due, due_of
from metering.core.calendars.periods import LedgerId, Period, month_of
from metering.core.credit.adjustment import MadeAdjustment
from metering.core.credit.grant import Burnt
from metering.core.ledger.chain import Position
from metering.core.ledger.counts import lapse_of
from metering.core.ledger.head import Head
from metering.core.ledger.page import GENESIS
from metering.core.plans.plan import Plan

type LineKind = ChargeKind | BeyondCharge
type BeyondCharge = Literal[
    "ptu_share",
    "correction",
    "adjustment",
    "carried_over",
    "credit",
    "carried_forward",
    "rounding",
]

#: The lines of the period's own charge.
_CHARGED: Final = frozenset(get_args(ChargeKind.__value__))
#: Azure bills capacity itself, never through the marketplace.
CAPACITY_CHANNEL: Final = "microsoft"


type Shared = tuple[str, str]
"""An allocation that has been billed: the key of its deployment and the name of its month."""


class StatementLine(NamedTuple):
    """One line. If it has a quantity, its amount is exactly quantity times unit price."""

    kind: LineKind
    amount: Amount
    rounded: Amount = 0
    """To the minor unit, for display."""
    term: str | None = None
    """The plan term, e.g. `tiers.0.steps.1`; for a correction or share, the part it covers."""
    model: str | None = None
    bucket: str | None = None
    quantity: int | None = None
    """In `unit`; for meters other than tokens in 10^-6 of it."""
    unit: str | None = None
    unit_price: Amount | None = None
    channel: str | None = None
    charge_period: str | None = None
    """The period that the line is for, if it is another one."""
    corrects: ChargeKind | None = None
    """The kind of line that a correction corrects."""
    reference: str | None = None
    """The grant, adjustment or deployment behind it."""
    reason: str | None = None
    author: str | None = None


class Open(NamedTuple):
    """Requests unsettled when the period closed; a later statement bills their outcome."""

    pending: int = 0
    """Streams that still wait for their counts."""
    unpriced: int = 0
    missing: int = 0
    totals_only: int = 0
    """Requests counted from a log, which may not distinguish cached tokens from others."""
    uncollected: tuple[str, ...] = ()
    """Earlier periods in another currency that have changed; amounts are never converted."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The amount that a tenant owes for one period, and everything it is derived from."""

    ledger: LedgerId
    period: Period
    number: int
    """The sequence number among the tenant's statements, from 1."""
    plan: str
    currency: str
    lines: tuple[StatementLine, ...]
    billed: Mapping[LedgerId, Position]
    """The billed-through position of each ledger of the tenant up to this one."""
    shared: tuple[Shared, ...]
    """The allocations billed so far, for the months in which more may still come."""
    burnt: Mapping[str, Amount]
    """The amount that each grant paid."""
    carried: Mapping[str, Amount]
    """The amount that the next statement deducts, by currency."""
    price_versions: tuple[str, ...]
    provenance: Provenance
    open: Open
    closed: Instant
    from_cache: int = 0
    """Requests of the period that a cache of the gateway answered, at no charge."""
    previous: str = GENESIS
    """The hash of the tenant's previous statement."""
    hash: str = ""

    @property
    def total(self) -> Amount:
        """The amount owed: the sum of the lines, a whole number of minor units."""
        return sum(line.amount for line in self.lines)


class Late(NamedTuple):
    """An earlier ledger that has changed since it was billed."""

    period: Period
    plan: Plan
    recomputed: Recomputed
    has_statement: bool
    """Whether it was closed. Usage older than the tenant's first statement has none."""


#: An allocation is billed up to this long after its month, as late usage is.
LOOK_BACK: Final = 400 * DAY


def unsettled(head: Head, at: Instant) -> Open:
    """Count the unsettled requests of a ledger at an instant; lapsed holds do not count."""
    lines = head.lines.values()
    return Open(
        sum(held.requests for slot, held in head.holds.items() if lapse_of(slot) > at),
        sum(line.unpriced for line in lines),
        sum(line.missing for line in lines),
        sum(line.totals_only for line in lines),
    )


def shareable(period: Period, previous: Statement | None, allocation: Allocation) -> bool:
    """Say whether a statement bills an allocation: the first to end at or after its month does."""
    is_in_reach = period.end - LOOK_BACK < allocation.month.end <= period.end
    return is_in_reach and (previous is None or shared_of(allocation) not in previous.shared)


def shared_of(allocation: Allocation) -> Shared:
    """Return the name of an allocation on statements."""
    return allocation.deployment, allocation.month.name


class Bill(NamedTuple):
    """The parts of a statement before it is drafted."""

    ledger: LedgerId
    period: Period
    plan: Plan
    own: Recomputed
    late: Sequence[Late]
    allocations: Sequence[Allocation]
    """The allocations of provisioned capacity that this statement bills."""
    adjustments: Sequence[MadeAdjustment]
    previous: Statement | None

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.plan.currency


def lines_due(bill: Bill) -> list[StatementLine]:
    """Return the lines before credits."""
    own = charge(bill.own.head.lines, bill.plan)
    carried = bill.previous.carried if bill.previous else {}
    lines = [
        *map(_charged, own.lines),
        *_shares(bill),
        *(line for late in _collected(bill) for line in _corrections(late)),
        *map(_adjusted, bill.adjustments),
    ]
    if carried.get(bill.currency):
        lines.append(StatementLine("carried_over", -carried[bill.currency]))
    return lines


def due(lines: Sequence[StatementLine]) -> Due:
    """Return the amounts that credit has to pay."""
    own = ((line.channel, line.amount) for line in lines if line.kind in _CHARGED)
    others = ((line.channel, line.amount) for line in lines if line.kind not in _CHARGED)
    return due_of(own, others)


def statement_of(
    bill: Bill, lines: Sequence[StatementLine], burnt: Burnt, closed: Instant
) -> Statement:
    """Return the statement of a bill after its grants have paid what they could."""
    lines = [*lines, *(_credited(name, amount) for name, amount in sorted(burnt.spent.items()))]
    carried = dict(bill.previous.carried) if bill.previous else {}
    carried.pop(bill.currency, None)
    over = -sum(line.amount for line in lines)
    if over > 0:
        carried[bill.currency] = over
        lines.append(StatementLine("carried_forward", over))
    collected = list(_collected(bill))
    before = bill.previous.billed if bill.previous else {}
    marks = {late.recomputed.head.ledger: late.recomputed.through for late in collected}
    return Statement(
        ledger=bill.ledger,
        period=bill.period,
        number=bill.previous.number + 1 if bill.previous else 1,
        plan=bill.plan.id,
        currency=bill.currency,
        lines=tuple(_with_rounding(lines, bill.currency)),
        billed={**before, **marks, bill.ledger: bill.own.through},
        shared=_shared(bill),
        burnt=dict(burnt.spent),
        carried=carried,
        price_versions=_versions([bill.own, *(late.recomputed for late in collected)]),
        provenance=bill.own.provenance,
        open=_open(bill, closed),
        closed=closed,
        from_cache=sum(line.from_cache for line in bill.own.head.lines.values()),
        previous=bill.previous.hash if bill.previous else GENESIS,
    )


def _collected(bill: Bill) -> Iterator[Late]:
    return (late for late in bill.late if late.plan.currency == bill.currency)


def _charged(line: ChargeLine) -> StatementLine:
    return StatementLine(
        line.kind,
        line.amount,
        term=line.term,
        model=line.model,
        bucket=line.bucket,
        quantity=line.quantity,
        unit=line.unit,
        unit_price=line.unit_price,
        channel=line.channel,
    )


def _corrections(late: Late) -> Iterator[StatementLine]:
    before, after = (
        _comparable(charge(lines, late.plan).lines, late)
        for lines in (late.recomputed.before, late.recomputed.head.lines)
    )
    for line in difference(before, after):
        charged = _charged(line)
        yield charged._replace(
            kind="correction", corrects=line.kind, charge_period=late.period.name
        )


def _comparable(lines: tuple[ChargeLine, ...], late: Late) -> tuple[ChargeLine, ...]:
    """Leave out the minimum of a period without a statement: never billed, it is not refunded."""
    return tuple(line for line in lines if late.has_statement or line.kind != "minimum")


def _shares(bill: Bill) -> Iterator[StatementLine]:
    for allocation in bill.allocations:
        share = allocation.share_of(bill.ledger.tenant)
        if share is None or not share.is_billable or allocation.currency != bill.currency:
            continue
        for term, amount in (("used", share.used), ("idle", share.idle)):
            if amount:
                yield StatementLine(
                    "ptu_share",
                    amount,
                    term=term,
                    channel=CAPACITY_CHANNEL,
                    charge_period=allocation.month.name,
                    reference=allocation.deployment,
                )


def _shared(bill: Bill) -> tuple[Shared, ...]:
    before = bill.previous.shared if bill.previous else ()
    oldest = month_of(max(0, bill.period.end - LOOK_BACK)).name
    kept = (one for one in before if one[1] >= oldest)
    return tuple(sorted({*kept, *map(shared_of, bill.allocations)}))


def _adjusted(made: MadeAdjustment) -> StatementLine:
    of = made.adjustment
    return StatementLine(
        "adjustment",
        of.units,
        charge_period=of.charge_period,
        reference=of.id,
        reason=of.reason,
        author=of.author,
    )


def _credited(grant: str, amount: Amount) -> StatementLine:
    return StatementLine("credit", -amount, reference=grant)


def _with_rounding(lines: Iterable[StatementLine], currency: str) -> list[StatementLine]:
    shown = [line._replace(rounded=rounded(line.amount, currency)) for line in lines]
    exact = sum(line.amount for line in shown)
    total = rounded(exact, currency)
    rest = total - exact
    difference_shown = total - sum(line.rounded for line in shown)
    if rest or difference_shown:
        shown.append(StatementLine("rounding", rest, difference_shown))
    return shown


def _versions(recomputed: Iterable[Recomputed]) -> tuple[str, ...]:
    rates = (rate for one in recomputed for rate in one.head.lines)
    return tuple(sorted({rate.version for rate in rates if rate.version is not None}))


def _open(bill: Bill, at: Instant) -> Open:
    others = (late.period.name for late in bill.late if late.plan.currency != bill.currency)
    return unsettled(bill.own.head, at)._replace(uncollected=tuple(others))
