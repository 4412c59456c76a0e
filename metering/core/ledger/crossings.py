"""Crossings: the thresholds of quotas that a commit reaches, as its effects tell them."""

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant, format_instant
from metering.core.ledger.head import Head
from metering.core.ledger.limits import CounterKey
from metering.core.plans.quota import FULL, Quota

#: Thresholds that one commit tells of: a plan has 50 quotas at most, and the pages of a commit and
#: its other effects need room too.
MAX_CROSSINGS: Final = 60
#: Crossings of split quotas that one commit tells one by one.
MAX_TOLD_ALONE: Final = 40
#: Characters of a quota's label in an effect: its scope may name seven values of 256 characters.
MAX_ABOUT: Final = 256


class _Crossing(NamedTuple):
    """A threshold that a counter has newly reached."""

    quota: Quota
    threshold: int
    key: CounterKey
    is_forecast: bool = False


def crossings(before: Head, after: Head) -> list[str]:
    """Return the thresholds newly reached, each once per window.

    Those of split quotas stand together, one effect a threshold, where a commit has many. One event
    may reach thousands, and a transaction takes a hundred operations: beyond MAX_CROSSINGS only the
    highest of each window is told, and of the windows the latest.
    """
    found = list(_crossed(before, after))
    alone = sum(1 for one in found if one.key.values) <= MAX_TOLD_ALONE
    groups: dict[tuple[tuple[CounterKey, bool], int], list[_Crossing]] = {}
    for one in found:
        key = one.key if alone else one.key._replace(values=())
        groups.setdefault(((key, one.is_forecast), one.threshold), []).append(one)
    if len(groups) > MAX_CROSSINGS:
        highest = dict(groups.keys())
        latest = sorted(highest, key=lambda key: -_end(after, groups[key, highest[key]]))
        kept = sorted(latest[:MAX_CROSSINGS])
        groups = {(key, highest[key]): groups[key, highest[key]] for key in kept}
    return [_told(after, group) for group in groups.values()]


def _end(after: Head, crossings: list[_Crossing]) -> Instant:
    return after.counts.used[crossings[0].key].end


def _crossed(before: Head, after: Head) -> Iterator[_Crossing]:
    quotas = {quota.key: quota for quota in after.counts.limits.quotas}
    for key, counter in sorted(after.counts.used.items()):
        known = before.counts.used.get(key)
        told, foretold = counter.told, counter.told_ahead
        if known is not None:
            told, foretold = max(told, known.crossed), max(foretold, known.foretold)
        quota = quotas[key.quota]
        for threshold in quota.thresholds:
            if told < threshold <= counter.crossed:
                yield _Crossing(quota, threshold, key)
        for threshold in quota.forecast:
            # What is reached is no forecast any more.
            if max(foretold, counter.crossed) < threshold <= counter.foretold:
                yield _Crossing(quota, threshold, key, is_forecast=True)


def _told(after: Head, crossings: list[_Crossing]) -> str:
    """Return what is told of a crossing, or of several counters of one quota and threshold."""
    quota, threshold, key, is_forecast = crossings[0]
    values = key.values if len(crossings) == 1 else ()
    action = quota.action if isinstance(quota.action, str) else f"to {quota.action.downgrade}"
    many = "" if len(crossings) == 1 else f": {len(crossings)} of them"
    limit = after.counts.limits.limit_of(quota, values, after.committed)
    return json.dumps(
        {
            "quota": quota.key,
            "about": quota.label_of(values)[:MAX_ABOUT] + many,
            "threshold": threshold,
            "limit": quota.show(limit),
            "window_start": format_instant(key.start),
            "window_end": format_instant(after.counts.used[key].end),
            "action": action if threshold == FULL and not is_forecast else "notify",
            **({"forecast": True} if is_forecast else {}),
            "mode": quota.mode,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def crowded(before: Head, after: Head) -> list[str]:
    """Return the quotas that newly have more values than are counted."""
    new = after.counts.crowded - before.counts.crowded
    found = [one for one in after.counts.limits.quotas if one.key in new]
    details = ({"about": one.label[:MAX_ABOUT], "quota": one.key} for one in found)
    return [json.dumps(one, ensure_ascii=False, sort_keys=True) for one in details]
