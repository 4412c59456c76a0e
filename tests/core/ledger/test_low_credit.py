"""Low credit in a ledger: pages have the mark, effects follow from it, and periods hand it on."""

import json
from dataclasses import replace

from metering.core.basics.instants import MINUTE
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Commit, commit_of, plan_commit
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.effect import EffectKind, describe
from metering.core.ledger.effect_proof import EffectProof
from metering.core.ledger.head import Head, fold
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import NO_LIMITS, LimitChange
from metering.core.ledger.page import page_content, read_page
from metering.core.ledger.past import NO_PAST, Past
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
#: 2 of 10 left, 2.5 is low; years away.
LOW = CreditMark("USD", 10 * 10**18, 2 * 10**18, 25 * 10**17, None)


def begun(past: Past = NO_PAST) -> Commit:
    change = LimitChange(NO_LIMITS, past=past)
    return plan_commit(Head(LEDGER), {}, [usage("a")], rating(), NOW, change=change)


def marked(head: Head, mark: CreditMark | None) -> Commit:
    assert head.counts.past is not None
    past = replace(head.counts.past, low_credit=mark)
    return commit_of(head, {}, NOW + MINUTE, LimitChange(head.counts.limits, past=past))


def test_a_mark_is_a_page_with_one_effect_and_its_removal_a_page_without() -> None:
    first = begun()
    low = marked(first.head, LOW)
    (told,) = low.effects
    assert (told.kind, len(low.pages)) == (EffectKind.LOW_CREDIT, 1)
    assert describe(told).endswith("credit is low: 2 of 10 USD left, at most 2.5 is low")
    over = marked(low.head, None)
    assert (len(over.pages), over.effects) == (1, ())
    again = marked(over.head, LOW)
    assert [one.kind for one in again.effects] == [EffectKind.LOW_CREDIT]
    proof, head = EffectProof(), Head(LEDGER)
    for page in (*first.pages, *low.pages, *over.pages):
        after = fold(head, [page])
        proof.add(head, after)
        head = after
    assert proof.faults([told]) == []
    assert proof.faults([]) == ["the low_credit effect of page 2 is missing"]
    assert proof.faults([told, told._replace(page=3, detail="{}")]) == [
        "effect-00000003-0 (low_credit) does not follow from its pages"
    ]


def test_settled_streams_and_documents_keep_the_mark() -> None:
    dated = LOW._replace(runs_out=NOW)
    low = marked(begun().head, dated)
    later = plan_commit(low.head, {}, [usage("b")], rating(), NOW + 2 * MINUTE)
    past = later.head.counts.past
    assert (past is not None and past.low_credit) == dated
    # It has been told: the commits that follow do not tell it again.
    assert later.effects == ()
    stored = read_head(json.loads(write_head(later.head)), LEDGER)
    assert stored.counts.past == past
    (page,) = low.pages
    assert read_page(json.loads(page_content(page)), LEDGER).change == page.change


def test_a_ledger_that_takes_over_the_mark_tells_nothing() -> None:
    first = begun(Past(low_credit=LOW))
    past = first.head.counts.past
    assert (past is not None and past.low_credit) == LOW
    assert first.effects == ()
