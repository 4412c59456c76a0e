"""Outcomes: counted once as what they are, and in no total of usage."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.billing.recomputation import Recomputation
from metering.core.billing.what_if import WhatIf
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.entry import Kind
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.page import read_page
from metering.core.ledger.proof import Proof
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import NO_HOURS, Spike
from metering.core.plans.terms import Override
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.reports.breakdown import Breakdown, Outcomes, changes_of
from metering.core.reports.rollup import Cursor, Intake, RollupProof
from metering.core.reports.rollup_document import read_part, write_part
from metering.core.reports.unit_economics import use_cases
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Record
from metering.core.tenancy.terms import TermsBook
from metering.core.usage.buckets import BUCKETS, QUANTITY, from_names
from metering.core.usage.event import MAX_OUTCOMES, OUTCOME
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body, outcome_event, price_file
from tests.core.rollups import pages_of

LEDGER = LedgerId("sub-1", month_of(AT).start)
#: A price of what an outcome happens to be called.
NAMESAKE = {"meter": "ticket_resolved", "unit": OUTCOME, "price": "5"}
PRICES = PriceBook(
    read_price_file("p.json", price_file({"aliases": ["gpt-4o-2024-11-20"]}, meters=[NAMESAKE]))
)
READER = UsageReader()


def terms_under(*plans: Plan) -> TermsBook:
    directory = Directory()
    directory.apply([Record("subject", "sub-1", "acme", BEGINNING, NOW)])
    for plan in plans:
        directory.add_plan(plan, BEGINNING)
    return TermsBook(directory, PRICES)


TERMS = terms_under()


def read(**changes: Any) -> Usage:
    return READER.read(json.dumps(outcome_event(**changes)).encode(), NOW)


def request(**changes: Any) -> Usage:
    return READER.read(body(data__use_case="support", **changes), NOW)


def rejection(**changes: Any) -> RejectedEvent:
    with pytest.raises(RejectedEvent) as caught:
        read(**changes)
    return caught.value


def committed(*usages: Usage) -> Commit:
    return plan_commit(Head(LEDGER), {}, usages, TERMS.rate, NOW)


def test_an_outcome_is_one_unless_it_says_how_many() -> None:
    one = read()
    assert one.key == ("business.outcome.v1", "/app/desk", "o-1")
    assert (one.buckets, one.evidence) == (from_names({QUANTITY: 1_000_000}), Evidence.FULL)
    dimensions = one.dimensions
    assert (dimensions.use_case, dimensions.model, dimensions.unit) == (
        "support",
        "ticket_resolved",
        OUTCOME,
    )
    assert read(data__count=MAX_OUTCOMES).buckets[-1] == MAX_OUTCOMES * 10**6


@pytest.mark.parametrize(
    "count", [0, 1.5, 2.0, "2", True, None, MAX_OUTCOMES + 1, -MAX_OUTCOMES - 1]
)
def test_a_count_that_is_no_whole_number_or_zero_is_rejected_by_name(count: object) -> None:
    assert rejection(data__count=count).reason.startswith("data.count: ")


@pytest.mark.parametrize("quantity", ["1", 1, None])
def test_a_quantity_is_refused_and_not_ignored(quantity: object) -> None:
    assert rejection(data__quantity=quantity).reason == (
        "data.quantity: is a field of meter.usage.v1; outcomes have `count`"
    )


def test_an_outcome_is_corrected_by_one_that_takes_it_back() -> None:
    commit = committed(read(data__count=5), read(id="o-2", data__count=-2))
    breakdown = Breakdown(("use_case", "model"))
    for page in commit.pages:
        breakdown.add(page)
    assert breakdown.outcomes() == [Outcomes(("support", "ticket_resolved"), 3)]
    proof = Proof(LEDGER)
    for page in commit.pages:
        proof.add(page)
    proof.compare(commit.head)
    assert proof.faults == []


def test_more_taken_back_than_reported_costs_nothing_each() -> None:
    (case,) = use_cases([], [Outcomes(("support", "ticket_resolved"), -1)], [])
    assert [(one.number, one.cost) for one in case.outcomes] == [(-1, None)]


@pytest.mark.parametrize("field", ["use_case", "outcome"])
@pytest.mark.parametrize("value", [..., "", None])
def test_a_missing_field_is_named(field: str, value: object) -> None:
    why = rejection(**{f"data__{field}": value})
    assert (why.code, why.reason.split(":")[0]) == (Code.MISSING_FIELD, f"data.{field}")


def test_times_and_versions_are_rejected_as_those_of_usage_are() -> None:
    assert rejection(time="2024-01-01T00:00:00Z").code is Code.TOO_OLD
    assert rejection(type="business.outcome.v2").code is Code.UNKNOWN_SCHEMA_VERSION
    assert rejection(type="business.result.v1").code is Code.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "change", [{"data__count": 2}, {"data__end_user": "u"}, {"data__outcome": "ticket_closed"}]
)
def test_the_same_id_with_other_content_is_a_conflict(change: dict[str, Any]) -> None:
    done = committed(read(), read(), read(**change))
    assert (done.accepted, done.duplicates, len(done.conflicts)) == (1, 1, 1)


def test_an_outcome_is_an_entry_of_its_own_kind_that_costs_nothing_under_any_price() -> None:
    override = Override(model="ticket_resolved", price_per_million="9")
    dear = Plan(id="default", overrides=(override,))
    for terms in (TERMS, terms_under(dear)):
        (page,) = plan_commit(Head(LEDGER), {}, [read()], terms.rate, NOW).pages
        state = page.entries[0].state
        assert (state.kind, state.amount, state.is_unpriced) == (Kind.OUTCOME, 0, False)
        assert state.rate.units == (0,) * len(BUCKETS)


def test_a_head_counts_an_outcome_as_an_entry_and_as_no_usage() -> None:
    head = committed(read()).head
    assert (head.entries, head.lines, head.holds, head.amount) == (1, {}, {}, 0)
    assert committed(read(), request()).head.lines == committed(request()).head.lines


def test_pages_with_outcomes_read_back_and_are_proven() -> None:
    done = committed(read(), request(), read(id="o-2", data__count=3))
    (page,) = done.pages
    assert read_page(json.loads(done.contents[0]), LEDGER) == page
    proof, recomputation = Proof(LEDGER), Recomputation(LEDGER)
    proof.add(page)
    proof.compare(done.head)
    recomputation.add(page)
    recomputation.require(done.head)
    assert proof.faults == []
    # What statements say of how well requests are known is about requests.
    assert recomputation.result().provenance == {Evidence.FULL: 1}


def test_no_quota_and_no_spike_sees_an_outcome() -> None:
    quotas = tuple(
        Quota(metric=metric, window="day", limit="1")
        for metric in ("requests", "tokens", "amount", "input")
    )
    change = LimitChange(Limits(quotas=quotas, spike=Spike(), end=month_of(AT).end))
    done = plan_commit(Head(LEDGER), {}, [read()], TERMS.rate, NOW, change=change)
    assert (done.head.counts.used, done.head.counts.hours) == ({}, NO_HOURS)
    both = plan_commit(Head(LEDGER), {}, [read(), request()], TERMS.rate, NOW, change=change)
    alone = plan_commit(Head(LEDGER), {}, [request()], TERMS.rate, NOW, change=change)
    assert both.head.counts == alone.head.counts
    assert len(alone.head.counts.used) == len(quotas)


def test_a_breakdown_has_outcomes_beside_usage() -> None:
    done = committed(
        request(),
        read(data__end_user="u"),
        read(id="o-2", data__count=3, data__end_user="u"),
        read(id="o-3", data__outcome="ticket_closed"),
        read(id="o-4", data__use_case="sales"),
    )
    found = Breakdown(("use_case", "model"))
    for page in done.pages:
        found.add(page)
    assert [(row.group, row.line.requests) for row in found.rows()] == [(("support", "gpt-4o"), 1)]
    assert found.outcomes() == [
        Outcomes(("sales", "ticket_resolved"), 1),
        Outcomes(("support", "ticket_closed"), 1),
        Outcomes(("support", "ticket_resolved"), 4),
    ]


@given(order=st.permutations([*range(6), *range(6)]), cuts=st.lists(st.integers(0, 12), max_size=4))
def test_outcomes_are_the_same_in_any_order_cut_and_repetition(
    order: list[int], cuts: list[int]
) -> None:
    made = [read(id=f"o-{number}", data__count=number + 1) for number in range(4)]
    made += [request(), request(id="o-1")]
    edges = [0, *sorted(cuts), len(order)]
    batches = [[made[at] for at in order[start:end]] for start, end in pairwise(edges)]
    found = Breakdown(("use_case",))
    for page in pages_of(*filter(None, batches)):
        found.add(page)
    # 1 + 2 + 3 + 4
    assert found.outcomes() == [Outcomes(("support",), 10)]
    assert [row.line.requests for row in found.rows()] == [2]


def test_a_rollup_keeps_outcomes_and_its_proof_sees_one_too_many() -> None:
    done = committed(request(), read(data__count=3), read(id="o-2", time="2026-11-19T09:00:00Z"))
    intake = Intake(Cursor(LEDGER))
    for page in done.pages:
        intake.add(page)
    cursor, parts = intake.onto([])
    proof = RollupProof(cursor)
    stored = [read_part(json.loads(write_part(LEDGER, part)), LEDGER) for part in parts]
    assert stored == parts
    for part in stored:
        proof.add_part(part)
    for page in done.pages:
        proof.add(page)
    assert proof.faults() == []
    proof.add_part(next(part for part in stored if part.name.day == "2026-11-19"))
    assert len(proof.faults()) == 1


def test_the_document_of_a_part_without_outcomes_is_as_it_was_before_there_were_any() -> None:
    intake = Intake(Cursor(LEDGER))
    intake.add(committed(request()).pages[0])
    _, parts = intake.onto([])
    # The part of the day and its summary.
    assert len(parts) == 2
    for part in parts:
        assert "outcomes" not in json.loads(write_part(LEDGER, part))["columns"]


def test_another_question_about_prices_leaves_outcomes_out() -> None:
    what_if = WhatIf(TERMS.rate, NOW)
    (page,) = committed(read()).pages
    what_if.add(page)
    assert (what_if.comparisons(), what_if.totals()) == ([], ({}, {}))


def test_an_outcome_that_is_taken_away_leaves_nothing() -> None:
    (page,) = committed(read(data__count=2)).pages
    ((group, count),) = changes_of(page).items()
    found = Breakdown(("use_case",))
    found.add_counts({group: count})
    found.add_counts({group: count.negated()})
    assert (found.outcomes(), found.rows()) == ([], [])
    assert group[0] == "2026-11-20"
