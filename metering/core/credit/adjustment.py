"""Adjustments: amounts an operator adds to a statement, with a reason and an author."""

from typing import Annotated, NamedTuple

from pydantic import BeforeValidator, Field, StringConstraints

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount, format_amount, parse_amount
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import Strict
from metering.core.credit.grant import MAX_NOTE_LENGTH


def _not_zero(text: object) -> str:
    amount = parse_amount(text)
    if not amount:
        raise ValueError(f"{text!r} changes nothing")
    return format_amount(amount)


type _Note = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NOTE_LENGTH)
]


class Adjustment(Strict):
    """An amount added to (or, if negative, taken off) the statement of the period it is made in."""

    id: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    """The id, unique among the tenant's adjustments."""
    tenant: str
    amount: Annotated[str, BeforeValidator(_not_zero)]
    """A decimal string in currency units."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    reason: _Note
    author: _Note
    charge_period: Annotated[str, Field(max_length=64)] | None = None
    """The period it refers to, if not the period it is made in."""

    @property
    def units(self) -> Amount:
        """The amount, integer of 10^-18 currency units."""
        return parse_amount(self.amount)


class MadeAdjustment(NamedTuple):
    """An adjustment and the time it was made, which decides the statement it goes on."""

    at: Instant
    adjustment: Adjustment
