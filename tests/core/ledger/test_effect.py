"""Effects: what a commit asks to be told outside, how it reads, and how often it is tried."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import HOUR, MINUTE
from metering.core.calendars.periods import SLOT, LedgerId, month_of
from metering.core.ledger.commit import CommitTooLargeError, KnownBySlot, plan_commit
from metering.core.ledger.effect import (
    MAX_ATTEMPTS,
    Effect,
    EffectKind,
    describe,
    effects_of,
    in_currency,
    pause_after,
    size_of,
)
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import write_head
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating()


def effect(**changes: Any) -> Effect:
    return Effect(LEDGER, 7, 0, EffectKind.UNPRICED, "gpt-99", NOW)._replace(**changes)


def commit(head: Head, *usages: Usage, known: KnownBySlot | None = None) -> Any:
    return plan_commit(head, known or {}, usages, RATE, NOW)


def unpriced(id_: str, model: str | None = "gpt-99", **changes: Any) -> Usage:
    return usage(id_, model=model, **changes)


def test_a_model_without_a_price_is_told_once_in_a_ledger() -> None:
    first = commit(Head(LEDGER), unpriced("a"), unpriced("b"), usage("c"))
    assert first.effects == (effect(page=1),)
    second = commit(first.head, unpriced("d"), unpriced("e", "gpt-98"))
    assert [made.detail for made in second.effects] == ["gpt-98"]


def test_what_has_a_price_or_no_counts_has_no_effect() -> None:
    done = commit(Head(LEDGER), usage("a"), unpriced("b", evidence=Evidence.MISSING))
    assert done.effects == ()


def test_the_effects_of_a_commit_are_numbered_by_its_last_page() -> None:
    models = ["gpt-99", None, "gpt-98"]
    usages = [unpriced(f"{n}", model, time=AT + n * SLOT) for n, model in enumerate(models)]
    done = commit(Head(LEDGER), *usages)
    assert [(made.id, made.detail) for made in done.effects] == [
        ("effect-00000003-0", ""),
        ("effect-00000003-1", "gpt-98"),
        ("effect-00000003-2", "gpt-99"),
    ]
    assert {made.created for made in done.effects} == {NOW}


def test_a_model_whose_requests_all_got_a_price_is_told_again_when_it_comes_back() -> None:
    first = commit(Head(LEDGER), unpriced("a", evidence=Evidence.TOTALS))
    (page,) = first.pages
    known = {page.slot: {page.entries[0].key: (page, 0)}}
    second = commit(first.head, usage("a", digest="d2"), known=known)
    assert second.effects == ()
    third = commit(second.head, unpriced("b"))
    assert [made.id for made in third.effects] == ["effect-00000003-0"]


def test_a_repeat_alone_has_no_effect() -> None:
    first = commit(Head(LEDGER), unpriced("a"))
    (page,) = first.pages
    known = {page.slot: {page.entries[0].key: (page, 0)}}
    assert commit(first.head, unpriced("a"), known=known).effects == ()


@given(st.lists(st.tuples(st.sampled_from([None, "gpt-4o", "x", "y"]), st.integers(0, 3))))
def test_the_order_of_a_batch_makes_no_difference_to_its_effects(made: list[Any]) -> None:
    usages = [unpriced(f"{n}", model, time=AT + s * SLOT) for n, (model, s) in enumerate(made)]
    forth, back = commit(Head(LEDGER), *usages), commit(Head(LEDGER), *usages[::-1])
    assert forth.effects == back.effects
    assert effects_of(Head(LEDGER), forth.head) == forth.effects
    named = {model or "" for model, _ in made if model != "gpt-4o"}
    assert {made.detail for made in forth.effects} == named


def test_pages_head_and_effects_together_are_at_most_a_hundred() -> None:
    # 1 page, the head, 98 effects; then 1, 1 and 99
    assert len(commit(Head(LEDGER), *(unpriced(f"{n}", f"m-{n}") for n in range(98))).effects) == 98
    with pytest.raises(CommitTooLargeError, match="1 pages, 99 effects"):
        commit(Head(LEDGER), *(unpriced(f"{n}", f"m-{n}") for n in range(99)))


def test_effects_count_towards_the_bytes_of_a_commit() -> None:
    long = [usage(f"{n}-{'x' * 240}", end_user=f"{n}" * 200) for n in range(1000, 2550)]
    models = [f"{n}".rjust(256, "m") for n in range(98)]
    short = commit(Head(LEDGER), *map(unpriced, models, models))
    pages = sum(map(len, (*commit(Head(LEDGER), *long).contents, *short.contents)))
    head = len(write_head(short.head))
    assert 1_900_000 - sum(map(size_of, short.effects)) < pages + head < 1_900_000
    with pytest.raises(CommitTooLargeError, match="98 effects"):
        commit(Head(LEDGER), *long, *map(unpriced, models, models))


def test_the_key_names_ledger_and_effect() -> None:
    assert effect(position=2).key == "acme|2026-11-01T00:00:00Z/effect-00000007-2"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("gpt-99", "usage of model 'gpt-99' has no price"),
        ("", "usage of an unnamed model has no price"),
        ("x\nCRITICAL", "usage of model 'x\\nCRITICAL' has no price"),
    ],
)
def test_an_effect_says_one_line_whatever_a_producer_named(model: str, said: str) -> None:
    assert describe(effect(detail=model)) == f"acme|2026-11-01T00:00:00Z: {said}"


def test_pauses_double_from_a_minute_to_an_hour_and_end() -> None:
    minutes = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    assert [pause_after(n) for n in range(1, MAX_ATTEMPTS)] == [n * MINUTE for n in minutes]
    assert pause_after(MAX_ATTEMPTS) is None
    assert pause_after(MAX_ATTEMPTS + 5) is None
    assert sum(pause_after(n) or 0 for n in range(1, MAX_ATTEMPTS)) > 6 * HOUR


def test_a_ledger_with_too_many_names_says_how_the_others_are_counted() -> None:
    detail = '{"named": 250, "as": "(other names)"}'
    told = Effect(LEDGER, 1, 0, EffectKind.NAMES, detail, NOW)
    assert "250 models and meters" in describe(told)
    assert "'(other names)'" in describe(told)


def test_amounts_are_told_in_the_currency_of_the_plan_rounded_for_reading() -> None:
    hour = '{"amount":"1234.5678","hour":"2026-11-20T11:00:00Z","usual":"0.00123"}'
    spike = effect(kind=EffectKind.SPIKE, detail=hour)
    assert "came to 1234.5678; 0.00123 is usual" in describe(spike)
    assert "came to 1,234.57 USD; 0.0012 USD is usual" in describe(in_currency(spike, "USD"))
    quota = (
        '{"about":"amount a day","action":"block","limit":"500","mode":"enforced","quota":"q",'
        '"threshold":80,"window_end":"2026-11-21T00:00:00Z"}'
    )
    told = in_currency(effect(kind=EffectKind.QUOTA, detail=quota), "EUR")
    assert "80 % of 500.00 EUR reached, 'amount a day'" in describe(told)
    tokens = effect(kind=EffectKind.QUOTA, detail=quota.replace("amount a day", "tokens a day"))
    for other in (tokens, effect()):
        assert in_currency(other, "EUR") == other
