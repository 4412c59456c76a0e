"""Reconciliation: what our ledgers counted beside what was billed, and why they differ.

A difference is always what was billed less what is ours, in tokens and in money at list price.
Every difference is divided among explanations (`Why`), in one order, and nothing is left over.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.money import AMOUNT_DECIMALS, Amount
from metering.core.reconciliation.cost_row import ONE, Exact, Sort

#: From 10^-18 to 10^-36. A part that follows from a division is rounded to 10^-18; the last one of
#: a cell takes what that leaves.
AMOUNT_SCALE: Final = ONE // 10**AMOUNT_DECIMALS

#: The longest prompt that any model takes: no request whose counts are missing had more tokens.
MOST_TOKENS_A_REQUEST: Final = 1_048_576

#: Tokens are whole: less than half a token is how somebody wrote a number.
_HALF_TOKEN: Final[Exact] = ONE // 2
#: A hundred-millionth of a currency unit a row: the noise of binary fractions in exports.
_NOISE: Final[Exact] = ONE // 10**8


class Why(StrEnum):
    """Why what was billed differs from what is ours, in the order in which it is looked for."""

    CREDIT = "credit"
    """Given back: a row that is a refund or a credit."""
    UNPRICED = "unpriced"
    """Our tokens have no list price; the amount is theirs at what was paid for a token."""
    ROUNDING = "rounding"
    """Within half of the last digit that the export writes."""
    TOTALS_ONLY = "totals_only"
    """Counted from a log, which does not tell cached input from other input."""
    LATE = "late"
    """Billed on the day after, or just beyond an edge of the span."""
    MISSING = "missing"
    """Requests were processed whose counts never came."""
    UNMETERED = "unmetered"
    """Billed, and not in our ledgers."""
    UNBILLED = "unbilled"
    """In our ledgers, and not billed."""
    PRICE = "price"
    """The same tokens at another price."""
    PROVISIONED = "provisioned"
    """Provisioned units: the registry against the bill, by the hour."""
    MARKETPLACE = "marketplace"
    """Models that the marketplace bills in a measure of its own: amounts alone."""
    UNMAPPED = "unmapped"
    """A meter that is not understood."""


#: What passes by itself, or is nothing but the writing of numbers.
HARMLESS: Final = frozenset({Why.ROUNDING, Why.LATE})
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
class Ours:
    """What the ledgers have in one cell; `amount` is at list price and covers the priced tokens."""

    tokens: int = 0
    unpriced: int = 0
    totals_only: int = 0
    """Tokens of requests that a log counted."""
    edge: int = 0
    """Tokens of the last hours of the day."""
    amount: Amount = 0

    def add(self, other: "Ours") -> None:
        """Take another cell in."""
        self.tokens += other.tokens
        self.unpriced += other.unpriced
        self.totals_only += other.totals_only
        self.edge += other.edge
        self.amount += other.amount


@dataclass(slots=True)
class Theirs:
    """What was billed in one cell; credits stand apart."""

    tokens: Exact = 0
    cost: Exact = 0
    credit_tokens: Exact = 0
    credit: Exact = 0
    rows: int = 0
    blocks: int = 0
    """Tokens in the units of all rows: what their last digits are counted in."""
    meters: set[str] = field(default_factory=set)

    def add(self, other: "Theirs") -> None:
        """Take another cell in."""
        self.tokens += other.tokens
        self.cost += other.cost
        self.credit_tokens += other.credit_tokens
        self.credit += other.credit
        self.rows += other.rows
        self.blocks += other.blocks
        self.meters |= other.meters


class Precision(NamedTuple):
    """What one in the last digit of the finest quantity and cost of an export is worth."""

    quantity: Exact = ONE
    cost: Exact = ONE

    def tokens(self, theirs: Theirs) -> Exact:
        """Return how many tokens the rounding of a cell's quantities may make."""
        return max(_HALF_TOKEN, self.quantity * theirs.blocks // 2)

    def amount(self, theirs: Theirs) -> Exact:
        """Return what the rounding of a cell's costs may make."""
        return self.cost * theirs.rows // 2 + _NOISE * theirs.rows


@dataclass(slots=True)
class Moved:
    """Tokens of a cell's difference that other cells or missing requests explain."""

    totals_only: Exact = 0
    late: Exact = 0
    missing: Exact = 0
    """At most so many; the other two are what they are, with their sign."""


def token_difference(ours: Ours, theirs: Theirs) -> Exact:
    """Return what was billed less what is ours, without credits."""
    return theirs.tokens - ours.tokens * ONE


def explain_tokens(
    ours: Ours, theirs: Theirs, precision: Precision, moved: Moved
) -> tuple[Part, ...]:
    """Return the parts of a cell's difference; they add up to it exactly, tokens and amount.

    A difference in tokens is valued at what was paid for a token of the cell or, where nothing was
    paid, at our list price. What is left of the amount then is another price for the same tokens.
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
        # By their sum, so that what one division leaves is in the next part.
        before, told = told, told + tokens
        parts.append(Part(why, tokens, value.of_tokens(told) - value.of_tokens(before)))
    whole = theirs.cost + theirs.credit - ours.amount * AMOUNT_SCALE
    rest = whole - sum(part.amount for part in parts)
    # Costs are made from quantities before these are rounded.
    rounded = abs(value.of_tokens(difference)) if abs(difference) <= bound else 0
    is_small = abs(rest) <= precision.amount(theirs) + rounded
    parts.append(Part(Why.ROUNDING if is_small else Why.PRICE, 0, rest))
    return _merged(parts)


class _Value(NamedTuple):
    """What a token of a cell is worth: a fraction."""

    amount: Exact
    tokens: Exact

    @classmethod
    def of(cls, ours: Ours, theirs: Theirs) -> "_Value":
        if theirs.tokens > 0 and theirs.cost > 0:
            return cls(theirs.cost, theirs.tokens)
        if ours.tokens > 0:
            return cls(ours.amount * AMOUNT_SCALE, ours.tokens * ONE)
        if theirs.tokens:
            return cls(theirs.cost, theirs.tokens)
        return cls(0, ONE)

    def of_tokens(self, tokens: Exact) -> Exact:
        """Return what so many tokens are worth: exactly, or else to 10^-18."""
        amount, left = divmod(tokens * self.amount, self.tokens)
        return amount if not left else amount // AMOUNT_SCALE * AMOUNT_SCALE


def _divided(difference: Exact, bound: Exact, moved: Moved) -> list[tuple[Why, Exact]]:
    """Divide a difference in tokens among its explanations, in their order."""
    if abs(difference) <= bound:
        return [(Why.ROUNDING, difference)]
    found: list[tuple[Why, Exact]] = []
    for why, most in (
        (Why.TOTALS_ONLY, moved.totals_only),
        (Why.LATE, moved.late),
        (Why.MISSING, moved.missing),
    ):
        # No explanation turns a difference round.
        low, high = min(0, difference), max(0, difference)
        taken = min(max(most, low), high)
        found.append((why, taken))
        difference -= taken
    found.append((Why.UNMETERED if difference > 0 else Why.UNBILLED, difference))
    return found


def explain_amount(
    sort: Sort, ours: Ours, theirs: Theirs, precision: Precision
) -> tuple[Part, ...]:
    """Return the parts of a difference in a cell whose tokens cannot be compared."""
    rest = theirs.cost - ours.amount * AMOUNT_SCALE
    is_small = theirs.rows > 0 and sort != "unmapped" and abs(rest) <= precision.amount(theirs)
    parts = [
        Part(Why.CREDIT, 0, theirs.credit),
        Part(Why.ROUNDING if is_small else _BY_SORT[sort], 0, rest),
    ]
    return _merged(parts)


def _merged(parts: list[Part]) -> tuple[Part, ...]:
    """Return one part for each explanation, in their order, without those that explain nothing."""
    found = (
        Part(
            why,
            sum(part.tokens for part in parts if part.why is why),
            sum(part.amount for part in parts if part.why is why),
        )
        for why in Why
    )
    return tuple(part for part in found if part.tokens or part.amount)
