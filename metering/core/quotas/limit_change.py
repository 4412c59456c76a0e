"""Changes of limits: what new quotas have used, from the head or from pages."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot
from metering.core.ledger.counts import Counts, change_to, changed, counted, new_quotas
from metering.core.ledger.earlier import NONE_EARLIER, Place
from metering.core.ledger.head import Head, RateTotals, fold_holds
from metering.core.ledger.limits import Counter, CounterKey, Holds, LimitChange, Limits
from metering.core.ledger.page import Page
from metering.core.plans.quota import Quota
from metering.core.plans.scope import EVERYTHING
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import INDEX, TOKENS


def counts_in_force(head: Head, limits: Limits, now: Instant) -> Counts:
    """Return the counts under the limits in force, which the head may not have yet.

    What a new quota has used is not known then where only the pages tell: the timer reads them.
    """
    if limits == head.counts.limits:
        return head.counts
    change = change_from_head(head, limits, now)
    return head.counts if change is None else changed(head.counts, change)


def change_from_head(head: Head, limits: Limits, now: Instant) -> LimitChange | None:
    """Return the change of a ledger to other limits, if its head has the usage of new quotas.

    The head has it before any usage, and for quotas on everything over the whole period.
    """
    new = new_quotas(head.counts, limits)
    start = head.ledger.start
    if not head.pages:
        return replace(change_to(new, now, start), limits=limits)
    if not all(_is_in(head, quota) for quota in new.quotas):
        return None
    return _told(head, limits, new.quotas)


def begun(head: Head, limits: Limits, now: Instant) -> LimitChange | None:
    """Return the change of a ledger with usage to other limits; None if they are in force.

    A new quota that the head does not tell begins at zero, with its place before the first page.
    """
    if limits == head.counts.limits:
        return None
    new = new_quotas(head.counts, limits)
    untold = tuple(quota for quota in new.quotas if not _is_in(head, quota))
    change = _told(head, limits, [quota for quota in new.quotas if quota not in untold])
    zero = change_to(new._replace(quotas=untold), now, head.ledger.start)
    earlier = changed(head.counts, change).earlier
    place = Place(head.ledger.start, 0, head.pages)
    behind = {**earlier.behind, **{quota.key: place for quota in untold}}
    return replace(
        change, used={**zero.used, **change.used}, earlier=earlier._replace(behind=behind)
    )


def _is_in(head: Head, quota: Quota) -> bool:
    """Return whether a head tells what a quota has used: all of it, over the whole period."""
    is_whole = quota.window == "period" and quota.scope == EVERYTHING
    return is_whole and (quota.metric in _HELD or not head.holds)


def _told(head: Head, limits: Limits, new: Iterable[Quota]) -> LimitChange:
    """Return the change to other limits, of which the head tells the new quotas."""
    used: dict[CounterKey, Counter] = {}
    held: dict[Slot, dict[CounterKey, int]] = {}
    for quota in new:
        key = CounterKey(quota.key, head.ledger.start)
        used[key] = Counter(limits.end, _used(head, quota))
        for slot, holds in head.holds.items() if quota.metric in _HELD else ():
            held.setdefault(slot, {})[key] = _HELD[quota.metric](holds)
    return LimitChange(limits, used, held)


#: The metrics a head keeps of open holds; buckets are not among them.
_HELD: Final[dict[str, Callable[[Holds], int]]] = {
    "amount": lambda holds: holds.amount,
    "tokens": lambda holds: holds.tokens,
    "requests": lambda holds: holds.requests,
}


def _used(head: Head, quota: Quota) -> int:
    return sum(
        _of_line(quota, rate, line)
        for rate, line in head.lines.items()
        if quota.metric == "amount" or rate.unit == TOKEN
    )


def _of_line(quota: Quota, rate: Rate, line: RateTotals) -> int:
    match quota.metric:
        case "amount":
            return amount_of(rate, line.tokens) or 0
        case "requests":
            return line.requests - line.not_billable
        case "tokens":
            return sum(line.tokens[TOKENS])
        case bucket:
            return line.tokens[INDEX[bucket]]


class CountedAgain:
    """Counts the quotas and open holds of a ledger again, whose time a wrong clock has moved on."""

    def __init__(self, head: Head, limits: Limits, now: Instant) -> None:
        self._now = now
        self._before = head.counts
        self._start = head.ledger.start
        self._counts = Counts(limits, change_to(limits, now, self._start).used)
        self._holds: Mapping[Slot, Holds] = {}

    def add(self, page: Page) -> None:
        """Add one page, as if it had been committed by now."""
        page = replace(page, committed=min(page.committed, self._now))
        self._counts = counted(self._counts, page.slot, page.entries, page.committed, self._start)
        self._holds = fold_holds(self._holds, page)

    def change(self) -> LimitChange:
        """Return the change as of the last page added.

        Of earlier ledgers nothing is counted then: the timer adds all of their pages again.
        """
        counts = self._counts
        long = {quota.key for quota in counts.limits.long}
        used = {
            key: counter._replace(used=0)
            for key, counter in self._before.used.items()
            if key.quota in long
        }
        for key, counter in counts.used.items():
            known = used.get(key, counter)
            used[key] = known._replace(used=counter.used)
        held = {
            slot: {key: 0 for key in of_slot if key.quota in long}
            for slot, of_slot in self._before.held.items()
        }
        for slot, by_key in counts.held.items():
            held[slot] = {**held.get(slot, {}), **by_key}
        return LimitChange(
            counts.limits,
            used,
            held,
            holds=self._holds,
            earlier=None if self._before.earlier == NONE_EARLIER else NONE_EARLIER,
        )
