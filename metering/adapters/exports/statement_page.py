"""The printable statement: one HTML page without scripts or external resources."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from metering.adapters.exports.statement_view import notes_of, sections_of, shown
from metering.core.basics.instants import format_instant
from metering.core.billing.statement import Statement


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
        total=shown(statement.total, statement.currency),
        sections=list(sections_of(statement.lines, statement.currency)),
        notes=notes_of(statement),
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
