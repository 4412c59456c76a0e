"""Allocation: the monthly cost of a deployment that is paid by the hour, divided among tenants.

The cost of an hour is divided in proportion to the weighted tokens of that hour; a policy decides
who pays for idle hours. Every division is exact, so the shares and the rest add up to the cost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount, format_amount, format_fixed
from metering.core.calendars.periods import LedgerId, Period
from metering.core.deployments.capacity import Span
from metering.core.deployments.deployment import IdlePolicy
from metering.core.ledger.proof import MAX_FAULTS

type HourlyTokens = Mapping[Instant, Mapping[str, int]]
"""Weighted tokens (in 10^-6) by the hour's start and by tenant."""


class Share(NamedTuple):
    """The allocated share of one tenant."""

    tenant: str
    used: Amount
    """Its part of the hours in which it used the deployment."""
    idle: Amount
    """Its part of the idle hours."""
    tokens: int
    """Weighted, in 10^-6."""
    hours: int
    """Hours in which it used the deployment."""
    is_billable: bool
    """False if its plan is in another currency: amounts are never converted."""

    @property
    def amount(self) -> Amount:
        """The whole share."""
        return self.used + self.idle


class Counted(NamedTuple):
    """A ledger whose usage was counted, and the position it was counted through."""

    ledger: LedgerId
    page: int
    hash: str
    """The hash of that page."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """The hourly cost of one deployment in one UTC month, allocated once."""

    deployment: str
    month: Period
    currency: str
    spans: tuple[Span, ...]
    """The hours that cost, with their prices."""
    shares: tuple[Share, ...]
    """By tenant."""
    unallocated: Amount
    """The cost of idle hours that no tenant pays."""
    idle_hours: int
    counted: tuple[Counted, ...]
    """By ledger. Usage on later pages does not change the allocation."""

    @property
    def cost(self) -> Amount:
        """The cost of all hours: exactly the shares and the unallocated amount."""
        return sum(span.hours * span.hour_cost for span in self.spans)

    @property
    def hours(self) -> int:
        """The number of hours that cost."""
        return sum(span.hours for span in self.spans)

    @property
    def policies(self) -> list[IdlePolicy]:
        """The policies for idle hours; several if the policy changed within the month."""
        return list(dict.fromkeys(span.idle for span in self.spans))

    def share_of(self, tenant: str) -> Share | None:
        """Return a tenant's share; None if it has none."""
        position = bisect_left(self.shares, tenant, key=lambda share: share.tenant)
        found = self.shares[position : position + 1]
        return found[0] if found and found[0].tenant == tenant else None

    def check(self) -> None:
        """Raise InvariantBroken unless the parts add up to the cost, in one currency."""
        parts = [self.unallocated, *(share.amount for share in self.shares)]
        if sum(parts) != self.cost or min(parts) < 0:
            raise InvariantBroken(f"allocation of {self.deployment}: does not add up to its cost")
        if any(span.currency != self.currency for span in self.spans):
            raise InvariantBroken(f"allocation of {self.deployment}: is in several currencies")


def _as_named(name: Any) -> Any:
    return name


def divide[Name: Hashable](
    amount: Amount, weights: Mapping[Name, int], order: Callable[[Name], Any] = _as_named
) -> dict[Name, Amount]:
    """Return the parts of an amount by weight; they add up to it exactly.

    Each name gets the integer part of its share. The units left over, fewer than names, go to the
    largest remainders (Hamilton's method), and among equal ones to the first by
    name, or in the order given. Without any
    weight the result is empty.
    """
    total = sum(weights.values())
    if not total:
        return {}
    exact = {name: divmod(amount * weight, total) for name, weight in weights.items()}
    parts = {name: whole for name, (whole, _) in exact.items()}
    left = amount - sum(parts.values())
    for name in sorted(exact, key=lambda name: (-exact[name][1], order(name)))[:left]:
        parts[name] += 1
    return parts


@dataclass(slots=True)
class _Parts:
    """The parts divided so far."""

    used: defaultdict[str, Amount] = field(default_factory=lambda: defaultdict(int))
    tokens: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    hours: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    idle: defaultdict[str, Amount] = field(default_factory=lambda: defaultdict(int))
    idle_costs: defaultdict[IdlePolicy, Amount] = field(default_factory=lambda: defaultdict(int))
    idle_hours: int = 0
    unallocated: Amount = 0

    def add_hour(self, span: Span, tokens: Mapping[str, int]) -> None:
        """Divide the cost of one hour."""
        users = {tenant: count for tenant, count in tokens.items() if count}
        if not users:
            self.idle_hours += 1
            self.idle_costs[span.idle] += span.hour_cost
        for tenant, part in divide(span.hour_cost, users).items():
            self.used[tenant] += part
            self.tokens[tenant] += users[tenant]
            self.hours[tenant] += 1

    def divide_idle(self) -> None:
        """Divide the cost of the idle hours, after all used hours."""
        for policy, cost in self.idle_costs.items():
            weights = {
                "unallocated": {},
                "equal": dict.fromkeys(self.tokens, 1),
                "by_share": self.tokens,
            }[policy]
            parts = divide(cost, weights)
            for tenant, part in parts.items():
                self.idle[tenant] += part
            self.unallocated += cost - sum(parts.values())


def allocate(
    deployment: str,
    month: Period,
    spans: Sequence[Span],
    tokens: HourlyTokens,
    *,
    counted: Sequence[Counted],
    is_billable: Callable[[str], bool],
) -> Allocation:
    """Return the allocation of the cost of these hours; `spans` are all in one currency.

    Usage outside the spans does not count. Without usage the whole cost is unallocated.
    """
    parts = _Parts()
    for span in spans:
        for hour in range(span.start, span.end, HOUR):
            parts.add_hour(span, tokens.get(hour, {}))
    parts.divide_idle()
    shares = tuple(
        Share(
            tenant,
            parts.used[tenant],
            parts.idle[tenant],
            parts.tokens[tenant],
            parts.hours[tenant],
            is_billable(tenant),
        )
        for tenant in sorted(parts.tokens)
    )
    allocation = Allocation(
        deployment,
        month,
        spans[0].currency,
        tuple(spans),
        shares,
        parts.unallocated,
        parts.idle_hours,
        tuple(sorted(counted)),
    )
    allocation.check()
    return allocation


def differences(recorded: Allocation, derived: Allocation) -> list[str]:
    """Return the differences between a recorded and a derived allocation; none if it is proven."""
    found = [
        f"its {name} is not what the registry and the pages give"
        for name in ("currency", "spans", "idle_hours", "unallocated")
        if getattr(recorded, name) != getattr(derived, name)
    ]
    found.extend(_of_shares(recorded, derived))
    return found[:MAX_FAULTS]


def _of_shares(recorded: Allocation, derived: Allocation) -> Iterator[str]:
    tenants = {share.tenant for share in (*recorded.shares, *derived.shares)}
    for tenant in sorted(tenants):
        ours, theirs = recorded.share_of(tenant), derived.share_of(tenant)
        if ours != theirs:
            yield f"the share of {tenant} is {_text(ours)}, its pages give {_text(theirs)}"


def _text(share: Share | None) -> str:
    if share is None:
        return "nothing"
    billed = "" if share.is_billable else ", not billed"
    amounts = f"{format_amount(share.used)} + {format_amount(share.idle)}"
    tokens = format_fixed(share.tokens, MULTIPLIER_DECIMALS)
    return f"{amounts} for {tokens} weighted tokens, hours: {share.hours}{billed}"
