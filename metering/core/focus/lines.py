"""FOCUS rows of statement lines other than usage: one row for each line."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.billing.charge import WHOLE_UNITS
from metering.core.billing.statement import LineKind, StatementLine
from metering.core.calendars.periods import Period, parse_month
from metering.core.focus.row import (
    MILLION_TOKENS,
    MILLIONTHS,
    Category,
    Consumed,
    FocusRow,
    Frequency,
    Place,
    Priced,
    Provenance,
    Sku,
    decimal,
    unit_name,
)
from metering.core.focus.usage import Billed
from metering.core.prices.price_book import TOKEN


class _Shape(NamedTuple):
    """The FOCUS form of lines of one kind."""

    category: Category
    frequency: Frequency
    unit: str
    """The description if the line has none."""
    says: str
    meter: str | None = None
    """None if lines of this kind have no list price."""
    is_listed: bool = True
    """Whether the cost is the list price; if not, the usage rows carry it and it is zero here."""


#: All kinds of lines: an unknown kind stops the export here.
_SHAPES: Final[Mapping[LineKind, _Shape]] = {
    "allowance": _Shape("Credit", "Recurring", "Allowances", "usage that the plan includes"),
    "package": _Shape("Purchase", "One-Time", "Packages", "packages", "Packages", is_listed=False),
    "request_fee": _Shape("Usage", "Usage-Based", "Requests", "fee by request", "Requests"),
    "base_fee": _Shape("Purchase", "Recurring", "Periods", "base fee", "Base Fee"),
    "minimum": _Shape("Adjustment", "Recurring", "Periods", "what is missing to the minimum"),
    "ptu_share": _Shape(
        "Purchase", "Recurring", "Shares", "share of hourly cost", "Provisioned Capacity"
    ),
    "adjustment": _Shape("Adjustment", "One-Time", "Adjustments", "adjustment"),
    "carried_over": _Shape(
        "Adjustment", "One-Time", "Adjustments", "carried over from the statement before"
    ),
    "carried_forward": _Shape(
        "Adjustment", "One-Time", "Adjustments", "carried forward to the next statement"
    ),
    "credit": _Shape("Credit", "One-Time", "Credits", "paid from a grant"),
    "rounding": _Shape("Adjustment", "One-Time", "Adjustments", "rounding"),
}
#: Corrections of line kinds that are spread over usage rows when they are first charged.
_TOKENS: Final[Mapping[LineKind, _Shape]] = {
    "tier": _Shape("Usage", "Usage-Based", "Units", "priced by a tier", is_listed=False),
    "allowance": _Shape("Usage", "Usage-Based", "Units", "included tokens", is_listed=False),
}


def line_row(billed: Billed, number: int, line: StatementLine) -> FocusRow:
    """Return the row of a statement's line number `number` (from 0 on)."""
    shape, statement = _shape(line), billed.statement
    about = billed.about(line.charge_period)
    ledger = statement.ledger if about is None else about.ledger
    is_before = line.charge_period not in {None, statement.period.name}
    return FocusRow(
        ("line", number),
        shape.category,
        shape.frequency,
        _description(line, shape),
        _period(billed, line),
        _priced(line, shape),
        Provenance(
            line.kind,
            str(ledger),
            *statement.billed[ledger],
            line.term,
            line.model,
            line.bucket,
            line.channel,
            line.reference,
            line.author,
        ),
        _sku(line, shape, statement.plan if about is None else about.plan.id),
        _consumed(line),
        _place(line),
        is_correction=line.kind == "correction" or (line.kind == "adjustment" and is_before),
    )


def _shape(line: StatementLine) -> _Shape:
    if line.kind == "correction" and line.corrects is not None:
        spread = line.bucket is not None or line.corrects == "tier"
        return (_TOKENS if spread and line.corrects in _TOKENS else _SHAPES)[line.corrects]
    return _SHAPES[line.kind]


def _period(billed: Billed, line: StatementLine) -> Period:
    """Return the period that a line is for: one of the tenant's, or the UTC month of a share."""
    name = line.charge_period
    if name is None:
        return billed.statement.period
    if line.kind == "ptu_share":
        return parse_month(name)
    about = billed.about(name)
    if about is not None:
        return about.period
    return billed.periods.get(name) or billed.statement.period


def _description(line: StatementLine, shape: _Shape) -> str:
    before = "correction: " if line.kind == "correction" else ""
    named = " ".join(one for one in (line.model, line.bucket) if one)
    detail = line.reason or line.reference or line.term
    of = f"{named}: " if named else ""
    return f"{before}{of}{shape.says}" + (f" ({detail})" if detail else "")


def _priced(line: StatementLine, shape: _Shape) -> Priced:
    """Return quantity and price; a line without a quantity has one, or minus one for a deduction.

    FOCUS has no negative prices, so the quantity is negative instead.
    """
    quantity, price = line.quantity, line.unit_price
    if quantity is None or price is None:
        quantity, price = 1, line.amount
    if price < 0:
        quantity, price = -quantity, -price
    listed = price if shape.is_listed else 0
    if line.unit is None or line.unit in WHOLE_UNITS - {TOKEN}:
        unit = shape.unit if line.unit is None else unit_name(line.unit)
        return Priced(quantity, unit, price, listed)
    unit = MILLION_TOKENS if line.unit == TOKEN else unit_name(line.unit)
    return Priced(quantity, unit, price, listed, MILLIONTHS)


def _consumed(line: StatementLine) -> Consumed | None:
    """Return the consumed quantity; none if the usage rows carry it already."""
    if line.unit != "request" or line.quantity is None:
        return None
    return Consumed(decimal(line.quantity, 0), unit_name(line.unit))


def _sku(line: StatementLine, shape: _Shape, plan: str) -> Sku | None:
    if shape.meter is None:
        return None
    if line.kind == "ptu_share":
        of = {"x_Deployment": line.reference or "", "x_Month": line.charge_period or ""}
        price_id = "/".join(("provisioned", *of.values()))
        return Sku("provisioned-capacity", shape.meter, price_id, of)
    details = {"x_Plan": plan, "x_PlanTerm": line.term or ""}
    sku_id = f"plan/{line.corrects or line.kind}"
    return Sku(sku_id, shape.meter, f"plan/{plan}/{line.term}", details)


def _place(line: StatementLine) -> Place:
    if line.kind != "ptu_share":
        return Place()
    return Place(line.reference, None, line.reference, is_idle=line.term == "idle")
