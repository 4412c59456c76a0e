"""Grants: credit that pays before anything is owed, and the order in which it is used.

A spend is paid from the grants that are valid at its time and may pay for its channel: the lowest
priority first, then the earliest to expire (grants without expiry come last), then the oldest, then
by id. Of amounts that are due at once, at the end of a period, grants for one channel pay first.
The rest is owed.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BeforeValidator, Field, StringConstraints, ValidationInfo, field_validator

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount, format_amount, parse_amount
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import Strict
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import Period

type Channel = Literal["microsoft", "marketplace"]
"""The channel through which the provider bills the usage."""

#: Far more ranks than an installation needs.
MAX_PRIORITY: Final = 1_000
#: The longest reason or author: notes, not documents.
MAX_NOTE_LENGTH: Final = 256


def _positive(text: object) -> str:
    amount = parse_amount(text)
    if amount <= 0:
        raise ValueError(f"{text!r} is not above zero")
    return format_amount(amount)


type _Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]


class Grant(Strict):
    """An amount of credit for a tenant, valid in `[start, end)`."""

    id: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    """The id, unique among the tenant's grants."""
    tenant: Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]
    amount: Annotated[str, BeforeValidator(_positive)]
    """A decimal string in currency units."""
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    start: Annotated[Instant, Field(ge=0, lt=FOREVER)]
    expiry: Annotated[Instant, Field(lt=FOREVER)] | None = None
    """The first instant at which it no longer pays; None: no expiry."""
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    """Of two grants that could pay, the one with the lower number pays."""
    channel: Channel | None = None
    """The billing channel it pays for; None: everything, fees included."""
    reason: _Note = ""
    author: _Note = ""
    revoked: Instant | None = None
    """The start of its revocation, which is not part of the grant as given."""

    @field_validator("expiry")
    @classmethod
    def _follows_the_start(cls, expiry: Instant | None, info: ValidationInfo) -> Instant | None:
        if expiry is not None and expiry <= info.data.get("start", 0):
            raise ValueError("is not after the start")
        return expiry

    @property
    def units(self) -> Amount:
        """The amount, integer of 10^-18 currency units."""
        return parse_amount(self.amount)

    @property
    def end(self) -> Instant:
        """The first instant at which it no longer pays: expired or revoked."""
        ends = (end for end in (self.expiry, self.revoked) if end is not None)
        return min(ends, default=FOREVER)

    @property
    def rank(self) -> tuple[int, Instant, Instant, str]:
        """The rank among grants that could pay; the lowest pays first.

        A revocation does not change it: past payments stay with the grant that made them.
        """
        expiry = FOREVER if self.expiry is None else self.expiry
        return self.priority, expiry, self.start, self.id

    def is_valid(self, at: Instant) -> bool:
        """Return whether it pays for usage at an instant."""
        return self.start <= at < self.end

    def overlaps(self, period: Period) -> bool:
        """Return whether it pays at some time of a period."""
        return self.start < period.end and period.start < self.end

    def pays_for(self, channel: str | None) -> bool:
        """Return whether it may pay for a channel; None: amounts without one, such as fees."""
        return self.channel is None or self.channel == channel


class Revocation(Strict):
    """The revocation of a grant: usage it has paid for stays paid."""

    id: str
    reason: _Note = ""
    author: _Note = ""


class Spend(NamedTuple):
    """An amount to be paid: not negative, in the currency of the grants."""

    time: Instant
    channel: str | None
    amount: Amount


class Burnt(NamedTuple):
    """The amount paid from each grant that paid, and the uncovered rest."""

    spent: Mapping[str, Amount]
    uncovered: Amount

    @property
    def total(self) -> Amount:
        """The total that grants paid."""
        return sum(self.spent.values())


NOTHING_SETTLED: Final[Mapping[str, Amount]] = MappingProxyType({})


type _Open = tuple[str, Channel | None, Instant, Instant]
"""The id of a grant, its channel, and the span in which it pays."""


class Burning:
    """Pays spends, given in order of their time, from grants of the same currency."""

    def __init__(
        self, grants: Iterable[Grant], settled: Mapping[str, Amount] = NOTHING_SETTLED
    ) -> None:
        """Start from `settled`, the amounts that earlier periods took from each grant."""
        ranked = sorted(grants, key=lambda grant: grant.rank)
        self._left = amounts_left(ranked, settled)
        self._open: list[_Open] = [
            (grant.id, grant.channel, grant.start, grant.end) for grant in ranked
        ]
        self._spent: dict[str, Amount] = {}
        self._uncovered = self._latest = 0

    def pay(self, spends: Iterable[Spend]) -> None:
        """Pay further spends. InvariantBroken for spends that are out of order or negative.

        The caller merges corrections into the amounts that they correct.
        """
        for spend in spends:
            self._uncovered += self._take(self._open, self._checked(spend))

    def settle(self, time: Instant, amounts: Mapping[str | None, Amount]) -> None:
        """Pay the amounts of one instant, by channel: grants for one channel pay before the others.

        So a grant for everything is left to what no other grant may pay for, whatever its rank.
        InvariantBroken as in `pay`.
        """
        due = [self._checked(Spend(time, *amount)) for amount in amounts.items()]
        for is_narrow in (True, False):
            grants = [grant for grant in self._open if (grant[1] is not None) is is_narrow]
            due = [spend._replace(amount=self._take(grants, spend)) for spend in due]
        self._uncovered += sum(spend.amount for spend in due)

    def _checked(self, spend: Spend) -> Spend:
        if spend.amount < 0 or spend.time < self._latest:
            raise InvariantBroken(
                f"credit: a spend of {spend.amount} at {spend.time} after one at {self._latest}"
            )
        self._latest = spend.time
        return spend

    def _take(self, grants: Iterable[_Open], spend: Spend) -> Amount:
        """Take a spend from the grants that may pay for it; return the rest."""
        left, spent = self._left, self._spent
        time, channel, due = spend
        for name, only, start, end in grants:
            if due and left[name] and start <= time < end and only in {None, channel}:
                taken = min(due, left[name])
                left[name] -= taken
                due -= taken
                spent[name] = spent.get(name, 0) + taken
        return due

    @property
    def burnt(self) -> Burnt:
        """The payments so far."""
        return Burnt(dict(self._spent), self._uncovered)


def amounts_left(grants: Iterable[Grant], settled: Mapping[str, Amount]) -> dict[str, Amount]:
    """Return the remainder of each grant after earlier periods; InvariantBroken if negative."""
    left: dict[str, Amount] = {}
    for grant in grants:
        left[grant.id] = grant.units - settled.get(grant.id, 0)
        if left[grant.id] < 0:
            raise InvariantBroken(f"grant {grant.id!r} of {grant.tenant}: paid more than it has")
    return left
