"""Thresholds: which ones the counters of a ledger have reached, and which they are expected to."""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

from metering.core.basics.instants import Instant
from metering.core.calendars.windows import LONG, Window
from metering.core.ledger.counts import Counts, hours_zone
from metering.core.ledger.earlier import SETTLED
from metering.core.ledger.limits import CounterKey
from metering.core.ledger.projection import Rhythm, foreseen
from metering.core.plans.quota import FULL
from metering.core.plans.spikes import spiked


def crossed(counts: Counts, committed: Instant, start: Instant) -> Counts:
    """Return the counts with the thresholds reached so far and any spike recorded.

    `committed` is the time of the commit, at which increases are in force or have ended. `start` is
    the start of the ledger's period.
    """
    if counts.limits.spike is not None:
        zone = hours_zone(counts)
        counts = replace(counts, hours=spiked(counts.hours, counts.limits.spike, zone))
    if not counts.limits.quotas:
        return counts
    quotas = {quota.key: quota for quota in counts.limits.quotas}
    is_foretold = any(quota.forecast for quota in counts.limits.quotas)
    rhythm = rhythm_of(counts, committed) if is_foretold else None
    # A split quota has thousands of counters in one window.
    ahead = cache(lambda window: None if rhythm is None else rhythm.ahead(window))
    used = dict(counts.used)
    for key, counter in counts.used.items():
        quota = quotas[key.quota]
        if quota.window in LONG and not _tells(counts, key, committed, start):
            continue
        limit = counts.limits.limit_of(quota, key.values, committed)
        value = counter.used + counts.held_by(key)
        reached = _highest(quota.thresholds, percent(limit, value))
        if reached > counter.crossed:
            used[key] = counter._replace(crossed=reached)
        if quota.forecast and key.quota not in counts.earlier.behind:
            window = Window(used_from(counts, key.start, start), counter.end)
            end = foreseen(quota, value, window, committed, ahead(window))
            foretold = _highest(quota.forecast, percent(limit, end))
            if foretold > counter.foretold:
                used[key] = used[key]._replace(foretold=foretold)
    return replace(counts, used=used)


def _tells(counts: Counts, key: CounterKey, committed: Instant, start: Instant) -> bool:
    """Return whether a ledger tells of a window that overlaps several: one of them at a time does.

    That is the one of the present period, once it has all that the ledger before it told.
    """
    is_settled = key.start >= start or counts.earlier.at >= start + SETTLED
    return is_settled and committed < counts.limits.end


def used_from(counts: Counts, window_start: Instant, start: Instant) -> Instant:
    """Return when usage in a window may have begun: not before the first of the ledgers known."""
    return max(window_start, min(counts.earlier.pages, default=start))


def rhythm_of(counts: Counts, at: Instant) -> Rhythm | None:
    """Return the rhythm that forecasts go by; None where too little is known."""
    return None if counts.past is None else Rhythm.of(counts.hours, counts.limits.zone, at)


def _highest(thresholds: Iterable[int], share: int) -> int:
    return max((one for one in thresholds if one <= share), default=0)


def percent(limit: int, value: int) -> int:
    """Return the percentage of a limit that is used, rounded down; FULL for a limit of zero."""
    return max(0, value) * FULL // limit if limit else FULL
