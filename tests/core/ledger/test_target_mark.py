"""Passed targets in a ledger: pages have the marks, effects follow from them, periods do not."""

import json
from dataclasses import replace

from metering.core.basics.instants import MINUTE
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Commit, commit_of, plan_commit
from metering.core.ledger.effect import EffectKind, describe, in_currency, size_of
from metering.core.ledger.effect_proof import EffectProof
from metering.core.ledger.head import Head, fold
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import NO_LIMITS, LimitChange
from metering.core.ledger.page import page_content, read_page
from metering.core.ledger.past import NO_PAST
from metering.core.ledger.target_mark import MAX_FOUND, MAX_MARKS, TargetMark, with_passed
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
#: 0.051 for 4 documents is 0.01275 each; 0.01 is acceptable.
READ = TargetMark("summaries", "document_read", 10**16, 51 * 10**15, 4)
#: 0.02 for 3 tickets is 0.00666… each; 0.006666666 is acceptable.
SOLVED = TargetMark("support", "ticket_resolved", 6_666_666 * 10**9, 2 * 10**16, 3)


def begun() -> Commit:
    change = LimitChange(NO_LIMITS, past=NO_PAST)
    return plan_commit(Head(LEDGER), {}, [usage("a")], rating(), NOW, change=change)


def marked(head: Head, *marks: TargetMark) -> Commit:
    assert head.counts.past is not None
    past = replace(head.counts.past, targets=marks)
    return commit_of(head, {}, NOW + MINUTE, LimitChange(head.counts.limits, past=past))


def test_each_new_mark_is_told_once_and_pages_prove_it() -> None:
    first = begun()
    one = marked(first.head, READ)
    both = marked(one.head, READ, SOLVED)
    (told,), (also,) = one.effects, both.effects
    assert (told.kind, also.kind) == (EffectKind.TARGET, EffectKind.TARGET)
    assert describe(told).endswith(
        "target passed: 'document_read' of use case 'summaries' costs 0.01275"
        " (4 outcomes for 0.051), more than 0.01"
    )
    # Rounded up, so that it does not read like the target.
    assert describe(in_currency(also, "USD")).endswith(
        "costs 0.006666667 USD (3 outcomes for 0.02 USD), more than 0.006666666"
    )
    assert marked(both.head, SOLVED).effects == ()
    proof, head = EffectProof(), Head(LEDGER)
    for page in (*first.pages, *one.pages, *both.pages):
        after = fold(head, [page])
        proof.add(head, after)
        head = after
    assert proof.faults([told, also]) == []
    assert proof.faults([told]) == ["the target effect of page 3 is missing"]


def test_streams_and_documents_keep_the_marks() -> None:
    both = marked(begun().head, READ, SOLVED)
    later = plan_commit(both.head, {}, [usage("b")], rating(), NOW + 2 * MINUTE)
    past = later.head.counts.past
    assert (past is not None and past.targets) == (READ, SOLVED)
    assert later.effects == ()
    assert read_head(json.loads(write_head(later.head)), LEDGER).counts.past == past
    (page,) = both.pages
    assert read_page(json.loads(page_content(page)), LEDGER).change == page.change


def test_another_target_is_told_again_and_one_that_is_given_up_is_forgotten() -> None:
    lower = READ._replace(target=9 * 10**15)
    assert with_passed([], [READ], [READ.key]) == (READ,)
    assert with_passed([READ], [lower], [lower.key]) == (lower,)
    assert with_passed([READ], [], [READ.key]) == (READ,)
    # Of a target that stays passed, the figures stay those that were told.
    assert with_passed([READ], [READ._replace(number=5)], [READ.key]) == (READ,)
    assert with_passed([READ], [], []) == ()


def test_a_run_marks_some_and_a_period_has_room_for_so_many() -> None:
    many = [READ._replace(outcome=f"o-{number:03}") for number in range(MAX_MARKS + 1)]
    keys = [one.key for one in many]
    found = with_passed([], many, keys)
    assert found == tuple(many[:MAX_FOUND])
    full = with_passed(with_passed(found, many, keys), many, keys)
    assert full == tuple(many[:MAX_MARKS])


def test_the_longest_names_fit_an_effect() -> None:
    longest = READ._replace(use_case="\U0001f600" * 256, outcome="\U0001f601" * 256)
    (told,) = marked(begun().head, longest).effects
    # 2 x 256 characters of four bytes, and less than a thousand beside them.
    assert size_of(told) < 2 * 256 * 4 + 1_000
