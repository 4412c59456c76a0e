"""Unit economics: what an outcome costs, to the last digit, and where it stands to its target."""

from fractions import Fraction

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import parse_amount
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import read_plan
from metering.core.plans.targets import Target
from metering.core.reports.breakdown import Outcomes, Row
from metering.core.reports.unit_economics import Status, UseCase, shown, shown_cost, use_cases
from tests.builders import a_line

SUPPORT = "support"
RESOLVED = "ticket_resolved"


def row(
    line: RateTotals, amount: str | None, model: str = "gpt-4o", use_case: str | None = SUPPORT
) -> Row:
    return Row((use_case, model), line, None if amount is None else parse_amount(amount))


def came(number: int, outcome: str = RESOLVED, use_case: str = SUPPORT) -> Outcomes:
    return Outcomes((use_case, outcome), number)


def target(cost: str, outcome: str = RESOLVED, use_case: str = SUPPORT) -> Target:
    return Target(use_case=use_case, outcome=outcome, cost=cost)


def one(rows: list[Row], *outcomes: Outcomes, targets: tuple[Target, ...] = ()) -> UseCase:
    (found,) = use_cases(rows, outcomes, targets)
    return found


def test_an_outcome_costs_all_that_its_use_case_used_by_any_model_and_meter() -> None:
    rows = [
        row(a_line(3, input=1000, cached_read=500, output=300), "1.2"),
        row(a_line(2, quantity=5_000_000), "0.3", model="search"),
    ]
    found = one(rows, came(40))
    # (1.2 + 0.3) / 40 = 0.0375
    assert found.outcomes[0].cost == Fraction(375 * 10**14)
    assert shown_cost(found.outcomes[0].cost or Fraction()) == "0.0375"
    # 1.5 / 5 requests
    assert shown_cost(found.cost_per_request or Fraction()) == "0.3"
    # 500 of 1,500 tokens of prompts; 300 of answers to 1,500 of prompts.
    assert found.cache_hit_ratio == Fraction(1, 3)
    assert found.output_ratio == Fraction(1, 5)
    assert (found.input_tokens, found.output_tokens) == (1500, 300)


def test_cached_audio_is_a_hit_and_what_is_written_to_a_cache_is_none() -> None:
    prompts = a_line(
        1, input=10, cached_read=20, cached_audio=30, cache_write=25, cache_write_long=15
    )
    answers = a_line(1, output=5, reasoning=45, output_audio=50)
    found = one([row(prompts, "1"), row(answers, "1", model="other")])
    # 20 + 30 of 100 tokens of prompts; 5 + 45 + 50 of answers to them.
    assert (found.cache_hit_ratio, found.output_ratio) == (Fraction(1, 2), Fraction(1))


@pytest.mark.parametrize(
    ("amount", "status"),
    [
        # 40 outcomes at a target of 0.05 may cost 2; near is above 80 % of that, 1.6.
        ("1.6", Status.ON_TARGET),
        ("1.600000000000000001", Status.NEAR),
        ("2", Status.NEAR),
        ("2.000000000000000001", Status.OVER),
    ],
)
def test_a_status_changes_exactly_at_its_bound(amount: str, status: Status) -> None:
    found = one([row(a_line(1), amount)], came(40), targets=(target("0.05"),))
    assert found.outcomes[0].status is status


@pytest.mark.parametrize("flags", [(0, 1, 0), (0, 0, 1)])
def test_a_cost_that_is_known_in_part_is_at_least_that_and_never_on_target(
    flags: tuple[int, int, int],
) -> None:
    rows = [row(a_line(2, input=100), "1"), row(a_line(1, flags=flags), None, model="gpt-99")]
    found = one(rows, came(10), targets=(target("0.2"), target("0.05", "ticket_closed")))
    closed, resolved = found.outcomes
    assert found.is_at_least
    assert (resolved.status, shown_cost(resolved.cost or Fraction())) == (Status.UNKNOWN, "0.1")
    assert closed.status is Status.NO_OUTCOMES
    # What is known is more than the target allows: what is not can only add to it.
    over = one(rows, came(10), targets=(target("0.09"),))
    assert over.outcomes[0].status is Status.OVER


def test_where_nothing_has_a_known_cost_none_is_said() -> None:
    found = one([row(a_line(2, flags=(0, 2, 0)), None)], came(10), targets=(target("1"),))
    assert (found.outcomes[0].cost, found.cost_per_request) == (None, None)
    assert found.outcomes[0].status is Status.UNKNOWN


def test_each_outcome_of_a_use_case_is_set_against_all_of_its_cost() -> None:
    found = one(
        [row(a_line(1), "6")],
        *(came(2, "escalated"), came(3)),
        targets=(target("2"), target("1", "never_seen")),
    )
    told = [(of.outcome, of.number, of.cost, of.status) for of in found.outcomes]
    # 6 / 2 and 6 / 3
    assert told == [
        ("escalated", 2, 3 * 10**18, Status.NO_TARGET),
        ("never_seen", 0, None, Status.NO_OUTCOMES),
        (RESOLVED, 3, 2 * 10**18, Status.NEAR),
    ]


def test_every_use_case_is_told_whether_it_has_usage_outcomes_or_a_target_alone() -> None:
    refused = row(a_line(1, flags=(1, 0, 0)), "0", use_case=None)
    found = use_cases([refused], [came(1, use_case="sales")], [target("1", use_case="code")])
    assert [(case.name, case.outcomes[0].outcome, case.outcomes[0].status) for case in found] == [
        (None, None, Status.NO_TARGET),
        ("code", RESOLVED, Status.NO_OUTCOMES),
        ("sales", RESOLVED, Status.NO_TARGET),
    ]
    assert [case.cost_per_request for case in found] == [None, None, None]
    assert [case.cache_hit_ratio or case.output_ratio for case in found] == [None, None, None]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 3), "0.3333"),
        (Fraction(2, 3), "0.6667"),
        # Half to even.
        (Fraction(12345, 100_000), "0.1234"),
        (Fraction(12355, 100_000), "0.1236"),
        (Fraction(2), "2"),
    ],
)
def test_a_ratio_is_rounded_once_and_half_to_even(value: Fraction, text: str) -> None:
    assert shown(value, 4) == text


@pytest.mark.parametrize(
    ("targets", "complaint"),
    [
        ([{"use_case": "a", "outcome": "b", "cost": "0"}], r"targets.0.cost: .*is zero"),
        ([{"use_case": "a", "outcome": "b", "cost": 0.5}], r"targets.0.cost: .*quoted"),
        ([{"use_case": "a", "cost": "1"}], r"targets.0.outcome"),
        ([{"use_case": "a", "outcome": "b", "cost": "1"}] * 2, r"targets.1: .*targets.0"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused_by_name(
    targets: list[object], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_plan("plan.yaml", {"id": "p", "targets": targets})
