"""Counters for people: of a split quota itself, and the values nearest to their limit."""

from collections.abc import Iterable
from typing import Final

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period
from metering.core.ledger.limits import Limits
from metering.core.plans.increases import limit_in_force
from metering.core.quotas.decision import QuotaState

#: Most counters shown of one split quota.
MAX_SHOWN: Final = 20


def shown_states(
    states: Iterable[QuotaState], limits: Limits, at: Instant, period: Period
) -> list[QuotaState]:
    """Return the states of all quotas; of a split one first its limit, with nothing used."""
    by_quota: dict[str, list[QuotaState]] = {}
    for state in states:
        by_quota.setdefault(state.quota.key, []).append(state)
    shown: list[QuotaState] = []
    for quota in limits.quotas:
        if quota.scope.split_by:
            window = limits.window(quota, at, period)
            limit, until = limit_in_force(quota, (), limits.increases, at)
            shown.append(QuotaState(quota, window, 0, limit, increased_until=until))
        nearest = sorted(by_quota.get(quota.key, ()), key=lambda one: -one.percent)
        shown.extend(nearest[:MAX_SHOWN])
    return shown
