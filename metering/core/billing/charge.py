"""The charge of a period: its totals priced under the plan in force at its start.

It is a pure function of sums: the order of requests and the way they are added do not matter.

1. **Usage** is tokens times their unit price.
2. An **allowance** of tokens deducts free tokens in the order in which its meters are written;
   within a meter by model, then bucket (in the order of BUCKETS), then the highest price first.
   Allowances apply one after another; each sees only the tokens that the earlier ones left.
3. **Tiers** and **packages** replace the usage amount of the meters they cover, and see only the
   tokens that the allowances left. A step includes its upper bound.
4. An allowance of money covers usage as charged, tiers and packages included, but no fee.
5. Then come the request fee (for each billable request to a model, priced or not), the base fee,
   and the amount missing to the minimum.

Unpriced usage is counted but not charged: a tier prices only usage that has a price. Usage of
provisioned capacity has a price of zero, and no allowance, tier or package counts it. Steps and
sizes are in tokens or in the units of another meter; the two are never added. An allowance of
tokens covers tokens only.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

from metering.core.basics.money import Amount, parse_amount
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import Plan
from metering.core.plans.terms import Allowance, Meter, Package, Tier, price_of
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import BUCKETS, INDEX, QUANTITY_DECIMALS

type ChargeKind = Literal[
    "usage", "allowance", "tier", "package", "request_fee", "base_fee", "minimum"
]
WHOLE_UNITS: Final = frozenset({TOKEN, "request", "period", "package"})
"""Units that are counted one by one; quantities of every other unit are in millionths."""

type Quantities = Mapping["Metered", int]


class Metered(NamedTuple):
    """A bucket of a model at one unit price (10^-18)."""

    model: str | None
    bucket: str
    unit_price: Amount
    unit: str = TOKEN
    channel: str | None = None
    is_provisioned: bool = False
    """Whether provisioned capacity served it, which is paid by the hour: no plan term counts it."""


class ChargeLine(NamedTuple):
    """One line of a charge; its amount is exactly quantity times unit price."""

    kind: ChargeKind
    term: str | None
    """The plan term behind the line, e.g. `tiers.0.steps.1`; None for plain usage."""
    model: str | None
    bucket: str | None
    quantity: int
    """In `unit`, for meters other than tokens in 10^-6 of it; negative for a deduction."""
    unit: str
    """token, package, request, period, or the unit of another meter."""
    unit_price: Amount
    """Price of one of `quantity`, integer of 10^-18 currency units."""
    channel: str | None = None
    """The channel that bills the operator, for plain usage and free tokens."""

    @property
    def amount(self) -> Amount:
        """The amount that the line adds to the total."""
        return self.quantity * self.unit_price


class Charge(NamedTuple):
    """The charge of a period, exact and not rounded."""

    currency: str
    lines: tuple[ChargeLine, ...]
    unpriced_requests: int
    missing_requests: int

    @property
    def total(self) -> Amount:
        """The sum of the lines."""
        return _sum(self.lines)


def charge(totals: Mapping[Rate, RateTotals], plan: Plan) -> Charge:
    """Return the charge of a ledger's totals under the plan in force at its start."""
    used = _quantities(totals)
    left = {metered: count for metered, count in used.items() if not metered.is_provisioned}
    usage = [
        _usage(metered, quantity)
        for metered, quantity in used.items()
        if metered.is_provisioned or not plan.replaces(metered.model, metered.bucket)
    ]
    free = [
        line
        for number, allowance in enumerate(plan.allowance)
        for line in _free_tokens(f"allowance.{number}", allowance, left, plan)
    ]
    replaced = [*_tiers(plan, left), *_packages(plan, left)]
    free.extend(_free_money(plan, _sum([*usage, *free, *replaced])))
    lines = [*usage, *free, *replaced, *_fees(plan, totals)]
    return Charge(
        plan.currency,
        (*lines, *_minimum(plan, _sum(lines))),
        sum(line.unpriced for line in totals.values()),
        sum(line.missing for line in totals.values()),
    )


def _usage(metered: Metered, quantity: int) -> ChargeLine:
    model, bucket, price, unit, channel, _ = metered
    return ChargeLine("usage", None, model, bucket, quantity, unit, price, channel)


def _sum(lines: Iterable[ChargeLine]) -> Amount:
    return sum(line.amount for line in lines)


def _quantities(totals: Mapping[Rate, RateTotals]) -> dict[Metered, int]:
    """Sum the priced usage, in the order in which allowances and statements go through it."""
    found: dict[Metered, int] = {}
    for rate, line in totals.items():
        if amount_of(rate, line.tokens) is None:
            continue
        for bucket, unit, count in zip(BUCKETS, rate.units, line.tokens, strict=True):
            if count and unit is not None:
                provisioned = rate.weights is not None
                metered = Metered(rate.model, bucket, unit, rate.unit, rate.channel, provisioned)
                found[metered] = found.get(metered, 0) + count
    return {metered: found[metered] for metered in sorted(found, key=_place)}


def _place(metered: Metered) -> tuple[bool, str, int, int, str, str, bool]:
    """Sort by model, unnamed first, then bucket, then the highest price first."""
    model, bucket, unit_price, unit, channel, provisioned = metered
    place = model is not None, model or "", INDEX[bucket], -unit_price
    return (*place, unit, channel or "", provisioned)


def _free_tokens(
    term: str, allowance: Allowance, left: dict[Metered, int], plan: Plan
) -> Iterator[ChargeLine]:
    """Deduct an allowance from the quantities left, and yield the value of the deduction.

    Tokens that a tier or package prices have no value here: the term sees fewer tokens instead.
    """
    free = allowance.tokens or 0
    for metered in _in_order(left, allowance.meters):
        taken = min(free, left[metered])
        if taken:
            free -= taken
            left[metered] -= taken
            model, bucket, price, unit, channel, _ = metered
            worth = 0 if plan.replaces(model, bucket) else price
            yield ChargeLine("allowance", term, model, bucket, -taken, unit, worth, channel)


def _in_order(left: Quantities, meters: tuple[Meter, ...] | None) -> list[Metered]:
    tokens = [metered for metered in left if metered.unit == TOKEN]
    if meters is None:
        return tokens
    return [
        metered
        for meter in meters
        for metered in tokens
        if meter.covers(metered.model, metered.bucket)
    ]


def _tiers(plan: Plan, left: Quantities) -> Iterator[ChargeLine]:
    for number, tier in enumerate(plan.tiers):
        for unit, quantity in _covered(tier, left).items():
            steps = _graduated if tier.mode == "graduated" else _volume
            for step, part in steps(tier, quantity, _scale(unit)):
                term = f"tiers.{number}.steps.{step}"
                price = price_of(tier.steps[step].price_per_million)
                yield ChargeLine("tier", term, *_named(tier), part, unit, price)


def _scale(unit: str) -> int:
    """Return the number of parts in which a unit is counted."""
    return 1 if unit == TOKEN else 10**QUANTITY_DECIMALS


def _graduated(tier: Tier, quantity: int, scale: int) -> Iterator[tuple[int, int]]:
    """Yield each step that is reached, with the quantity in it."""
    below = 0
    for number, step in enumerate(tier.steps):
        end = quantity if step.up_to is None else min(quantity, step.up_to * scale)
        if end > below:
            yield number, end - below
            below = end


def _volume(tier: Tier, quantity: int, scale: int) -> Iterator[tuple[int, int]]:
    """Yield the step that the whole quantity reaches, with the whole quantity."""
    reached = (
        number
        for number, step in enumerate(tier.steps)
        if step.up_to is None or quantity <= step.up_to * scale
    )
    yield next(reached), quantity


def _packages(plan: Plan, left: Quantities) -> Iterator[ChargeLine]:
    for number, package in enumerate(plan.packages):
        for unit, quantity in _covered(package, left).items():
            begun = -(-quantity // (package.size * _scale(unit)))
            term, price = f"packages.{number}", parse_amount(package.price)
            yield ChargeLine("package", term, *_named(package), begun, "package", price)


def _covered(term: Tier | Package, left: Quantities) -> dict[str, int]:
    """Return the quantities that a term prices, by unit, since units are never added."""
    found: dict[str, int] = {}
    for metered, count in left.items():
        if count and term.covers(metered.model, metered.bucket):
            found[metered.unit] = found.get(metered.unit, 0) + count
    return found


def _named(term: Tier | Package) -> tuple[str | None, str | None]:
    """Return the model and bucket of a term that covers a single meter."""
    (first, *others) = term.meters
    return (None, None) if others else (first.model, first.bucket)


def _free_money(plan: Plan, usage: Amount) -> Iterator[ChargeLine]:
    for number, allowance in enumerate(plan.allowance):
        taken = min(parse_amount(allowance.amount or "0"), usage)
        if taken:
            usage -= taken
            yield _once("allowance", f"allowance.{number}", -taken)


def _fees(plan: Plan, totals: Mapping[Rate, RateTotals]) -> Iterator[ChargeLine]:
    billable = sum(
        line.requests - line.not_billable for rate, line in totals.items() if rate.unit == TOKEN
    )
    fee, base_fee = parse_amount(plan.request_fee), parse_amount(plan.base_fee)
    if fee and billable:
        yield ChargeLine("request_fee", "request_fee", None, None, billable, "request", fee)
    if base_fee:
        yield _once("base_fee", "base_fee", base_fee)


def _minimum(plan: Plan, total: Amount) -> Iterator[ChargeLine]:
    short = parse_amount(plan.minimum) - total
    if short > 0:
        yield _once("minimum", "minimum", short)


def _once(kind: ChargeKind, term: str, amount: Amount) -> ChargeLine:
    return ChargeLine(kind, term, None, None, 1, "period", amount)
