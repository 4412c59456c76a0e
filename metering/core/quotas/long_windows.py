"""Windows that overlap several ledgers: what earlier ledgers have used of them.

A ledger counts its own pages, as for every window. The usage of earlier ledgers comes in two ways:
its first commit takes over the counters of the ledger before, which has them from its own start
in turn, and the timer adds the pages that earlier ledgers get later: see `catch_up.py`.
"""

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import replace

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot
from metering.core.calendars.windows import LATE, Window
from metering.core.ledger.earlier import Earlier, Place
from metering.core.ledger.head import Head
from metering.core.ledger.limits import CounterKey, LimitChange, Limits


def oldest_start(limits: Limits, now: Instant) -> Instant:
    """Return the start of the earliest window that is still counted, of quotas that have some."""
    at = now - LATE
    return min(limits.window(quota, at, Window(at, limits.end)).start for quota in limits.long)


def taken_over(change: LimitChange, before: Head | None, now: Instant) -> LimitChange:
    """Return the first change of a ledger with the counters of the ledger before, if there is one.

    A quota that it does not count is behind: by all of its pages, and of those before. If it counts
    none of these quotas in the same windows, nothing is taken over: the timer counts all pages.
    """
    if before is None:
        return replace(change, earlier=Earlier(now))
    limits, known = change.limits, before.counts.limits
    keys = {quota.key for quota in limits.long}
    long = keys & {quota.key for quota in known.long}
    if known.calendar != limits.calendar or not long:
        return change
    used = {
        key: counter._replace(told=counter.crossed, told_ahead=counter.foretold)
        for key, counter in before.counts.used.items()
        if key.quota in long and counter.end + LATE > now
    }
    pages = {**before.counts.earlier.pages, before.ledger.start: before.pages}
    behind = dict.fromkeys(keys - long, Place(before.ledger.start, 0, before.pages))
    behind |= {key: one for key, one in before.counts.earlier.behind.items() if key in long}
    # Where the timer has not looked before the one before, it has to now.
    at = now if before.counts.earlier.at else 0
    return replace(
        change,
        used={**change.used, **used},
        held={**change.held, **_held_of(long, before.counts.held)},
        earlier=Earlier(at, since(oldest_start(limits, now), pages), behind),
    )


def _held_of(
    quotas: Collection[str], held: Mapping[Slot, Mapping[CounterKey, int]]
) -> dict[Slot, dict[CounterKey, int]]:
    """Return the holds of some quotas."""
    return {
        slot: {key: value for key, value in of_slot.items() if key.quota in quotas}
        for slot, of_slot in held.items()
    }


def since(oldest: Instant, pages: Mapping[Instant, int]) -> dict[Instant, int]:
    """Return the positions without those of ledgers that ended before an instant."""
    starts = sorted(pages)
    first = max(0, bisect_right(starts, oldest) - 1)
    return {start: pages[start] for start in starts[first:]}
