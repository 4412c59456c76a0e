"""The proof of effects: what the pages give is there, and nothing else is."""

from collections.abc import Iterable
from typing import Any

import pytest

from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import SLOT, LedgerId, month_of
from metering.core.ledger import effect_proof
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.counts import change_to
from metering.core.ledger.effect import Effect, EffectKind
from metering.core.ledger.effect_proof import EffectProof
from metering.core.ledger.head import Head, fold
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.page import Page
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import Spike
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating()


class Made:
    """A ledger in memory, with the effects of its commits."""

    def __init__(self) -> None:
        self.head, self.pages = Head(LEDGER), list[Page]()
        self.effects: list[Effect] = []

    def commit(
        self,
        *usages: Usage,
        known: KnownBySlot | None = None,
        change: LimitChange | None = None,
        now: int = NOW,
    ) -> None:
        done = plan_commit(self.head, known or {}, usages, RATE, now, change=change)
        self.head = done.head
        self.pages.extend(done.pages)
        self.effects.extend(done.effects)

    def faults(self, stored: Iterable[Effect] | None = None) -> list[str]:
        proof, head = EffectProof(), Head(LEDGER)
        for page in self.pages:
            after = fold(head, [page])
            proof.add(head, after)
            head = after
        return proof.faults(self.effects if stored is None else stored)


def unpriced(id_: str, model: str = "gpt-99", **changes: Any) -> Usage:
    return usage(id_, model=model, **changes)


def test_a_missing_and_an_invented_effect_are_named() -> None:
    made = Made()
    made.commit(unpriced("a"), usage("b"))
    made.commit(unpriced("c", "gpt-98"), now=NOW + 1)
    assert made.faults() == []
    assert made.faults(made.effects[:1]) == ["the unpriced effect of page 2 is missing"]
    invented = made.effects[0]._replace(position=5, detail="gpt-97")
    assert made.faults([*made.effects, invented]) == [
        "effect-00000001-5 (unpriced) does not follow from its pages"
    ]


def test_a_model_that_gets_its_price_in_the_same_commit_need_not_be_told() -> None:
    made = Made()
    made.commit(unpriced("a", evidence=Evidence.TOTALS))
    page = made.pages[0]
    made.commit(usage("a", digest="d2"), known={page.slot: {page.entries[0].key: (page, 0)}})
    assert made.faults([]) == []
    assert made.faults() == []


def test_an_unusual_hour_is_told_with_the_amount_of_its_commit() -> None:
    made = Made()
    change: LimitChange | None = LimitChange(Limits("UTC", (), Spike(least="0.01")))
    start = AT - AT % HOUR - 30 * HOUR
    for hour in range(25):
        made.commit(usage(f"u-{hour}", time=start + hour * HOUR), change=change, now=NOW + hour)
        change = None
    # Two pages of one commit, each enough for a spike: 0.25 + 0.1 = 0.35 each.
    much = from_names({"input": 100_000, "output": 10_000})
    at = start + 26 * HOUR
    made.commit(
        *(usage(f"s-{n}", time=at + n * SLOT, buckets=much) for n in range(2)), now=NOW + HOUR
    )
    (spike,) = made.effects
    assert spike.kind is EffectKind.SPIKE
    assert made.faults() == []
    assert made.faults([]) == ["the spike effect of page 26 is missing"]
    # Two spikes in one commit: the last is told.
    late = at + 2 * HOUR
    more = from_names({"input": 1_000_000})
    made.commit(
        usage("t-1", time=late, buckets=more),
        usage("t-2", time=late + HOUR, buckets=from_names({"input": 9_000_000})),
        now=NOW + 2 * HOUR,
    )
    assert len(made.effects) == 2
    assert made.faults() == []


def test_of_too_many_thresholds_only_some_must_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    quota = Quota.model_validate(
        {"metric": "tokens", "window": "period", "limit": "100", "thresholds": [50, 80, 100]}
    )
    made = Made()
    change = change_to(Limits("UTC", (quota,), end=month_of(AT).end), NOW, LEDGER.start)
    made.commit(usage("a"), change=change)
    assert [one.kind for one in made.effects] == [EffectKind.QUOTA] * 3
    assert made.faults() == []
    assert made.faults([]) == ["the quota effect of page 1 is missing"] * 3
    garbled = made.effects[0]._replace(detail="{}", position=9)
    assert "effect-00000001-9 (quota) does not follow" in made.faults([garbled])[-1]
    monkeypatch.setattr(effect_proof, "MAX_CROSSINGS", 2)
    assert made.faults(made.effects[-1:]) == []
