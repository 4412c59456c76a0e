"""A digest as a mail: a subject, an HTML body and its plain-text alternative."""

from functools import cache
from typing import Final, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from metering.core.basics.money import format_read
from metering.core.digests.digest import Digest, Mover, percent_text, short
from metering.ports import Mail

_CAPTION: Final = "Amounts of requests at their prices, before allowances, tiers, fees and tax."


class _Row(NamedTuple):
    name: str
    spend: str
    change: str
    is_more: bool


def digest_mail(digest: Digest, issuer: str) -> Mail:
    """Return the mail of a digest; every name in it is escaped."""
    values = {
        "title": f"Usage in week {digest.week.name}",
        "audience": digest.audience,
        "issuer": issuer,
        "first": digest.week.first,
        "end": digest.week.end,
        "totals": [_row(one) for one in digest.totals],
        "movers": [_row(one) for one in digest.movers],
        "of": "Tenant" if digest.tenant is None else "Model",
        "forecasts": digest.forecasts,
        "near": digest.near,
        "unpriced": digest.unpriced,
        "faults": digest.faults,
        "caption": _CAPTION,
    }
    return Mail(
        subject=f"{short(issuer)}: usage of {digest.audience}, week {digest.week.name}",
        html=_templates().get_template("digest.html").render(values),
        text=_templates().get_template("digest.txt").render(values),
    )


def _row(one: Mover) -> _Row:
    spend = f"{format_read(one.spend, one.currency)} {one.currency}"
    return _Row(one.name or "Total", spend, percent_text(one), one.change > 0)


@cache
def _templates() -> Environment:
    pages = PackageLoader("metering.adapters.mail", "pages")
    return Environment(
        loader=pages,
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
