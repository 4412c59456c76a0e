"""The printable statement: one HTML page without scripts or external resources."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from metering.core.basics.instants import format_instant
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


def statement_page(statement: Statement, *, is_draft: bool = False) -> str:
    """Return a statement as an HTML page with all values escaped."""
    period, own = statement.period, statement.billed[statement.ledger]
    return _template().render(
        is_draft=is_draft,
        tenant=statement.ledger.tenant,
        period=period.name,
        start=format_instant(period.start),
        end=format_instant(period.end),
        number=statement.number,
        plan=statement.plan,
        closed=format_instant(statement.closed),
        currency=statement.currency,
        total=_shown(statement.total, statement.currency),
        sections=list(_sections(statement)),
        notes=_notes(statement),
        provenance=", ".join(
            f"{rank.name.lower()} {count:,}" for rank, count in statement.provenance.items()
        ),
        versions=", ".join(statement.price_versions),
        ledger=str(statement.ledger),
        page=own.page,
        page_hash=own.hash,
        hash=statement.hash,
        previous=statement.previous,
    )


@cache
def _template() -> Template:
    pages = PackageLoader("metering.adapters.exports", "pages")
    environment = Environment(loader=pages, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("statement.html")


def _sections(statement: Statement) -> Iterable[dict[str, object]]:
    for title, caption, kinds in _SECTIONS:
        lines = [line for line in statement.lines if line.kind in kinds]
        if lines:
            yield {
                "title": title,
                "has_table": title not in _IN_THE_TOTAL_ALONE,
                "caption": caption,
                "lines": [_line(line, statement.currency) for line in lines],
                "amount": _shown(sum(line.rounded for line in lines), statement.currency),
            }


def _line(line: StatementLine, currency: str) -> dict[str, str]:
    quantity = None if line.unit == "period" else quantity_of(line)
    return {
        "title": _title(line),
        "note": _note(line),
        "quantity": f"{quantity:,}" if isinstance(quantity, int) else quantity or "",
        "price": _price(line),
        "exact": f"{format_amount(line.amount)} {currency}",
        "amount": _shown(line.rounded, currency),
    }


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


def _notes(statement: Statement) -> Sequence[str]:
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


def _shown(amount: Amount, currency: str) -> str:
    whole, dot, fraction = format_paid(amount, currency).partition(".")
    return f"{int(whole):,}{dot}{fraction}" if whole != "-0" else f"-0{dot}{fraction}"
