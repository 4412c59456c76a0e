"""A statement as people read it: the sections that its page and its PDF have in common."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from metering.core.basics.money import Amount, format_amount, format_paid
from metering.core.basics.wording import plural
from metering.core.billing.statement import LineKind, Statement, StatementLine
from metering.core.billing.statement_json import is_whole, quantity_of
from metering.core.prices.price_book import TOKEN

_MILLION: Final = 1_000_000


class _Section(NamedTuple):
    title: str
    caption: str
    kinds: tuple[LineKind, ...]


class ShownLine(NamedTuple):
    """One line as people read it."""

    title: str
    note: str
    quantity: str
    price: str
    exact: str
    amount: str


class ShownSection(NamedTuple):
    """Lines of one kind, and their sum."""

    title: str
    has_table: bool
    caption: str
    lines: list[ShownLine]
    amount: str


_SECTIONS: Final = (
    _Section(
        "Charges",
        "Usage, and the fees and discounts of the plan.",
        ("usage", "allowance", "tier", "package", "request_fee", "base_fee", "minimum"),
    ),
    _Section(
        "Provisioned capacity and hosting",
        "The tenant's allocated share of the hourly cost.",
        ("ptu_share",),
    ),
    _Section(
        "Corrections of earlier periods",
        "Changes since those periods were billed.",
        ("correction",),
    ),
    _Section("Adjustments", "Made by an operator.", ("adjustment", "carried_over")),
    _Section("Credits", "Paid from grants.", ("credit",)),
    _Section("Carried forward", "Deducted from the next statement.", ("carried_forward",)),
    _Section("Rounding", "The total is rounded once.", ("rounding",)),
)

_IN_THE_TOTAL_ALONE: Final = frozenset({"Carried forward", "Rounding"})
_IN_THE_PLAN: Final = frozenset({"allowance", "tier", "package"})

_TITLES: Final = {
    "request_fee": "Fee per request",
    "base_fee": "Base fee",
    "minimum": "Up to the minimum",
    "carried_over": "Carried over from the previous statement",
    "carried_forward": "Credit for the next statement",
    "rounding": "Rounding",
}


def sections_of(lines: Sequence[StatementLine], currency: str) -> Iterator[ShownSection]:
    """Yield the lines by section, in order; empty sections are left out."""
    for title, caption, kinds in _SECTIONS:
        own = [line for line in lines if line.kind in kinds]
        if own:
            yield ShownSection(
                title=title,
                has_table=title not in _IN_THE_TOTAL_ALONE,
                caption=caption,
                lines=[_line(line, currency) for line in own],
                amount=shown(sum(line.rounded for line in own), currency),
            )


def _line(line: StatementLine, currency: str) -> ShownLine:
    quantity = None if line.unit == "period" else quantity_of(line)
    return ShownLine(
        title=_title(line),
        note=_note(line),
        quantity=f"{quantity:,}" if isinstance(quantity, int) else quantity or "",
        price=_price(line),
        exact=f"{format_amount(line.amount)} {currency}",
        amount=shown(line.rounded, currency),
    )


def _title(line: StatementLine) -> str:
    kind = line.corrects or line.kind
    if kind in _TITLES:
        return _TITLES[kind]
    match line.kind:
        case "ptu_share":
            return f"{line.reference}, hours {line.term}"
        case "adjustment":
            return line.reason or ""
        case "credit":
            return f"Grant {line.reference}"
    what = [part for part in (line.model, line.bucket) if part]
    named = ", ".join(what) if what else line.term or kind
    return f"{kind.replace('_', ' ').capitalize()}: {named}" if kind != "usage" else named


def _note(line: StatementLine) -> str:
    parts = (
        ("of", line.charge_period),
        ("", line.reference if line.kind == "adjustment" else None),
        ("", line.reason if line.kind == "ptu_share" else None),
        ("by", line.author),
        ("under", line.term if (line.corrects or line.kind) in _IN_THE_PLAN else None),
    )
    return ", ".join(f"{word} {value}".strip() for word, value in parts if value)


def _price(line: StatementLine) -> str:
    if line.unit_price is None or line.unit == "period":
        return ""
    if line.unit == TOKEN:
        return f"{format_amount(line.unit_price * _MILLION)} / 1M tokens"
    scale = 1 if is_whole(line) else _MILLION
    return f"{format_amount(line.unit_price * scale)} / {line.unit}"


def notes_of(statement: Statement) -> Sequence[str]:
    """Return what was unsettled when the period closed."""
    unsettled = statement.open
    notes = (
        (unsettled.pending, "request", "with token counts still outstanding"),
        (unsettled.unpriced, "request", "without a price: counted, but not in the total"),
        (unsettled.missing, "request", "whose token counts never arrived: not in the total"),
        (unsettled.totals_only, "request", "counted from logs: all input at full price"),
        (statement.from_cache, "request", "answered from the gateway's cache: no charge"),
        (len(unsettled.uncollected), "earlier period", "with changes in another currency"),
    )
    return [f"{plural(number, noun)} {meaning}" for number, noun, meaning in notes if number]


def shown(amount: Amount, currency: str) -> str:
    """Return an amount in minor units for people, with thousands separated."""
    whole, dot, fraction = format_paid(amount, currency).partition(".")
    return f"{int(whole):,}{dot}{fraction}" if whole != "-0" else f"-0{dot}{fraction}"
