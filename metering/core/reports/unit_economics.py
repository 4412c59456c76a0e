"""Unit economics: the cost of an outcome, and the use cases that exceed their targets.

The cost of a use case is the sum of its entries: with markup and off-peak hours, but without terms
that apply to a whole period (allowance, tiers, fees) and without shares of capacity. Each kind of
outcome is set against the whole cost, since the purpose of a single request is not known.

Costs and ratios are exact fractions. `shown` rounds them, half to even, and nothing else does.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from metering.core.basics.money import AMOUNT_DECIMALS, Amount, format_fixed
from metering.core.ledger.head import NOTHING, RateTotals
from metering.core.ledger.target_mark import TargetMark
from metering.core.plans.targets import Target
from metering.core.reports.breakdown import Outcomes, Row
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, TOKENS

#: The grouping of usage for this report; an outcome's name takes the place of the model.
GROUPED_BY: Final = ("use_case", "model")
#: A cost above this percentage of its target is near it.
NEAR: Final = 80
#: Decimals of a displayed cost, in currency units: a request may cost less than a millionth.
COST_DECIMALS: Final = 9
#: Decimals of a displayed ratio.
RATIO_DECIMALS: Final = 4

_CACHED: Final = (INDEX["cached_read"], INDEX["cached_audio"])


class Status(StrEnum):
    """A cost compared with its target. Stable: the text is in JSON."""

    ON_TARGET = "on_target"
    NEAR = "near"
    """Above 80 % of the target and at most 100 %."""
    OVER = "over"
    NO_OUTCOMES = "no_outcomes"
    NO_TARGET = "no_target"
    UNKNOWN = "unknown"
    """The known cost is within the target, but some usage has no known cost."""


class OutcomeCost(NamedTuple):
    """One kind of outcome of a use case."""

    outcome: str | None
    """None if the use case has neither outcomes nor targets."""
    number: int
    cost: Fraction | None
    """The cost of one, in 10^-18 currency units; None without outcomes or a known cost."""
    target: Target | None
    status: Status


class UseCase(NamedTuple):
    """The usage, cost and outcomes of one use case."""

    name: str | None
    line: RateTotals
    amount: Amount
    """The known cost."""
    outcomes: tuple[OutcomeCost, ...]

    @property
    def is_at_least(self) -> bool:
        """Say whether some usage has no known cost, for lack of a price or counts."""
        return self.line.unpriced + self.line.missing > 0

    @property
    def input_tokens(self) -> int:
        """The input tokens of all requests."""
        return sum(self.line.tokens[INPUT_BUCKETS])

    @property
    def output_tokens(self) -> int:
        """The output tokens of all requests, reasoning included."""
        return sum(self.line.tokens[TOKENS]) - self.input_tokens

    @property
    def cache_hit_ratio(self) -> Fraction | None:
        """The share of input tokens read from a cache; None without input tokens."""
        cached = sum(self.line.tokens[place] for place in _CACHED)
        return _ratio(cached, self.input_tokens)

    @property
    def output_ratio(self) -> Fraction | None:
        """Output tokens per input token; None without input tokens."""
        return _ratio(self.output_tokens, self.input_tokens)

    @property
    def cost_per_request(self) -> Fraction | None:
        """The average cost of a billable request, in 10^-18; None if no cost is known."""
        if self.line.is_unknown:
            return None
        return _ratio(self.amount, self.line.requests - self.line.not_billable)


def _ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole > 0 else None


def use_cases(
    usage: Iterable[Row], outcomes: Iterable[Outcomes], targets: Sequence[Target]
) -> list[UseCase]:
    """Return each use case that has usage, outcomes or a target; the unnamed one comes first.

    Usage and outcomes are grouped by GROUPED_BY.
    """
    lines: defaultdict[str | None, RateTotals] = defaultdict(lambda: NOTHING)
    amounts: defaultdict[str | None, Amount] = defaultdict(int)
    for row in usage:
        name = row.group[0]
        lines[name] = lines[name].plus(row.line)
        amounts[name] += row.amount or 0
    came_about: defaultdict[str | None, dict[str, int]] = defaultdict(dict)
    for (name, outcome), number in outcomes:
        came_about[name][outcome or ""] = number
    wanted: defaultdict[str | None, dict[str, Target]] = defaultdict(dict)
    for target in targets:
        wanted[target.use_case][target.outcome] = target
    return [
        UseCase(
            name,
            lines[name],
            amounts[name],
            _costs(lines[name], amounts[name], came_about[name], wanted[name]),
        )
        for name in sorted(
            lines.keys() | came_about.keys() | wanted.keys(),
            key=lambda name: (name is not None, name or ""),
        )
    ]


def _costs(
    line: RateTotals, amount: Amount, numbers: Mapping[str, int], targets: Mapping[str, Target]
) -> tuple[OutcomeCost, ...]:
    names: list[str] = sorted(numbers.keys() | targets.keys())
    if not names:
        return (OutcomeCost(None, 0, None, None, Status.NO_TARGET),)
    return tuple(
        OutcomeCost(
            name,
            number := numbers.get(name, 0),
            None if line.is_unknown else _ratio(amount, number),
            target := targets.get(name),
            _status(line, amount, number, target),
        )
        for name in names
    )


def _status(line: RateTotals, amount: Amount, number: int, target: Target | None) -> Status:
    if target is None:
        return Status.NO_TARGET
    if number <= 0:
        return Status.NO_OUTCOMES
    allowed = target.cost_units * number
    if amount > allowed:
        # Usage of unknown cost can only add to it.
        return Status.OVER
    if line.unpriced or line.missing:
        return Status.UNKNOWN
    return Status.NEAR if amount * 100 > allowed * NEAR else Status.ON_TARGET


def passed_targets(cases: Iterable[UseCase]) -> list[TargetMark]:
    """Return the outcomes that cost more than their targets, as they are marked in a ledger."""
    return [
        TargetMark(
            one.target.use_case, one.target.outcome, one.target.cost_units, case.amount, one.number
        )
        for case in cases
        for one in case.outcomes
        if one.target is not None and one.status is Status.OVER
    ]


def shown(value: Fraction, decimals: int) -> str:
    """Return a fraction as a decimal string with at most so many decimals, rounded half to even."""
    return format_fixed(round(value * 10**decimals), decimals)


def shown_cost(cost: Fraction) -> str:
    """Return a cost in 10^-18 as a decimal string in currency units, of COST_DECIMALS."""
    return shown(cost / 10**AMOUNT_DECIMALS, COST_DECIMALS)
