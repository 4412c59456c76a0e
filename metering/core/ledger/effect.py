"""Effects: the outbox messages of commits, kept until they are delivered.

They are written in the transaction of their commit (a transactional outbox), so that none is lost
and none is sent without its commit. Delivery is at least once: receivers deduplicate by the key.
"""

import json
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.instants import HOUR, MINUTE, Instant, format_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.limits import CounterKey
from metering.core.plans.quota import FULL, Quota
from metering.core.plans.spikes import usual_before

#: Failed attempts after which an effect is given up: about six hours with the pauses between them.
MAX_ATTEMPTS: Final = 12
_FIRST_PAUSE: Final = MINUTE
_LONGEST_PAUSE: Final = HOUR
#: The size of a stored effect at most: its detail is a name of 256 characters, escaped.
MAX_EFFECT_BYTES: Final = 4_000
#: Characters of a quota's label in an effect: its scope may name seven values of 256 characters.
MAX_ABOUT: Final = 256
#: Crossings of split quotas that one commit tells one by one: far below what it may write.
MAX_TOLD_ALONE: Final = 40


class EffectKind(StrEnum):
    """The kind of notification. Stable: stores and receivers rely on the text."""

    UNPRICED = "unpriced"
    """A model without a price was used for the first time in this ledger; detail: the model."""
    QUOTA = "quota"
    """A threshold of a quota was reached; once per window; detail: JSON, see `_crossing`."""
    SPIKE = "spike"
    """The spend of an hour is unusually high; detail: JSON with hour, amount and usual."""
    QUOTA_CROWDED = "quota_crowded"
    """A split quota has more values than are counted; once a period; detail: JSON, its quota."""


class Effect(NamedTuple):
    """One outbox message of a commit."""

    ledger: LedgerId
    page: int
    """The number of the commit's last page."""
    position: int
    """0 for the first effect of the commit."""
    kind: EffectKind
    detail: str
    created: Instant
    """The time of the commit."""

    @property
    def id(self) -> str:
        """The id within the ledger, e.g. `effect-00000007-0`."""
        return f"effect-{self.page:08d}-{self.position}"

    @property
    def key(self) -> str:
        """The idempotency key: receivers ignore a key that they have seen."""
        return f"{self.ledger}/{self.id}"


def effects_of(before: Head, after: Head) -> tuple[Effect, ...]:
    """Return the effects of the commit between two heads; the result is deterministic."""
    models = sorted(_unpriced_models(after) - _unpriced_models(before))
    told = [(EffectKind.UNPRICED, model) for model in models]
    told.extend((EffectKind.QUOTA, detail) for detail in _crossings(before, after))
    told.extend((EffectKind.QUOTA_CROWDED, detail) for detail in _crowded(before, after))
    told.extend((EffectKind.SPIKE, detail) for detail in _spikes(before, after))
    return tuple(
        Effect(after.ledger, after.pages, position, kind, detail, after.committed)
        for position, (kind, detail) in enumerate(told)
    )


class _Crossing(NamedTuple):
    """A threshold that a counter has newly reached."""

    quota: Quota
    threshold: int
    key: CounterKey


def _crossings(before: Head, after: Head) -> list[str]:
    """Return the thresholds newly reached, each once per window.

    Those of split quotas stand together, one effect a threshold, where a commit has many.
    """
    quotas = {quota.key: quota for quota in after.counts.limits.quotas}
    found: list[_Crossing] = []
    for key, counter in sorted(after.counts.used.items()):
        known = before.counts.used.get(key)
        told = 0 if known is None else known.crossed
        quota = quotas[key.quota]
        found.extend(
            _Crossing(quota, threshold, key)
            for threshold in quota.thresholds
            if told < threshold <= counter.crossed
        )
    alone = sum(1 for one in found if one.key.values) <= MAX_TOLD_ALONE
    groups: dict[object, list[_Crossing]] = {}
    for one in found:
        together = one.key._replace(values=()), one.threshold
        groups.setdefault(one if alone else together, []).append(one)
    return [_told(after, group) for group in groups.values()]


def _crowded(before: Head, after: Head) -> list[str]:
    """Return the quotas that newly have more values than are counted."""
    new = after.counts.crowded - before.counts.crowded
    found = [one for one in after.counts.limits.quotas if one.key in new]
    details = ({"about": one.label[:MAX_ABOUT], "quota": one.key} for one in found)
    return [json.dumps(one, ensure_ascii=False, sort_keys=True) for one in details]


def _spikes(before: Head, after: Head) -> list[str]:
    """Return the hour newly found to be unusual, if any."""
    hours = after.counts.hours
    if hours.told <= before.counts.hours.told:
        return []
    hour, amount = hours.amounts[-1]
    found = {
        "hour": format_instant(hour),
        "amount": format_amount(amount),
        "usual": format_amount(usual_before(hours) or 0),
    }
    return [json.dumps(found, sort_keys=True)]


def _told(after: Head, crossings: list[_Crossing]) -> str:
    """Return what is told of a crossing, or of several counters of one quota and threshold."""
    quota, threshold, key = crossings[0]
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
            "action": action if threshold == FULL else "notify",
            "mode": quota.mode,
        },
        ensure_ascii=False,
        sort_keys=True,
    )


def _unpriced_models(head: Head) -> set[str]:
    """Return the models of unpriced requests; "" for an unnamed model."""
    return {rate.model or "" for rate, line in head.lines.items() if line.unpriced}


def describe(effect: Effect) -> str:
    """Return the text of an effect in one line."""
    return f"{effect.ledger}: {_TEXTS[effect.kind](effect.detail)}"


def _unpriced(model: str) -> str:
    # As a literal: the name comes from a producer, and a line break in it must not start a line.
    return f"usage of {f'model {model!r}' if model else 'an unnamed model'} has no price"


def _quota(detail: str) -> str:
    found = json.loads(detail)
    shadow = " (in shadow)" if found["mode"] == "shadow" else ""
    return (
        f"{found['threshold']} % of {found['limit']} reached, {found['about']!r}, in the window"
        f" until {found['window_end']}: {found['action']}{shadow}"
    )


def _spike(detail: str) -> str:
    found = json.loads(detail)
    return f"the hour from {found['hour']} came to {found['amount']}; {found['usual']} is usual"


def _quota_crowded(detail: str) -> str:
    about = json.loads(detail)["about"]
    return (
        f"{about!r} has more values than can be counted: those with the least use begin again at"
        " zero"
    )


_TEXTS: Final[dict[EffectKind, Callable[[str], str]]] = {
    EffectKind.UNPRICED: _unpriced,
    EffectKind.QUOTA: _quota,
    EffectKind.SPIKE: _spike,
    EffectKind.QUOTA_CROWDED: _quota_crowded,
}


def pause_after(attempts: int) -> Instant | None:
    """Return the pause after so many failed attempts, in microseconds.

    One minute after the first, then twice as long each time, at most an hour. None after
    MAX_ATTEMPTS, when the effect is given up.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return min(_FIRST_PAUSE << (attempts - 1), _LONGEST_PAUSE)
