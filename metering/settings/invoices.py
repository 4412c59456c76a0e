"""Settings of invoices: the issuer on paper, numbers, due dates and taxes."""

import re
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import parse_month
from metering.settings.exports import DEFAULT_ISSUER
from metering.settings.setting import Environment, Setting

#: It ends with a letter or mark, so that no two series give the same number.
_SERIES: Final = re.compile(r"[A-Za-z0-9._-]{0,19}[A-Za-z._-]")
#: A year: longer terms are not payment terms.
MAX_PAYMENT_DAYS: Final = 365
DEFAULT_PAYMENT_DAYS: Final = 30
_MAX_LINES, _MAX_LINE, _MAX_TAX_ID, _MAX_NOTE = 8, 100, 40, 200
DEFAULT_NOTE: Final = "Reverse charge: the customer accounts for the tax."


class Invoicing(NamedTuple):
    """The values of these settings; the taxes as text, which `core/invoices/taxes.py` reads."""

    issuer: str = DEFAULT_ISSUER
    address: tuple[str, ...] = ()
    tax_id: str = ""
    series: str = ""
    since: Instant = 0
    payment_days: int = DEFAULT_PAYMENT_DAYS
    taxes: str = ""
    tax_rounding: str = "document"
    reverse_charge_note: str = DEFAULT_NOTE


def _line(limit: int, text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= limit or not text.isprintable():
        raise ValueError(f"has a line that is empty, longer than {limit} characters or unprintable")
    return text


def _address(text: str) -> tuple[str, ...]:
    lines = tuple(_line(_MAX_LINE, part) for part in text.split("|"))
    if len(lines) > _MAX_LINES:
        raise ValueError(f"has more than {_MAX_LINES} lines")
    return lines


def _series(text: str) -> str:
    if not _SERIES.fullmatch(text):
        raise ValueError(
            "is not 1 to 20 of A-Z a-z 0-9 . _ - with a letter or mark, and no digit, at its end"
        )
    return text


def _since(text: str) -> Instant:
    try:
        return parse_month(text).start
    except ValueError:
        raise ValueError("is not a month, such as 2026-11") from None


def _days(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or not 0 <= int(text[:4]) <= MAX_PAYMENT_DAYS:
        raise ValueError(f"is not a number of days up to {MAX_PAYMENT_DAYS}")
    return int(text[:4])


def _taxes(text: str) -> str:
    # The reader of taxes needs money: only those who set taxes wait for it.
    from metering.core.invoices.taxes import parse_taxes  # noqa: PLC0415

    parse_taxes(text)
    return text


def _rounding(text: str) -> str:
    if text not in {"document", "line"}:
        raise ValueError("is not one of document, line")
    return text


ADDRESS: Final[Setting[tuple[str, ...]]] = Setting(
    "METERING_ISSUER_ADDRESS",
    _address,
    (),
    "The address of the issuer on [invoices](statements.md#invoices), its lines separated by `|`.",
    "1 Example Street|10115 Berlin|Germany",
)
TAX_ID: Final = Setting(
    "METERING_ISSUER_TAX_ID",
    lambda text: _line(_MAX_TAX_ID, text),
    "",
    "The tax id of the issuer.",
    "DE123456789",
)
SERIES: Final = Setting(
    "METERING_INVOICE_SERIES",
    _series,
    "",
    "The beginning of the numbers of [invoices](statements.md#invoices). Once set, every closed"
    " period gets an invoice.",
    "INV-",
    "not set: no documents are issued",
)
SINCE: Final = Setting(
    "METERING_INVOICES_SINCE",
    _since,
    0,
    "The first month that gets invoices (UTC): statements of periods that ended before it are left"
    " out.",
    "2026-11",
    "all statements",
)
PAYMENT_DAYS: Final = Setting(
    "METERING_PAYMENT_DAYS",
    _days,
    DEFAULT_PAYMENT_DAYS,
    "The days between the date of an invoice and its due date.",
    "14",
    f"`{DEFAULT_PAYMENT_DAYS}`",
)
TAXES: Final = Setting(
    "METERING_TAXES",
    _taxes,
    "",
    "The taxes of invoices, with rates in percent, separated by commas. Each is on the net.",
    "VAT=20",
    "no tax",
)
TAX_ROUNDING: Final = Setting(
    "METERING_TAX_ROUNDING",
    _rounding,
    "document",
    "How tax is rounded, half to even: once for each tax of a document (`document`), or on each"
    " line (`line`).",
    "line",
    "`document`",
)
REVERSE_CHARGE_NOTE: Final = Setting(
    "METERING_REVERSE_CHARGE_NOTE",
    lambda text: _line(_MAX_NOTE, text),
    DEFAULT_NOTE,
    "The note on invoices of customers with a reverse charge, who are charged no tax.",
    "Steuerschuldnerschaft des Leistungsempfängers",
    f"`{DEFAULT_NOTE}`",
)
SETTINGS: Final = (
    *(SERIES, SINCE, ADDRESS, TAX_ID, PAYMENT_DAYS),
    *(TAXES, TAX_ROUNDING, REVERSE_CHARGE_NOTE),
)


def read_invoicing(given: Environment, issuer: str) -> Invoicing:
    """Return the settings of invoices of an issuer."""
    return Invoicing(
        issuer=issuer,
        address=ADDRESS.read(given),
        tax_id=TAX_ID.read(given),
        series=SERIES.read(given),
        since=SINCE.read(given),
        payment_days=PAYMENT_DAYS.read(given),
        taxes=TAXES.read(given),
        tax_rounding=TAX_ROUNDING.read(given),
        reverse_charge_note=REVERSE_CHARGE_NOTE.read(given),
    )
