"""Sums of costs: what tenants are charged, what the company pays, and the difference."""

from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Final, NamedTuple

from metering.core.basics.money import Amount, format_fixed
from metering.core.ledger.head import RateTotals
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, TOKENS

_CACHED: Final = (INDEX["cached_read"], INDEX["cached_audio"])
#: Decimals of a displayed share.
SHARE_DECIMALS: Final = 4


@dataclass(slots=True)
class Sums:
    """The sums of one group in one currency."""

    requests: int = 0
    not_billable: int = 0
    unpriced: int = 0
    """Requests without a price: neither charged nor costed."""
    missing: int = 0
    """Requests whose counts are not known."""
    uncosted: int = 0
    """Requests whose cost is not known although they may be charged."""
    tokens: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that were read from a cache."""
    usage: Amount = 0
    """The requests' own amounts."""
    uncosted_usage: Amount = 0
    """Those of them whose cost is not known."""
    paid: Amount = 0
    """The requests at list prices less discounts."""
    used: Amount = 0
    """Hours of deployments in which tenants used them."""
    idle: Amount = 0
    """Idle hours allocated to tenants."""
    unallocated: Amount = 0
    """Idle hours that no tenant pays."""
    billed: Amount = 0
    """The part of `used` and `idle` that tenants are charged."""
    provisional: Amount = 0
    """The part of `used`, `idle` and `unallocated` that is not final."""
    terms: Amount = 0
    """The effect of allowances, tiers, packages, fees and minimums, for whole periods."""

    @property
    def charged(self) -> Amount:
        """The amount charged to tenants."""
        return self.usage + self.billed + self.terms

    @property
    def cost(self) -> Amount:
        """The cost to the company, as far as it is known."""
        return self.paid + self.used + self.idle + self.unallocated

    @property
    def own_charge(self) -> Amount:
        """The amount charged for requests and hours, before terms of plans."""
        return self.usage + self.billed

    @property
    def per_request(self) -> Fraction | None:
        """That of a billable request, in 10^-18; None without one whose price is known."""
        billable = self.requests - self.not_billable
        if billable <= self.unpriced + self.missing:
            return None
        return Fraction(self.own_charge, billable)

    @property
    def cache_hit_ratio(self) -> Fraction | None:
        """The part of the input that was read from a cache; None without input tokens."""
        return Fraction(self.cached_tokens, self.input_tokens) if self.input_tokens > 0 else None

    @property
    def output_ratio(self) -> Fraction | None:
        """Output tokens per input token; None without input tokens."""
        output = self.tokens - self.input_tokens
        return Fraction(output, self.input_tokens) if self.input_tokens > 0 else None

    @property
    def is_known(self) -> bool:
        """Say whether anything has both a charge and a cost."""
        unknown = self.unpriced + self.missing + self.uncosted
        known = self.requests - self.not_billable - unknown
        return known > 0 or not unknown

    @property
    def is_unknown(self) -> bool:
        """Say whether nothing of it has a price: then an amount of zero is none."""
        known = self.requests - self.not_billable - self.unpriced - self.missing
        return known <= 0 < self.unpriced + self.missing and not (self.charged or self.cost)

    @property
    def margin(self) -> Amount | None:
        """Charged less cost, of all whose cost is known; None if nothing has both."""
        return self.charged - self.uncosted_usage - self.cost if self.is_known else None

    @property
    def margin_share(self) -> Fraction | None:
        """The margin as a share of what is charged; None without a margin or a charge."""
        margin, charged = self.margin, self.charged - self.uncosted_usage
        return None if margin is None or charged <= 0 else Fraction(margin, charged)

    @property
    def is_nothing(self) -> bool:
        """Say whether every sum is zero."""
        return not any(getattr(self, name) for name in _NAMES)

    def count(self, line: RateTotals, amount: Amount, paid: Amount | None) -> None:
        """Add usage of one price with its amount and its cost; None for a cost that is unknown."""
        self.requests += line.requests
        self.not_billable += line.not_billable
        self.unpriced += line.unpriced
        self.missing += line.missing
        self.tokens += sum(line.tokens[TOKENS])
        self.input_tokens += sum(line.tokens[INPUT_BUCKETS])
        self.cached_tokens += sum(line.tokens[place] for place in _CACHED)
        self.usage += amount
        if paid is not None:
            self.paid += paid
        elif not line.unpriced:
            self.uncosted += line.requests - line.not_billable - line.missing
            self.uncosted_usage += amount

    def add(self, other: "Sums") -> None:
        """Add other sums."""
        for name in _NAMES:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def shown_share(value: Fraction) -> str:
    """Return a share as a decimal string, rounded half to even: `0.25` is a quarter."""
    return format_fixed(round(value * 10**SHARE_DECIMALS), SHARE_DECIMALS)


_NAMES: Final = tuple(field.name for field in fields(Sums))


class CostRow(NamedTuple):
    """The sums of one group."""

    group: tuple[str | None, ...]
    """The values of the dimensions asked for."""
    currency: str
    sums: Sums
    before: Sums | None = None
    """The sums of the time before, if they were asked for."""

    @property
    def change(self) -> Fraction | None:
        """The increase over the time before, as a share of it; None without a time before."""
        if self.before is None or self.before.charged <= 0:
            return None
        return Fraction(self.sums.charged - self.before.charged, self.before.charged)
