"""Unit economics: what an outcome costs, and which use cases ask for more than they need to.

The cost of a use case is what its entries come to: with markup and off-peak hours, before what is
computed over a period (allowance, tiers, fees) and without shares of capacity. It is set against
each of its outcomes whole: nobody knows which of two outcomes a request was for.

Costs and ratios are exact fractions. `shown` rounds them, half to even, and nothing else does.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from metering.core.basics.money import AMOUNT_DECIMALS, Amount, format_fixed
from metering.core.ledger.head import NOTHING, Line
from metering.core.plans.targets import Target
from metering.core.reports.breakdown import Outcomes, Row
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, TOKENS

#: How usage is to be grouped for this: outcomes have their name where usage has its model.
GROUPED_BY: Final = ("use_case", "model")
#: Above this share of its target a cost is near it, in per cent.
NEAR: Final = 80
#: Decimals of a cost as shown, in currency units: a request may cost less than a millionth.
COST_DECIMALS: Final = 9
#: Decimals of a ratio as shown.
RATIO_DECIMALS: Final = 4

_CACHED: Final = (INDEX["cached_read"], INDEX["cached_audio"])


class Status(StrEnum):
    """How a cost stands to its target. Stable: JSON has it."""

    ON_TARGET = "on_target"
    NEAR = "near"
    """Above 80 % of the target, and no more than it."""
    OVER = "over"
    NO_OUTCOMES = "no_outcomes"
    NO_TARGET = "no_target"
    UNKNOWN = "unknown"
    """What is known is within the target, and there is usage whose cost is not known."""


class OutcomeCost(NamedTuple):
    """One kind of outcome of a use case."""

    outcome: str | None
    """None where a use case has neither outcomes nor targets."""
    number: int
    cost: Fraction | None
    """Of one, in 10^-18 currency units; None without outcomes, or where no cost is known."""
    target: Target | None
    status: Status


class UseCase(NamedTuple):
    """What one use case used, what that cost, and what came of it."""

    name: str | None
    line: Line
    amount: Amount
    """What is known of the cost."""
    outcomes: tuple[OutcomeCost, ...]

    @property
    def is_at_least(self) -> bool:
        """Say whether more was used than its cost covers: without a price, or without counts."""
        return self.line.unpriced + self.line.missing > 0

    @property
    def input_tokens(self) -> int:
        """The tokens of all prompts."""
        return sum(self.line.tokens[INPUT_BUCKETS])

    @property
    def output_tokens(self) -> int:
        """The tokens of all answers, reasoning included."""
        return sum(self.line.tokens[TOKENS]) - self.input_tokens

    @property
    def cache_hit_ratio(self) -> Fraction | None:
        """What share of the tokens of prompts was read from a cache; None without any."""
        cached = sum(self.line.tokens[place] for place in _CACHED)
        return _ratio(cached, self.input_tokens)

    @property
    def output_ratio(self) -> Fraction | None:
        """Tokens of answers for each of a prompt; None without prompts."""
        return _ratio(self.output_tokens, self.input_tokens)

    @property
    def cost_per_request(self) -> Fraction | None:
        """What a billable request costs on average, in 10^-18; None where nothing is known."""
        if self.line.is_unknown:
            return None
        return _ratio(self.amount, self.line.requests - self.line.not_billable)


def _ratio(part: int, whole: int) -> Fraction | None:
    return Fraction(part, whole) if whole else None


def use_cases(
    usage: Iterable[Row], outcomes: Iterable[Outcomes], targets: Sequence[Target]
) -> list[UseCase]:
    """Return each use case that has usage, outcomes or a target; what has no name comes first.

    Usage and outcomes are grouped by GROUPED_BY.
    """
    lines: defaultdict[str | None, Line] = defaultdict(lambda: NOTHING)
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
    line: Line, amount: Amount, numbers: Mapping[str, int], targets: Mapping[str, Target]
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


def _status(line: Line, amount: Amount, number: int, target: Target | None) -> Status:
    if target is None:
        return Status.NO_TARGET
    if not number:
        return Status.NO_OUTCOMES
    allowed = target.cost_units * number
    if amount > allowed:
        # Whatever the rest costs, it takes nothing off.
        return Status.OVER
    if line.unpriced or line.missing:
        return Status.UNKNOWN
    return Status.NEAR if amount * 100 > allowed * NEAR else Status.ON_TARGET


def shown(value: Fraction, decimals: int) -> str:
    """Return a fraction as a decimal string of at most so many decimals, rounded half to even."""
    return format_fixed(round(value * 10**decimals), decimals)


def shown_cost(cost: Fraction) -> str:
    """Return a cost in 10^-18 as a decimal string in currency units, of COST_DECIMALS."""
    return shown(cost / 10**AMOUNT_DECIMALS, COST_DECIMALS)
