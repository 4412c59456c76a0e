"""The proof of a ledger's effects: each follows from its pages, and none is missing.

The pages do not say where one commit ends and the next begins, so a page is compared with the one
before it, and commits of the same instant are taken together.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.ledger.crossings import MAX_CROSSINGS
from metering.core.ledger.effect import Effect, EffectKind, effects_of
from metering.core.ledger.head import Head

#: Which values of a quota are crowded out depends on where the commit ends.
_CROWDED: Final = EffectKind.QUOTA_CROWDED


#: The fields of details that do not depend on it.
_SAME: Final = {
    EffectKind.SPIKE: ("hour",),
    EffectKind.QUOTA: ("quota", "threshold", "window_start"),
}


class _Due(NamedTuple):
    """The effects that the commits of one instant must have, and those they may have."""

    must: dict[tuple[EffectKind, str], int]
    """By kind and detail: the page."""
    may: set[tuple[EffectKind, str]]


class EffectProof:
    """Derives the effects of a ledger from its heads, page by page."""

    def __init__(self) -> None:
        self._due: defaultdict[Instant, _Due] = defaultdict(lambda: _Due({}, set()))

    def add(self, before: Head, after: Head) -> None:
        """Take in the heads before and after the next page."""
        due = self._due[after.committed]
        told = [_told(effect) for effect in effects_of(before, after)]
        due.may.update(told)
        if any(kind is EffectKind.SPIKE for kind, _ in told):
            # One commit tells of the last unusual hour only.
            for one in [one for one in due.must if one[0] is EffectKind.SPIKE]:
                del due.must[one]
        due.must.update((one, after.pages) for one in told if one[0] is not _CROWDED)
        told_of = [one for one in due.must if one[0] is EffectKind.UNPRICED]
        if told_of:
            # Priced again within the same commit, a model is not told of.
            unpriced = {rate.model or "" for rate, line in after.lines.items() if line.unpriced}
            for one in told_of:
                if one[1] not in unpriced:
                    del due.must[one]

    def faults(self, stored: Iterable[Effect]) -> list[str]:
        """Return the faults of the effects that the store has."""
        stored = list(stored)
        have = {(effect.created, *_told(effect)) for effect in stored}
        missing = [
            f"the {kind} effect of page {page} is missing"
            for created, due in self._due.items()
            for (kind, detail), page in _required(due)
            if (created, kind, detail) not in have
        ]
        invented = [
            f"{effect.id} ({effect.kind}) does not follow from its pages"
            for effect in sorted(stored, key=lambda one: (one.page, one.position))
            if _told(effect) not in self._due[effect.created].may
        ]
        return [*missing, *invented]


def _told(effect: Effect) -> tuple[EffectKind, str]:
    """Return what an effect tells of, without what depends on where its commit ended.

    That is the amount of an unusual hour, and how many values of a quota are told together.
    """
    names = _SAME.get(effect.kind)
    if names is None:
        return effect.kind, effect.detail
    try:
        said = json.loads(effect.detail)
        return effect.kind, json.dumps([said[name] for name in names])
    except (ValueError, KeyError, TypeError):
        return effect.kind, effect.detail


def _required(due: _Due) -> list[tuple[tuple[EffectKind, str], int]]:
    """Return what must be told; of too many thresholds a commit tells only some."""
    crossings = sum(kind is EffectKind.QUOTA for kind, _ in due.must)
    return [
        (told, page)
        for told, page in due.must.items()
        if told[0] is not EffectKind.QUOTA or crossings <= MAX_CROSSINGS
    ]
