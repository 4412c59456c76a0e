"""Effects: the outbox messages of commits, kept until they are delivered.

They are written in the transaction of their commit (a transactional outbox), so that none is lost
and none is sent without its commit. Delivery is at least once: receivers deduplicate by the key.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.instants import HOUR, MINUTE, Instant, format_instant
from metering.core.basics.money import format_amount, format_read, parse_amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.counts import hours_zone
from metering.core.ledger.credit_mark import describe_low_credit, low_credit_detail
from metering.core.ledger.crossings import crossings, crowded
from metering.core.ledger.head import Head
from metering.core.ledger.names import MAX_NAMED_LINES
from metering.core.ledger.target_mark import describe_target, target_detail
from metering.core.plans.spikes import usual_before
from metering.core.prices.rating import OTHER_NAMES

#: Failed attempts after which an effect is given up: about six hours with the pauses between them.
MAX_ATTEMPTS: Final = 12
_FIRST_PAUSE: Final = MINUTE
_LONGEST_PAUSE: Final = HOUR
#: The bytes of a stored effect beside its detail: names, numbers and the name of its ledger.
_ENVELOPE_BYTES: Final = 400


class EffectKind(StrEnum):
    """The kind of notification. Stable: stores and receivers rely on the text."""

    UNPRICED = "unpriced"
    """A model without a price was used for the first time in this ledger; detail: the model."""
    QUOTA = "quota"
    """A threshold of a quota was reached; once per window; detail: JSON, see `_crossing`."""
    NAMES = "names"
    """The ledger has no room for another name of a model or meter; once; detail: JSON."""
    SPIKE = "spike"
    """The spend of an hour is unusually high; detail: JSON with hour, amount and usual."""
    QUOTA_CROWDED = "quota_crowded"
    """A split quota has more values than are counted; once a period; detail: JSON, its quota."""
    LOW_CREDIT = "low_credit"
    """Credit is low; once until it is above again; detail: JSON, see `low_credit_detail`."""
    TARGET = "target"
    """An outcome costs more than its target; once a period; detail: JSON, see `target_detail`."""
    DIGEST = "digest"
    """The digest of a week; of no commit; detail: JSON, see `core/digests/digest.py`."""


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
    segment: int = 1
    """The segment of the ledger that its page is in."""

    @property
    def id(self) -> str:
        """The id within the ledger, e.g. `effect-00000007-0`."""
        return f"effect-{self.page:08d}-{self.position}"

    @property
    def key(self) -> str:
        """The idempotency key: receivers ignore a key that they have seen."""
        return f"{self.ledger}/{self.id}"


def size_of(effect: Effect) -> int:
    """Return the bytes that a store sends for an effect, at most."""
    return len(to_json(effect.detail)) + _ENVELOPE_BYTES


def effects_of(before: Head, after: Head) -> tuple[Effect, ...]:
    """Return the effects of the commit between two heads; the result is deterministic."""
    unpriced = _unpriced_models(after)
    models = sorted(unpriced - _unpriced_models(before)) if unpriced else ()
    told = [(EffectKind.UNPRICED, model) for model in models]
    if _has_others(after) and not _has_others(before):
        told.append((EffectKind.NAMES, json.dumps({"named": MAX_NAMED_LINES, "as": OTHER_NAMES})))
    told.extend((EffectKind.QUOTA, detail) for detail in crossings(before, after))
    told.extend((EffectKind.QUOTA_CROWDED, detail) for detail in crowded(before, after))
    told.extend((EffectKind.SPIKE, detail) for detail in _spikes(before, after))
    told.extend((EffectKind.LOW_CREDIT, detail) for detail in _low_credit(before, after))
    told.extend((EffectKind.TARGET, detail) for detail in _targets(before, after))
    segment = after.segment_of(after.pages)
    return tuple(
        Effect(after.ledger, after.pages, position, kind, detail, after.committed, segment)
        for position, (kind, detail) in enumerate(told)
    )


def _spikes(before: Head, after: Head) -> list[str]:
    """Return the hour newly found to be unusual, if any."""
    hours = after.counts.hours
    if hours.told <= before.counts.hours.told:
        return []
    hour, amount = hours.amounts[-1]
    found = {
        "hour": format_instant(hour),
        "amount": format_amount(amount),
        "usual": format_amount(usual_before(hours, hours_zone(after.counts)) or 0),
    }
    return [json.dumps(found, sort_keys=True)]


def _low_credit(before: Head, after: Head) -> list[str]:
    """Return the credit that is newly low; what a ledger takes over was told in the one before."""
    had, has = before.counts.past, after.counts.past
    if had is None or has is None or had.low_credit is not None or has.low_credit is None:
        return []
    return [low_credit_detail(has.low_credit)]


def _targets(before: Head, after: Head) -> list[str]:
    """Return the targets that are newly passed."""
    had, has = before.counts.past, after.counts.past
    if has is None:
        return []
    known = {one.key for one in had.targets} if had is not None else set()
    return [target_detail(one) for one in has.targets if one.key not in known]


def _unpriced_models(head: Head) -> set[str]:
    """Return the models of unpriced requests; "" for an unnamed model."""
    return {
        rate.model or ""
        for rate, line in head.lines.items()
        if line.unpriced and rate.model != OTHER_NAMES
    }


def _has_others(head: Head) -> bool:
    return any(rate.model == OTHER_NAMES for rate in head.lines)


def in_currency(effect: Effect, currency: str) -> Effect:
    """Return an effect about an amount with its currency, for those who are told.

    A ledger does not name its currency: its plan does, so the stored effect is without.
    """
    if effect.kind not in {EffectKind.SPIKE, EffectKind.QUOTA, EffectKind.TARGET}:
        return effect
    found = json.loads(effect.detail)
    if effect.kind is EffectKind.QUOTA and not found["about"].startswith("amount "):
        return effect
    named = {**found, "currency": currency}
    return effect._replace(detail=json.dumps(named, ensure_ascii=False, sort_keys=True))


def describe(effect: Effect) -> str:
    """Return the text of an effect in one line."""
    return f"{effect.ledger}: {_TEXTS[effect.kind](effect.detail)}"


def _unpriced(model: str) -> str:
    # As a literal: the name comes from a producer, and a line break in it must not start a line.
    return f"usage of {f'model {model!r}' if model else 'an unnamed model'} has no price"


def _quota(detail: str) -> str:
    found = json.loads(detail)
    shadow = " (in shadow)" if found["mode"] == "shadow" else ""
    reached = "expected" if found.get("forecast") else "reached"
    return (
        f"{found['threshold']} % of {_amount(found, 'limit')} {reached}, {found['about']!r}, in the"
        " window"
        f" until {found['window_end']}: {found['action']}{shadow}"
    )


def _names(detail: str) -> str:
    found = json.loads(detail)
    return (
        f"it has {found['named']} models and meters that no price book names: further ones count"
        f" as {found['as']!r}"
    )


def _spike(detail: str) -> str:
    found = json.loads(detail)
    amount, usual = _amount(found, "amount"), _amount(found, "usual")
    return f"the hour from {found['hour']} came to {amount}; {usual} is usual"


def _amount(found: Mapping[str, str], name: str) -> str:
    """Return a figure of a detail: rounded with its currency where that is known."""
    currency = found.get("currency")
    if currency is None:
        return found[name]
    return f"{format_read(parse_amount(found[name]), currency)} {currency}"


def _quota_crowded(detail: str) -> str:
    about = json.loads(detail)["about"]
    return (
        f"{about!r} has more values than can be counted: those with the least use begin again at"
        " zero"
    )


def _digest(detail: str) -> str:
    found = json.loads(detail)
    totals = [f"{one['spend']} ({one['change']})" for one in found["totals"]]
    return f"week {found['week']} of {found['audience']}: {', '.join(totals) or 'no usage'}"


_TEXTS: Final[dict[EffectKind, Callable[[str], str]]] = {
    EffectKind.UNPRICED: _unpriced,
    EffectKind.QUOTA: _quota,
    EffectKind.NAMES: _names,
    EffectKind.SPIKE: _spike,
    EffectKind.QUOTA_CROWDED: _quota_crowded,
    EffectKind.LOW_CREDIT: describe_low_credit,
    EffectKind.TARGET: describe_target,
    EffectKind.DIGEST: _digest,
}


def pause_after(attempts: int) -> Instant | None:
    """Return the pause after so many failed attempts, in microseconds.

    One minute after the first, then twice as long each time, at most an hour. None after
    MAX_ATTEMPTS, when the effect is given up.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return min(_FIRST_PAUSE << (attempts - 1), _LONGEST_PAUSE)
