"""Holds the product's statements against the model's, and makes what differs small."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from tests.model.expected import Account, Bill
from tests.model.scenario import Close, Scenario

#: In which the documentation lists them.
KIND_ORDER = (
    *("usage", "allowance", "tier", "package", "allowance", "request_fee", "base_fee", "minimum"),
    *("correction", "adjustment", "carried_over", "credit", "carried_forward", "rounding"),
)
_NUMBERS = ("quantity", "unit_price", "amount", "rounded")
_NAMES = (
    *("kind", "term", "model", "bucket", "unit", "channel", "charge_period", "corrects"),
    "reference",
)
#: Tries of `smallest`.
_TRIES = 100

type Play = Callable[[Scenario], Awaitable[list[dict[str, Any]]]]


async def difference(scenario: Scenario, play: Play) -> str | None:
    """Return the first difference between product and model for people; None without any."""
    found = await play(scenario)
    account = Account(scenario).play()
    for bill, statement in zip(account.bills, found, strict=False):
        differs = list(_differences(bill, statement, scenario.currency))
        if differs:
            return f"statement {bill.number}, {bill.period}:\n    " + "\n    ".join(differs)
    expected, written = len(account.bills), len(found)
    return None if expected == written else f"{written} statements, {expected} expected"


def _differences(bill: Bill, statement: Mapping[str, Any], currency: str) -> Iterator[str]:
    carried = Fraction(statement["carried"].get(currency, "0"))
    whole = (
        ("period", bill.period, statement["period"]),
        ("number", bill.number, statement["number"]),
        ("total", bill.total, Fraction(statement["total"])),
        ("carried", bill.carried, carried),
    )
    for name, expected, found in whole:
        if expected != found:
            yield f"{name}: {found}, expected {expected}"
    mine = Counter(
        (
            *(getattr(line, name) for name in _NAMES),
            line.quantity,
            line.unit_price,
            line.amount,
            shown,
        )
        for line, shown in zip(bill.lines, bill.shown, strict=True)
    )
    theirs = Counter(map(_line, statement["lines"]))
    yield from (f"line not expected: {_told(line)}" for line in theirs - mine)
    yield from (f"line missing: {_told(line)}" for line in mine - theirs)
    kinds = [line["kind"] for line in statement["lines"]]
    if not _is_in_order(kinds):
        yield f"lines in another order: {kinds}"


def _is_in_order(kinds: Sequence[str]) -> bool:
    left = iter(KIND_ORDER)
    at = None
    return all(kind == at or (at := next((k for k in left if k == kind), None)) for kind in kinds)


def _line(line: Mapping[str, Any]) -> tuple[Any, ...]:
    numbers = (None if line[name] is None else Fraction(line[name]) for name in _NUMBERS)
    return *(line[name] for name in _NAMES), *numbers


def _told(line: tuple[Any, ...]) -> str:
    names = (*_NAMES, *_NUMBERS)
    return " ".join(
        f"{name}={value}" for name, value in zip(names, line, strict=True) if value is not None
    )


async def smallest(scenario: Scenario, play: Play) -> Scenario:
    """Return a scenario that still differs, without what it does not need."""
    tries = _TRIES
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _without_a_part(scenario):
            tries -= 1
            if not tries:
                return scenario
            if await _differs(candidate, play):
                scenario, is_smaller = candidate, True
                break
    return scenario


async def _differs(scenario: Scenario, play: Play) -> bool:
    try:
        return await difference(scenario, play) is not None
    except Exception:  # noqa: BLE001, a scenario that is refused shows nothing
        return False


def _without_a_part(scenario: Scenario) -> Iterator[Scenario]:
    steps, half = scenario.steps, len(scenario.steps) // 2
    if half:
        yield replace(scenario, steps=steps[half:])
    if len(scenario.plans) > 1:
        yield replace(scenario, plans=scenario.plans[:1])
    for number, step in enumerate(steps):
        if not isinstance(step, Close) or step is not steps[-1]:
            yield replace(scenario, steps=(*steps[:number], *steps[number + 1 :]))
    for version, (start, terms) in enumerate(scenario.plans):
        for name in terms.keys() - {"id", "currency", "charge_by", "total_token_price_per_million"}:
            fewer = {key: value for key, value in terms.items() if key != name}
            plans = (*scenario.plans[:version], (start, fewer), *scenario.plans[version + 1 :])
            yield replace(scenario, plans=plans)
