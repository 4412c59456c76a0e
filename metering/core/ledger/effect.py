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
from metering.core.ledger.counts import Counter
from metering.core.ledger.head import Head
from metering.core.plans.quota import FULL, Quota
from metering.core.plans.spikes import usual_before

#: Failed attempts after which an effect is given up: about six hours with the pauses between them.
MAX_ATTEMPTS: Final = 12
_FIRST_PAUSE: Final = MINUTE
_LONGEST_PAUSE: Final = HOUR
#: The size of a stored effect at most: its detail is a name of 256 characters, escaped.
MAX_EFFECT_BYTES: Final = 4_000


class EffectKind(StrEnum):
    """The kind of notification. Stable: stores and receivers rely on the text."""

    UNPRICED = "unpriced"
    """A model without a price was used for the first time in this ledger; detail: the model."""
    QUOTA = "quota"
    """A threshold of a quota was reached; once per window; detail: JSON, see `_crossing`."""
    SPIKE = "spike"
    """The spend of an hour is unusually high; detail: JSON with hour, amount and usual."""


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
    told.extend((EffectKind.SPIKE, detail) for detail in _spikes(before, after))
    return tuple(
        Effect(after.ledger, after.pages, position, kind, detail, after.committed)
        for position, (kind, detail) in enumerate(told)
    )


def _crossings(before: Head, after: Head) -> list[str]:
    """Return the thresholds newly reached, each once per window."""
    found: list[str] = []
    quotas = {quota.key: quota for quota in after.counts.limits.quotas}
    for key, counter in sorted(after.counts.used.items()):
        known = before.counts.used.get(key)
        told = 0 if known is None else known.crossed
        quota = quotas[key[0]]
        found.extend(
            _crossing(quota, key[1], counter, threshold)
            for threshold in quota.thresholds
            if told < threshold <= counter.crossed
        )
    return found


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


def _crossing(quota: Quota, start: Instant, counter: Counter, threshold: int) -> str:
    action = quota.action if isinstance(quota.action, str) else f"to {quota.action.downgrade}"
    return json.dumps(
        {
            "quota": quota.key,
            "about": quota.label,
            "threshold": threshold,
            "limit": quota.limit,
            "window_start": format_instant(start),
            "window_end": format_instant(counter.end),
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


_TEXTS: Final[dict[EffectKind, Callable[[str], str]]] = {
    EffectKind.UNPRICED: _unpriced,
    EffectKind.QUOTA: _quota,
    EffectKind.SPIKE: _spike,
}


def pause_after(attempts: int) -> Instant | None:
    """Return the pause after so many failed attempts, in microseconds.

    One minute after the first, then twice as long each time, at most an hour. None after
    MAX_ATTEMPTS, when the effect is given up.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return min(_FIRST_PAUSE << (attempts - 1), _LONGEST_PAUSE)
