"""The mark of a passed target: an outcome was found to cost more than the target of a plan.

The cost of an outcome is a sum over pages, not a total of the head. So the timer that finds it
writes the mark in a page of its own, and what follows from the pages stays all that effects tell.
"""

import json
from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.core.basics.money import (
    AMOUNT_DECIMALS,
    Amount,
    format_amount,
    format_fixed,
    parse_amount,
)
from metering.core.basics.wording import plural

#: Marks of a period: names may have 256 characters, and each page of a change has all marks.
#: Further targets that are passed are told to nobody: reports of unit costs show them.
MAX_MARKS: Final = 32
#: Marks found at once, since a transaction takes a hundred operations: the next run finds more.
MAX_FOUND: Final = 16
#: Decimals of the cost of one outcome, in currency units, as in reports of unit costs.
_COST_DECIMALS: Final = 9
_COST_UNIT: Final = 10 ** (AMOUNT_DECIMALS - _COST_DECIMALS)


class TargetMark(NamedTuple):
    """A target, and what its outcomes cost when they were found to exceed it; amounts in 10^-18."""

    use_case: str
    outcome: str
    target: Amount
    """The highest acceptable cost of one outcome."""
    amount: Amount
    """The known cost of the use case in the period."""
    number: int
    """Its outcomes, at least one."""

    @property
    def key(self) -> tuple[str, str, Amount]:
        """The subject of one notice a period: another target of the same outcome is told again."""
        return self.use_case, self.outcome, self.target

    @property
    def cost(self) -> str:
        """The cost of one outcome in currency units, rounded up: it never looks like the target."""
        return format_fixed(-(-self.amount // (self.number * _COST_UNIT)), _COST_DECIMALS)


def with_passed(
    marks: Iterable[TargetMark],
    passed: Iterable[TargetMark],
    in_force: Iterable[tuple[str, str, Amount]],
) -> tuple[TargetMark, ...]:
    """Return the marks of a period with targets newly found passed, without those not in force."""
    wanted = set(in_force)
    kept = {one.key: one for one in marks if one.key in wanted}
    found = [one for one in passed if one.key not in kept]
    room = min(MAX_FOUND, MAX_MARKS - len(kept))
    return tuple(sorted([*kept.values(), *found[:room]]))


def target_detail(mark: TargetMark) -> str:
    """Return what an effect tells of a passed target, as JSON."""
    found = {
        "amount": format_amount(mark.amount),
        "cost": mark.cost,
        "outcome": mark.outcome,
        "outcomes": mark.number,
        "target": format_amount(mark.target),
        "use_case": mark.use_case,
    }
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def describe_target(detail: str) -> str:
    """Return the text of such an effect, with the currency where it is known."""
    found = json.loads(detail)
    target, amount = parse_amount(found["target"]), parse_amount(found["amount"])
    mark = TargetMark(found["use_case"], found["outcome"], target, amount, found["outcomes"])
    return target_passed(mark, found.get("currency", ""))


def target_passed(mark: TargetMark, currency: str) -> str:
    """Return a mark as a sentence for people."""
    unit = f" {currency}" if currency else ""
    # As literals: the names come from a plan, and a line break in one must not start a line.
    return (
        f"target passed: {mark.outcome!r} of use case {mark.use_case!r} costs {mark.cost}{unit}"
        f" ({plural(mark.number, 'outcome')} for {format_amount(mark.amount)}{unit}), more than"
        f" {format_amount(mark.target)}"
    )
