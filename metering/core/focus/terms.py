"""The terms of a plan, applied to the usage that they cover, as on the statement.

A statement has one line for each step of a tier and each model that an allowance covers; FOCUS
wants a separate row for each part of a charge that a term covers. So a count is split where a term
begins or ends, the earliest day first, and every part has its own price:

- allowance: free tokens have the price zero;
- tier: tokens in a step have the price of the step;
- package: tokens in packages have the price zero here, since packages are bought whole;
- usage: everything else has the price of the plan.

The parts add up to the lines of the statement; if they do not, nothing is exported.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.money import Amount
from metering.core.billing.statement import StatementLine
from metering.core.focus.usage import Count
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import TOKEN

type Term = Literal["usage", "allowance", "tier", "package", "replaced"]
type _Kind = tuple[str | None, str | None, str | None, str | None, Amount | None]


class Part(NamedTuple):
    """Part of a count, all of it under one term and at one price."""

    counted: Count
    term: Term
    name: str | None
    """The plan term, e.g. `tiers.0.steps.1`."""
    quantity: int
    unit_price: Amount
    """Integer of 10^-18."""


def is_spread(line: StatementLine) -> bool:
    """Say whether a line's amount is spread over usage rows instead of a row of its own."""
    is_tokens = line.kind == "allowance" and line.bucket is not None
    return is_tokens or line.kind in {"usage", "tier"}


def parts_of(counts: Sequence[Count], lines: Iterable[StatementLine], plan: Plan) -> list[Part]:
    """Return the counts of a period's own ledger, split by the terms on its statement.

    Raises InvariantBroken if they do not add up to the statement's lines.
    """
    spread = [line for line in lines if is_spread(line)]
    _must_match(counts, (line for line in spread if line.kind == "usage"), plan)
    if all(line.kind == "usage" for line in spread):
        return [_whole(count, plan) for count in counts]
    left = {count: count.quantity for count in counts}
    parts: Counter[tuple[Count, Term, str | None, Amount]] = Counter()
    for line in spread:
        if line.kind != "usage":
            for count, taken in _taken(left, line, plan):
                price = line.unit_price or 0 if line.kind == "tier" else 0
                parts[count, _term(line), line.term, price] += taken
    for count, rest in left.items():
        if rest:
            parts[_rest_of(count, plan)] += rest
    return [Part(*key[:3], quantity, key[3]) for key, quantity in parts.items()]


def corrected(counts: Sequence[Count], lines: Iterable[StatementLine], plan: Plan) -> list[Part]:
    """Return the changes of a ledger that was billed before; its terms have their own lines.

    Usage priced by tiers and packages has no price here. Raises InvariantBroken if the rest does
    not add up to the statement's usage corrections.
    """
    _must_match(counts, (line for line in lines if line.corrects == "usage"), plan)
    return [
        Part(count, "replaced", None, count.quantity, 0)
        if _is_replaced(count, plan)
        else Part(count, "usage", None, count.quantity, count.unit_price)
        for count in counts
    ]


def _term(line: StatementLine) -> Term:
    return "tier" if line.kind == "tier" else "allowance"


def _is_replaced(count: Count, plan: Plan) -> bool:
    rate = count.used.rate
    return rate.weights is None and plan.replaces(rate.model, count.bucket)


def _rest_of(count: Count, plan: Plan) -> tuple[Count, Term, str | None, Amount]:
    """Return the rest of a count after allowances and tiers have taken their parts."""
    if not _is_replaced(count, plan):
        return count, "usage", None, count.unit_price
    model, bucket = count.used.rate.model, count.bucket
    for number, package in enumerate(plan.packages):
        if package.covers(model, bucket):
            return count, "package", f"packages.{number}", 0
    raise InvariantBroken(f"{model} {bucket}: the statement has no tier for some of it")


def _whole(count: Count, plan: Plan) -> Part:
    """Return all of a count that no allowance or tier takes from."""
    _, term, name, price = _rest_of(count, plan)
    return Part(count, term, name, count.quantity, price)


def _taken(left: dict[Count, int], line: StatementLine, plan: Plan) -> Iterable[tuple[Count, int]]:
    """Yield the part of each count that a line covers, the earliest first, and deduct it."""
    wanted = abs(line.quantity or 0)
    covers = _tier_cover(line, plan) if line.kind == "tier" else _allowance_cover(line, plan)
    for count, there in left.items():
        taken = min(wanted, there)
        if taken and count.used.rate.weights is None and covers(count):
            left[count] -= taken
            wanted -= taken
            yield count, taken
    if wanted:
        raise InvariantBroken(f"{line.term}: {wanted} {line.unit} more than the pages have")


def _tier_cover(line: StatementLine, plan: Plan) -> Callable[[Count], bool]:
    tier = plan.tiers[int((line.term or "").split(".")[1])]
    return lambda count: (
        count.used.rate.unit == line.unit and tier.covers(count.used.rate.model, count.bucket)
    )


def _allowance_cover(line: StatementLine, plan: Plan) -> Callable[[Count], bool]:
    """Match tokens of any price if a tier prices them: the allowance's line names no price."""
    place = line.model, line.bucket, TOKEN, line.channel
    any_price = plan.replaces(line.model, line.bucket or "")

    def covers(count: Count) -> bool:
        rate = count.used.rate
        return (rate.model, count.bucket, rate.unit, rate.channel) == place and (
            any_price or count.unit_price == line.unit_price
        )

    return covers


def _must_match(counts: Iterable[Count], lines: Iterable[StatementLine], plan: Plan) -> None:
    """Require that pages and statement agree on the usage at each price."""
    found: Counter[_Kind] = Counter()
    for count in counts:
        if not _is_replaced(count, plan):
            rate = count.used.rate
            found[rate.model, count.bucket, rate.unit, rate.channel, count.unit_price] += (
                count.quantity
            )
    for line in lines:
        found[line.model, line.bucket, line.unit, line.channel, line.unit_price] -= (
            line.quantity or 0
        )
    for kind, rest in found.items():
        if rest:
            raise InvariantBroken(f"{kind}: pages and statement differ by {rest}")
