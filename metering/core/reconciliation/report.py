"""The report of a reconciliation: every cell of either side, with its difference explained."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from metering.core.basics.money import Amount
from metering.core.prices.price_file import BILLED_AS
from metering.core.reconciliation.billed_usage import BilledUsage
from metering.core.reconciliation.cost_row import ONE, Exact, Sort
from metering.core.reconciliation.explain import (
    AMOUNT_SCALE,
    HARMLESS,
    BilledSide,
    LedgerSide,
    Part,
    Precision,
    Shift,
    Why,
    explain_amount,
    explain_tokens,
)
from metering.core.reconciliation.moves import Cell, Cells, moved_tokens
from metering.core.reconciliation.own_usage import OwnUsage, Place

#: Buckets billed under another meter if a model has no meter of its own for them.
_BILLED_AS: Final = {**BILLED_AS, "cache_write_long": "cache_write"}
_PERCENT: Final = 100


class Line(NamedTuple):
    """One cell of both sides."""

    sort: Sort
    day: str
    account: str | None
    deployment: str | None
    model: str | None
    metered: str
    """The bucket, or the meter's name for usage not counted in tokens."""
    meters: tuple[str, ...]
    our_tokens: int
    tokens: Exact
    """The billed amount, credits included."""
    our_amount: Exact
    cost: Exact
    parts: tuple[Part, ...]

    def remains(self, tolerance: Exact = 0) -> bool:
        """Say whether a difference remains beyond rounding, lateness and the tolerance.

        `tolerance` is a share of the larger side, integer of 10^-36 percent.
        """
        left = [part for part in self.parts if part.why not in HARMLESS]
        tokens = abs(sum(part.tokens for part in left))
        amount = abs(sum(part.amount for part in left))
        most_tokens = max(abs(self.our_tokens * ONE), abs(self.tokens))
        most_amount = max(abs(self.our_amount), abs(self.cost))
        if not tolerance:
            return bool(left)
        return (
            tokens * _PERCENT * ONE > most_tokens * tolerance
            or amount * _PERCENT * ONE > most_amount * tolerance
        )


class Report(NamedTuple):
    """The result of comparing an export with the ledgers."""

    currency: str
    first: str
    last: str
    lines: tuple[Line, ...]
    other_services: BilledSide


def report(
    billed: BilledUsage,
    own: OwnUsage,
    provisioned: Mapping[tuple[str, str | None], Amount],
    *,
    first: str,
    last: str,
    together: bool = False,
    currency: str,
) -> Report:
    """Return both sides cell by cell, in order.

    `provisioned` is the cost of provisioned units in the registry, by day and account. With
    `together` all accounts are compared as one.
    """
    places = _Places(billed, together=together)
    cells = _cells(places, billed, own)
    missing = _missing(places, own)
    moved = moved_tokens(cells, billed.precision, missing, first=first, last=last)
    lines = [
        _token_line(cell, sides, billed.precision, moved[cell])
        for cell, sides in cells.items()
        if first <= cell[0].day <= last
    ]
    lines.extend(_other_lines(places, billed, own, provisioned))
    ordered = sorted(lines, key=lambda line: tuple(part or "" for part in line[1:6]))
    return Report(currency, first, last, tuple(ordered), billed.other_services)


class _Places:
    """Maps the places of both sides to the detail that the export has."""

    def __init__(self, billed: BilledUsage, *, together: bool) -> None:
        self._billed = billed
        self._together = together
        self._only = min(billed.accounts) if len(billed.accounts) == 1 else None

    def account(self, account: str | None) -> str | None:
        """Return the account to compare; without one, the only account in the export."""
        return None if self._together else account or self._only

    def of(self, place: Place) -> Place:
        """Return the place to compare; by deployment if every row of its account names one."""
        account = self.account(place.account)
        named = not self._together and self._billed.names_deployments(account)
        return place._replace(account=account, deployment=place.deployment if named else None)

    def metered(self, model: str, bucket: str) -> str:
        """Return the meter that bills a bucket of a model."""
        for name in self._billed.metered.get(model, ()):
            if bucket in name.split("+"):
                return name
        instead = _BILLED_AS.get(bucket)
        return bucket if instead is None else self.metered(model, instead)


def _cells(places: _Places, billed: BilledUsage, own: OwnUsage) -> Cells:
    cells: defaultdict[Cell, tuple[LedgerSide, BilledSide]] = defaultdict(
        lambda: (LedgerSide(), BilledSide())
    )
    for place, ours in own.cells.items():
        for bucket, cell in ours.items():
            cells[places.of(place), places.metered(place.model, bucket)][0].add(cell)
    for place, theirs in billed.cells.items():
        for metered, billed_cell in theirs.items():
            cells[places.of(place), metered][1].add(billed_cell)
    return dict(cells)


def _missing(places: _Places, own: OwnUsage) -> dict[Place, int]:
    missing: defaultdict[Place, int] = defaultdict(int)
    for place, requests in own.missing.items():
        missing[places.of(place)] += requests
    return missing


def _token_line(
    cell: Cell, sides: tuple[LedgerSide, BilledSide], precision: Precision, moved: Shift
) -> Line:
    (place, metered), (ours, theirs) = cell, sides
    return Line(
        "tokens",
        place.day,
        place.account,
        place.deployment,
        place.model or None,
        metered,
        tuple(sorted(theirs.meters)),
        ours.tokens,
        theirs.tokens + theirs.credit_tokens,
        ours.amount * AMOUNT_SCALE,
        theirs.cost + theirs.credit,
        explain_tokens(ours, theirs, precision, moved),
    )


def _other_lines(
    places: _Places,
    billed: BilledUsage,
    own: OwnUsage,
    provisioned: Mapping[tuple[str, str | None], Amount],
) -> Iterator[Line]:
    """Yield the lines that are compared by amount only."""
    cells: defaultdict[tuple[Sort, str, str | None, str], tuple[LedgerSide, BilledSide]] = (
        defaultdict(lambda: (LedgerSide(), BilledSide()))
    )
    for (sort, day, account, name), theirs in billed.others.items():
        shown = name if sort == "unmapped" else sort
        of = None if sort == "marketplace" else places.account(account)
        cells[sort, day, of, shown][1].add(theirs)
    sides: tuple[tuple[Sort, Mapping[tuple[str, str | None], Amount]], ...] = (
        ("provisioned", provisioned),
        ("marketplace", own.marketplace),
    )
    for sort, amounts in sides:
        for (day, account), amount in amounts.items():
            # The marketplace does not name the account that used a model.
            of = None if sort == "marketplace" else places.account(account)
            cells[sort, day, of, sort][0].amount += amount
    for (sort, day, account, name), (ours, theirs) in cells.items():
        yield Line(
            sort,
            day,
            account,
            None,
            None,
            name,
            tuple(sorted(theirs.meters)),
            0,
            0,
            ours.amount * AMOUNT_SCALE,
            theirs.cost + theirs.credit,
            explain_amount(sort, ours, theirs, billed.precision),
        )


#: So many lines with one discount are no coincidence.
_ENOUGH_LINES: Final = 3
#: Percentages are compared in hundredths: what is agreed has no more decimals.
_HUNDREDTHS: Final = 100 * _PERCENT


def uniform_discount(report: Report) -> int | None:
    """Return what every unexplained price is below list price, in hundredths of a percent.

    None unless it is the same on all of at least three lines.
    """
    found = {
        (-2 * part.amount * _HUNDREDTHS + line.our_amount) // (2 * line.our_amount)
        for line in report.lines
        for part in line.parts
        if part.why is Why.PRICE and line.our_amount
    }
    lines = sum(any(part.why is Why.PRICE for part in line.parts) for line in report.lines)
    same = min(found) if len(found) == 1 and lines >= _ENOUGH_LINES else 0
    return same if same > 0 else None
