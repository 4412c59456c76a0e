"""Quotas that include what deployments paid by the hour have cost so far."""

from collections.abc import Iterable

from metering.core.allocation.accrued import Accrued
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period
from metering.core.ledger.counts import Counts
from metering.core.ledger.limits import Counter, CounterKey, LimitChange
from metering.core.ledger.projection import foreseen
from metering.core.ledger.thresholds import percent, rhythm_of
from metering.core.quotas.decision import quota_states


def thresholds_accrued(
    counts: Counts, at: Instant, period: Period, accrued: Accrued
) -> LimitChange | None:
    """Return the thresholds that quotas have reached with the accrued cost, as a change of counts.

    A commit marks those that usage reaches. The accrued cost grows without commits, so the timer
    marks what it reaches. None if nothing new is reached.
    """
    rhythm, used = rhythm_of(counts, at), dict[CounterKey, Counter]()
    for state in quota_states(counts, at, period, accrued=accrued):
        quota = state.quota
        if not quota.include_provisioned:
            continue
        key = CounterKey(quota.key, state.window.start)
        known = counts.used.get(key, Counter(state.window.end))
        ahead = None if rhythm is None else rhythm.ahead(state.span)
        own = foreseen(quota, state.used - state.accrued, state.span, at, ahead)
        end = own + state.accrued + accrued.expected(state.window.end)
        found = known._replace(
            crossed=max(known.crossed, _reached(quota.thresholds, state.percent)),
            foretold=max(known.foretold, _reached(quota.forecast, percent(state.limit, end))),
        )
        if found != known:
            used[key] = found
    return LimitChange(counts.limits, used) if used else None


def _reached(thresholds: Iterable[int], share: int) -> int:
    return max((one for one in thresholds if one <= share), default=0)
