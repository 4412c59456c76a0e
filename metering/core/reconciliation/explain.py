"""Reconciliation: the ledgers beside the bill, with every difference explained.

A difference is the billed amount less the ledgers' amount, in tokens and in money at list price.
Every difference is divided among explanations (`Why`) in a fixed order, without a remainder.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.money import AMOUNT_DECIMALS, Amount
from metering.core.reconciliation.agreed import WHOLE
from metering.core.reconciliation.cost_row import ONE, Exact, Sort

#: From 10^-18 to 10^-36. Parts that result from a division are rounded to 10^-18; the last part of
#: a cell takes the remainder.
AMOUNT_SCALE: Final = ONE // 10**AMOUNT_DECIMALS

#: The longest prompt of any model: a request with missing counts had at most so many tokens.
MOST_TOKENS_A_REQUEST: Final = 1_048_576

#: Tokens are whole numbers: less than half a token is a matter of notation.
_HALF_TOKEN: Final[Exact] = ONE // 2
#: A hundred-millionth of a currency unit a row: the noise of binary fractions in exports.
_NOISE: Final[Exact] = ONE // 10**8


class Why(StrEnum):
    """Explanations of a difference, in the order in which they are tried."""

    CREDIT = "credit"
    """Refunds and credits on the bill."""
    UNPRICED = "unpriced"
    """The ledgers' tokens have no list price; valued at the billed price of a token."""
    ROUNDING = "rounding"
    """Within half of the last digit written in the export."""
    TOTALS_ONLY = "totals_only"
    """Counted from a log, which does not distinguish cached input."""
    LATE = "late"
    """Billed on the next day, or just outside the span."""
    MISSING = "missing"
    """Requests were processed, but their counts never arrived."""
    UNMETERED = "unmetered"
    """Billed, but not in the ledgers."""
    UNBILLED = "unbilled"
    """In the ledgers, but not billed."""
    DISCOUNT = "discount"
    """The discount that was agreed with the provider."""
    PRICE = "price"
    """The same tokens at another price."""
    PROVISIONED = "provisioned"
    """Provisioned units: the registry against the bill, by the hour."""
    MARKETPLACE = "marketplace"
    """Models that the marketplace bills in its own measure: only amounts are compared."""
    UNMAPPED = "unmapped"
    """An unknown meter."""


#: Explanations that are agreed, resolve by themselves or are a matter of notation.
HARMLESS: Final = frozenset({Why.ROUNDING, Why.LATE, Why.DISCOUNT})
_BY_SORT: Final[dict[Sort, Why]] = {
    "provisioned": Why.PROVISIONED,
    "marketplace": Why.MARKETPLACE,
    "unmapped": Why.UNMAPPED,
}


class Part(NamedTuple):
    """One explanation of a part of a difference."""

    why: Why
    tokens: Exact
    amount: Exact


@dataclass(slots=True)
class LedgerSide:
    """The ledgers' usage in one cell; `amount` is at list price and covers the priced tokens."""

    tokens: int = 0
    unpriced: int = 0
    totals_only: int = 0
    """Tokens of requests counted from a log."""
    edge: int = 0
    """Tokens of the last hours of the day."""
    amount: Amount = 0

    def add(self, other: "LedgerSide") -> None:
        """Add another cell."""
        self.tokens += other.tokens
        self.unpriced += other.unpriced
        self.totals_only += other.totals_only
        self.edge += other.edge
        self.amount += other.amount


@dataclass(slots=True)
class BilledSide:
    """The billed usage in one cell; credits are separate."""

    tokens: Exact = 0
    cost: Exact = 0
    credit_tokens: Exact = 0
    credit: Exact = 0
    rows: int = 0
    blocks: int = 0
    """The pricing units of all rows, in tokens: their last digits count these."""
    discounted: int = 0
    """The sum of tokens (of other usage: of costs) times the agreed discount of their row."""
    meters: set[str] = field(default_factory=set)

    def add(self, other: "BilledSide") -> None:
        """Add another cell."""
        self.tokens += other.tokens
        self.cost += other.cost
        self.credit_tokens += other.credit_tokens
        self.credit += other.credit
        self.rows += other.rows
        self.blocks += other.blocks
        self.discounted += other.discounted
        self.meters |= other.meters


class Precision(NamedTuple):
    """The value of one in the last digit of an export's finest quantity and cost."""

    quantity: Exact = ONE
    cost: Exact = ONE

    def tokens(self, theirs: BilledSide) -> Exact:
        """Return the largest difference in tokens that rounding a cell's quantities can cause."""
        return max(_HALF_TOKEN, self.quantity * theirs.blocks // 2)

    def amount(self, theirs: BilledSide) -> Exact:
        """Return the largest difference that rounding a cell's costs can cause."""
        return self.cost * theirs.rows // 2 + _NOISE * theirs.rows


@dataclass(slots=True)
class Shift:
    """Tokens of a cell's difference that other cells or missing requests explain."""

    totals_only: Exact = 0
    late: Exact = 0
    missing: Exact = 0
    """An upper bound; the other two are exact and signed."""


def token_difference(ours: LedgerSide, theirs: BilledSide) -> Exact:
    """Return the billed tokens less the ledgers' tokens, without credits."""
    return theirs.tokens - ours.tokens * ONE


def explain_tokens(
    ours: LedgerSide, theirs: BilledSide, precision: Precision, moved: Shift
) -> tuple[Part, ...]:
    """Return the parts of a cell's difference; tokens and amounts add up to it exactly.

    A difference in tokens is valued at the billed price of the cell's tokens or, if nothing was
    billed, at list price. The remaining amount is a difference in price for the same tokens.
    """
    value = _Value.of(ours, theirs)
    parts = [Part(Why.CREDIT, theirs.credit_tokens, theirs.credit)]
    if theirs.tokens > 0:
        matched = min(ours.unpriced * ONE, theirs.tokens)
        parts.append(Part(Why.UNPRICED, 0, value.of_tokens(matched) if theirs.cost > 0 else 0))
    bound = precision.tokens(theirs)
    difference = token_difference(ours, theirs)
    told = 0
    for why, tokens in _divided(difference, bound, moved):
        # By running sums, so that the remainder of one division goes to the next part.
        before, told = told, told + tokens
        parts.append(Part(why, tokens, value.of_tokens(told) - value.of_tokens(before)))
    if theirs.tokens > 0 and theirs.cost > 0:
        parts.append(Part(Why.DISCOUNT, 0, _discount(ours, theirs, theirs.tokens)))
    whole = theirs.cost + theirs.credit - ours.amount * AMOUNT_SCALE
    rest = whole - sum(part.amount for part in parts)
    # Costs are computed from quantities before those are rounded.
    rounded = abs(value.of_tokens(difference)) if abs(difference) <= bound else 0
    is_small = abs(rest) <= precision.amount(theirs) + rounded
    parts.append(Part(Why.ROUNDING if is_small else Why.PRICE, 0, rest))
    return _merged(parts)


def _discount(ours: LedgerSide, theirs: BilledSide, of: Exact) -> Exact:
    """Return what the agreed discounts take off the ledgers' amount.

    `of` is what the discounts were weighted by: the billed tokens or the cost.
    """
    taken, left = divmod(ours.amount * AMOUNT_SCALE * theirs.discounted, of * WHOLE)
    discount: Exact = taken if not left else taken // AMOUNT_SCALE * AMOUNT_SCALE
    return -discount


class _Value(NamedTuple):
    """The value of one token of a cell, as a fraction."""

    amount: Exact
    tokens: Exact

    @classmethod
    def of(cls, ours: LedgerSide, theirs: BilledSide) -> "_Value":
        if theirs.tokens > 0 and theirs.cost > 0:
            return cls(theirs.cost, theirs.tokens)
        if ours.tokens > 0:
            return cls(ours.amount * AMOUNT_SCALE, ours.tokens * ONE)
        if theirs.tokens:
            return cls(theirs.cost, theirs.tokens)
        return cls(0, ONE)

    def of_tokens(self, tokens: Exact) -> Exact:
        """Return the value of these tokens: exact if possible, otherwise to 10^-18."""
        amount, left = divmod(tokens * self.amount, self.tokens)
        return amount if not left else amount // AMOUNT_SCALE * AMOUNT_SCALE


def _divided(difference: Exact, bound: Exact, moved: Shift) -> list[tuple[Why, Exact]]:
    """Divide a difference in tokens among its explanations, in their order."""
    if abs(difference) <= bound:
        return [(Why.ROUNDING, difference)]
    found: list[tuple[Why, Exact]] = []
    for why, most in (
        (Why.TOTALS_ONLY, moved.totals_only),
        (Why.LATE, moved.late),
        (Why.MISSING, moved.missing),
    ):
        # No explanation reverses the sign of a difference.
        low, high = min(0, difference), max(0, difference)
        taken = min(max(most, low), high)
        found.append((why, taken))
        difference -= taken
    found.append((Why.UNMETERED if difference > 0 else Why.UNBILLED, difference))
    return found


def explain_amount(
    sort: Sort, ours: LedgerSide, theirs: BilledSide, precision: Precision
) -> tuple[Part, ...]:
    """Return the parts of a cell's difference if its tokens cannot be compared."""
    discount = _discount(ours, theirs, theirs.cost) if theirs.cost > 0 else 0
    rest = theirs.cost - ours.amount * AMOUNT_SCALE - discount
    is_small = theirs.rows > 0 and sort != "unmapped" and abs(rest) <= precision.amount(theirs)
    parts = [
        Part(Why.CREDIT, 0, theirs.credit),
        Part(Why.DISCOUNT, 0, discount),
        Part(Why.ROUNDING if is_small else _BY_SORT[sort], 0, rest),
    ]
    return _merged(parts)


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Return one part for each explanation, in order, without empty ones."""
    found = (
        Part(
            why,
            sum(part.tokens for part in parts if part.why is why),
            sum(part.amount for part in parts if part.why is why),
        )
        for why in Why
    )
    return tuple(part for part in found if part.tokens or part.amount)
