"""Sharing out: what the provisioned units of a deployment cost in a month, divided among tenants.

The cost of an hour is divided by the weighted tokens of that hour; the hours that nobody used are
paid by a stated policy. Every division is exact, so shares and the rest add up to the cost.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

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
    """The part of one tenant."""

    tenant: str
    used: Amount
    """Of the hours in which it used the deployment."""
    idle: Amount
    """Of the hours in which nobody did."""
    tokens: int
    """Weighted, in 10^-6."""
    hours: int
    """In which it used the deployment."""
    is_billable: bool
    """False: its plan is in another currency, and nothing is converted: nobody is billed."""

    @property
    def amount(self) -> Amount:
        """All of its part."""
        return self.used + self.idle


class Counted(NamedTuple):
    """A ledger whose usage was counted, up to a page."""

    ledger: LedgerId
    page: int
    hash: str
    """Of that page."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """The cost of one deployment's provisioned units in one month of UTC, divided for good."""

    deployment: str
    month: Period
    currency: str
    spans: tuple[Span, ...]
    """What the hours cost."""
    shares: tuple[Share, ...]
    """By tenant."""
    unallocated: Amount
    """Of idle hours, what no tenant pays."""
    idle_hours: int
    counted: tuple[Counted, ...]
    """By ledger: the usage of later pages moved nothing."""

    @property
    def cost(self) -> Amount:
        """What all hours cost: the shares and what is unallocated, exactly."""
        return sum(span.hours * span.hour_cost for span in self.spans)

    @property
    def hours(self) -> int:
        """How many hours cost."""
        return sum(span.hours for span in self.spans)

    @property
    def policies(self) -> list[IdlePolicy]:
        """Who pays for idle hours; more than one where that changed within the month."""
        return list(dict.fromkeys(span.idle for span in self.spans))

    @property
    def unbilled(self) -> Amount:
        """The shares of tenants that cannot be billed in this currency."""
        return sum(share.amount for share in self.shares if not share.is_billable)

    def share_of(self, tenant: str) -> Share | None:
        """Return a tenant's share; None if it has none."""
        position = bisect_left(self.shares, tenant, key=lambda share: share.tenant)
        found = self.shares[position : position + 1]
        return found[0] if found and found[0].tenant == tenant else None

    def check(self) -> None:
        """Raise InvariantBroken unless the parts add up to the cost, in one currency."""
        parts = [self.unallocated, *(share.amount for share in self.shares)]
        if sum(parts) != self.cost or min(parts) < 0:
            raise InvariantBroken(f"sharing of {self.deployment}: does not add up to its cost")
        if any(span.currency != self.currency for span in self.spans):
            raise InvariantBroken(f"sharing of {self.deployment}: is in several currencies")


def divide(amount: Amount, weights: Mapping[str, int]) -> dict[str, Amount]:
    """Return the parts of an amount by weight: they add up to it, exactly.

    Each gets the whole part of its share; what is left, less than one each, goes to the largest
    remainders (Hamilton's method), of equal ones to the first by name. Without any weight nothing
    is divided.
    """
    total = sum(weights.values())
    if not total:
        return {}
    exact = {name: divmod(amount * weight, total) for name, weight in weights.items()}
    parts = {name: whole for name, (whole, _) in exact.items()}
    left = amount - sum(parts.values())
    for name in sorted(exact, key=lambda name: (-exact[name][1], name))[:left]:
        parts[name] += 1
    return parts


@dataclass(slots=True)
class _Parts:
    """What has been divided so far."""

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
        """Divide the cost of the idle hours once it is known who used the others."""
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


def share_out(
    deployment: str,
    month: Period,
    spans: Sequence[Span],
    tokens: HourlyTokens,
    *,
    counted: Sequence[Counted],
    is_billable: Callable[[str], bool],
) -> Sharing:
    """Return how the cost of these hours is divided; `spans` are all in one currency.

    Usage outside of them pays nothing. Nobody used anything: all of it is unallocated.
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
    sharing = Sharing(
        deployment,
        month,
        spans[0].currency,
        tuple(spans),
        shares,
        parts.unallocated,
        parts.idle_hours,
        tuple(sorted(counted)),
    )
    sharing.check()
    return sharing


def differences(recorded: Sharing, derived: Sharing) -> list[str]:
    """Return in what a recorded sharing differs from one derived anew; nothing: it is proven."""
    found = [
        f"its {name} is not what the registry and the pages give"
        for name in ("currency", "spans", "idle_hours", "unallocated")
        if getattr(recorded, name) != getattr(derived, name)
    ]
    found.extend(_of_shares(recorded, derived))
    return found[:MAX_FAULTS]


def _of_shares(recorded: Sharing, derived: Sharing) -> Iterator[str]:
    tenants = {share.tenant for share in (*recorded.shares, *derived.shares)}
    for tenant in sorted(tenants):
        ours, theirs = recorded.share_of(tenant), derived.share_of(tenant)
        if ours != theirs:
            yield f"the share of {tenant} is {_told(ours)}, its pages give {_told(theirs)}"


def _told(share: Share | None) -> str:
    if share is None:
        return "nothing"
    billed = "" if share.is_billable else ", not billed"
    amounts = f"{format_amount(share.used)} + {format_amount(share.idle)}"
    tokens = format_fixed(share.tokens, MULTIPLIER_DECIMALS)
    return f"{amounts} for {tokens} weighted tokens, hours: {share.hours}{billed}"
