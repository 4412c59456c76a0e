"""The head as a store keeps it: readable JSON, money as integer strings of 10^-18."""

from typing import Final

from pydantic_core import from_json, to_json

from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.counts_document import counts_document, read_counts
from metering.core.ledger.head import Head, Holds, RateTotals
from metering.core.ledger.page import Diagnostics, rate_document, read_rate
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import by_name, from_names

SCHEMA: Final = 2


def write_head(head: Head) -> bytes:
    """Return a head as the bytes to store."""
    lines = [_line_document(rate, line) for rate, line in head.lines.items()]
    return to_json(
        {
            "schema": SCHEMA,
            "ledger": str(head.ledger),
            "pages": head.pages,
            "entries": head.entries,
            "last_hash": head.last_hash,
            "committed": head.committed,
            "next_at": head.next_at,
            "recent": head.recent,
            "lines": sorted(lines, key=lambda line: (line["model"] or "", line["row"] or "")),
            "holds": [
                {
                    "slot": slot,
                    "requests": held.requests,
                    "tokens": held.tokens,
                    "amount": str(held.amount),
                }
                for slot, held in sorted(head.holds.items())
            ],
            "counts": counts_document(head.counts),
            "diagnostics": {
                "duplicates": head.diagnostics.duplicates,
                "conflicts": head.diagnostics.conflicts,
            },
        }
    )


#: Counts that came later (2026-11-30): left out where they are zero, as in earlier documents.
_LATER: Final = ("recovered", "estimated")


def _line_document(rate: Rate, line: RateTotals) -> Document:
    amount = amount_of(rate, line.tokens)
    later = {name: count for name in _LATER if (count := getattr(line, name))}
    return {
        **rate_document(rate),
        "requests": line.requests,
        "not_billable": line.not_billable,
        "unpriced": line.unpriced,
        "missing": line.missing,
        "totals_only": line.totals_only,
        **later,
        "tokens": by_name(line.tokens),
        "amount": None if amount is None else str(amount),
    }


def read_head(document: Document, ledger: LedgerId) -> Head:
    """Return the head of `ledger` in a stored document; LedgerBroken for what cannot be it."""
    if document.get("schema") != SCHEMA:
        raise LedgerBroken(
            str(ledger), f"its head has schema {document.get('schema')}, not {SCHEMA}"
        )
    try:
        head = _head(document)
        again = from_json(write_head(head))
    except UNREADABLE_DOCUMENT as error:
        raise LedgerBroken(str(ledger), f"its head cannot be read: {error!r}") from None
    changed = any(document.get(name) != value for name, value in again.items())
    if changed or head.ledger != ledger:
        raise LedgerBroken(str(ledger), "its head is not as it was written")
    return head


def _head(document: Document) -> Head:
    seen = document["diagnostics"]
    return Head(
        ledger=LedgerId.parse(document["ledger"]),
        pages=_whole(document["pages"]),
        entries=_whole(document["entries"]),
        last_hash=document["last_hash"],
        committed=_whole(document["committed"]),
        recent=tuple((_whole(number), _whole(slot)) for number, slot in document["recent"]),
        lines={read_rate(line): _line(line) for line in document["lines"]},
        holds={
            _whole(held["slot"]): Holds(
                _whole(held["requests"]), _whole(held["tokens"]), int(held["amount"])
            )
            for held in document["holds"]
        },
        counts=read_counts(document["counts"]),
        diagnostics=Diagnostics(_whole(seen["duplicates"]), _whole(seen["conflicts"])),
    )


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _line(document: Document) -> RateTotals:
    return RateTotals(
        _whole(document["requests"]),
        _whole(document["not_billable"]),
        _whole(document["unpriced"]),
        _whole(document["missing"]),
        tuple(map(_whole, from_names(document["tokens"]))),
        _whole(document["totals_only"]),
        *(_whole(document.get(name, 0)) for name in _LATER),
    )
