"""The head as a store keeps it: readable JSON, money as integer strings of 10^-18."""

import base64
import zlib
from typing import Final

from pydantic_core import from_json, to_json

from metering.core.basics.documents import (
    UNREADABLE_DOCUMENT,
    Document,
    check_schema,
    exact_counts,
    exact_values,
    read_whole,
)
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.counts_document import (
    counts_document,
    holds_document,
    read_counts,
    read_holds,
)
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.page import Diagnostics, rate_document, read_rate
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import by_name, from_names

SCHEMA: Final = 2
#: Lines that a head keeps readable. A line takes 700 bytes, compressed less than a tenth, and a
#: price book has thousands of rows, each of which may make one.
MAX_PLAIN_LINES: Final = 100


def write_head(head: Head) -> bytes:
    """Return a head as the bytes to store; many lines are compressed."""
    document = _document(head)
    if len(document["lines"]) > MAX_PLAIN_LINES:
        packed = zlib.compress(to_json(document.pop("lines")), level=6)
        document["packed_lines"] = base64.b64encode(packed).decode()
    return to_json(document)


def _unpacked(document: Document) -> Document:
    """Return a stored head with its lines as they were before they were compressed."""
    if "packed_lines" not in document:
        return document
    lines = from_json(zlib.decompress(base64.b64decode(document["packed_lines"], validate=True)))
    return {**document, "lines": lines}


def _document(head: Head) -> Document:
    lines = [_line_document(rate, line) for rate, line in head.lines.items()]
    segments = {"segments": head.segments} if head.segments else {}
    return {
        "schema": SCHEMA,
        **segments,
        "segment_bytes": head.segment_bytes,
        "ledger": str(head.ledger),
        "pages": head.pages,
        "entries": head.entries,
        "last_hash": head.last_hash,
        "committed": head.committed,
        "next_at": head.next_at,
        "recent": head.recent,
        "lines": sorted(lines, key=lambda line: (line["model"] or "", line["row"] or "")),
        "holds": holds_document(head.holds),
        "counts": counts_document(head.counts),
        "diagnostics": {
            "duplicates": head.diagnostics.duplicates,
            "conflicts": head.diagnostics.conflicts,
        },
    }


#: Counts that came later (2026-11-30): left out where they are zero, as in earlier documents.
_LATER: Final = ("from_cache", "recovered", "estimated", "aggregates")


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
        "tokens": exact_counts(by_name(line.tokens)),
        "amount": None if amount is None else str(amount),
    }


def read_head(document: Document, ledger: LedgerId) -> Head:
    """Return the head of `ledger` in a stored document; LedgerBroken for what cannot be it.

    NewerVersionError when a newer version wrote it.
    """
    try:
        check_schema(document, SCHEMA, f"ledger {ledger}: its head")
    except ValueError as fault:
        raise LedgerBroken(str(ledger), f"its head {fault}") from None
    try:
        document = _unpacked(document)
        head = _head(document)
        again = from_json(to_json(_document(head)))
        # An estimate, which earlier versions did not write.
        del again["segment_bytes"]
    except (*UNREADABLE_DOCUMENT, zlib.error) as error:
        raise LedgerBroken(str(ledger), f"its head cannot be read: {error!r}") from None
    # A number is as good as its text: earlier versions wrote any count as a number.
    changed = any(
        found != value and exact_values(found) != value
        for found, value in ((document.get(name), value) for name, value in again.items())
    )
    if changed or head.ledger != ledger:
        raise LedgerBroken(str(ledger), "its head is not as it was written")
    return head


def _head(document: Document) -> Head:
    seen = document["diagnostics"]
    return Head(
        ledger=LedgerId.parse(document["ledger"]),
        segments=tuple(map(read_whole, document.get("segments", ()))),
        segment_bytes=read_whole(document.get("segment_bytes", _estimate(document))),
        pages=read_whole(document["pages"]),
        entries=read_whole(document["entries"]),
        last_hash=document["last_hash"],
        committed=read_whole(document["committed"]),
        recent=tuple((read_whole(number), read_whole(slot)) for number, slot in document["recent"]),
        lines={read_rate(line): _line(line) for line in document["lines"]},
        holds=read_holds(document["holds"]),
        counts=read_counts(document["counts"]),
        diagnostics=Diagnostics(read_whole(seen["duplicates"]), read_whole(seen["conflicts"])),
    )


def _estimate(document: Document) -> int:
    """Return the bytes of a ledger's pages at most, from their number and that of the entries."""
    return int(document["pages"]) * 1_400 + int(document["entries"]) * 250


def _line(document: Document) -> RateTotals:
    return RateTotals(
        read_whole(document["requests"]),
        read_whole(document["not_billable"]),
        read_whole(document["unpriced"]),
        read_whole(document["missing"]),
        from_names({name: read_whole(n) for name, n in document["tokens"].items()}),
        read_whole(document["totals_only"]),
        *(read_whole(document.get(name, 0)) for name in _LATER),
    )
