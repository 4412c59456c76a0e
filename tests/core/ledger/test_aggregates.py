"""Sums over many requests: of one id the highest revision stands, in whatever order they come."""

import random
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from metering.core.ledger.entry import Basis
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from tests.builders import NOW, body, usage
from tests.core.ledger.test_commit import Ledger, answers


def aggregate(revision: int, tokens: int) -> Usage:
    return usage(
        evidence=Evidence.AGGREGATE,
        digest=f"{revision}-{tokens}",
        revision=revision,
        buckets=from_names({"input": tokens}),
    )


def test_a_later_revision_replaces_an_earlier_one_and_never_the_other_way_round() -> None:
    made = [aggregate(1, 1000), aggregate(2, 4000), aggregate(3, 3000)]
    for order in permutations(made):
        ledger = Ledger()
        for one in order:
            ledger.commit(one)
        # 3,000 x 2.5 per million
        assert ledger.amount == "0.0075"
        assert ledger.prove() == []
        assert ledger.head.diagnostics.conflicts == 0
    (line,) = ledger.head.lines.values()
    assert (line.requests, line.aggregates) == (1, 1)
    assert line.by_basis[Basis.AGGREGATE] == 1
    assert sum(line.by_basis.values()) == 1


@given(
    st.dictionaries(st.integers(1, 6), st.integers(0, 99)),
    st.randoms(use_true_random=False),
    st.integers(1, 5),
)
def test_any_order_cut_and_repetition_of_revisions_gives_the_same_totals(
    made: dict[int, int], chance: random.Random, size: int
) -> None:
    plain, unkind = Ledger(), Ledger()
    sent = [aggregate(*one) for one in made.items()]
    plain.commit(*sent)
    sent += sent
    chance.shuffle(sent)
    for first in range(0, len(sent), size):
        unkind.commit(*sent[first : first + size])
    assert unkind.head.lines == plain.head.lines
    assert unkind.prove() == []


def test_one_request_and_a_sum_of_many_contradict_each_other_under_one_id() -> None:
    for first, second in ((usage(), aggregate(1, 5)), (aggregate(1, 5), usage())):
        ledger = Ledger()
        ledger.commit(first)
        assert answers(ledger.commit(second)) == (0, 0, 1)


def test_an_event_says_its_revision_only_with_counts() -> None:
    counts = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
    given_ = {"data__evidence": "aggregate", "data__revision": 3}
    read = UsageReader().read(body(data__usage=counts, **given_), NOW)
    assert (read.evidence, read.dimensions.revision) == (Evidence.AGGREGATE, 3)
    unnumbered = UsageReader().read(body(data__evidence="aggregate", data__usage=counts), NOW)
    assert unnumbered.dimensions.revision == 0
    unknown = UsageReader().read(body(data__tokens="absent", data__usage=..., **given_), NOW)
    assert (unknown.evidence, unknown.dimensions.revision) == (Evidence.ABSENT, None)
    one = UsageReader().read(body(data__revision=3), NOW)
    assert (one.evidence, one.dimensions.revision) == (Evidence.FULL, None)
