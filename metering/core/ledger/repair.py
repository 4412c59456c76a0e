"""Restores counts of pages that a store of 64-bit floats has rounded.

Until 2026-11-30 counts of 2^53 and more were written as JSON numbers. What they were follows from
the rest of the page: an amount is a count times its unit price, and an entry's digest covers the
counts. The page's own hash proves the result.
"""

import hashlib
import math
from collections.abc import Callable, Iterable
from typing import Any

from pydantic_core import to_json

from metering.core.basics.documents import EXACT, Document
from metering.core.basics.errors import LedgerBroken
from metering.core.calendars.periods import LedgerId, slot_start
from metering.core.ledger.page import Page, read_page
from metering.core.usage.buckets import QUANTITY, by_position, from_names
from metering.core.usage.usage import Dimensions, content_of

#: Bytes of an entry's digest, as hexadecimal digits.
_DIGITS_A_BYTE = 2


def restored(document: Document, ledger: LedgerId) -> Page | None:
    """Return the page that a rounded document was; None if its hash does not prove the result."""
    counts = document["columns"]["buckets"].get(QUANTITY, [])
    rounded = [row for row, count in enumerate(counts) if _is_rounded(count)]
    exact_counts = list(counts)
    for row in rounded:
        found = _exact(document, row)
        if found is None:
            return None
        exact_counts[row] = found
    restored_counts = {QUANTITY: exact_counts} if rounded else {}
    buckets = {**document["columns"]["buckets"], **restored_counts}
    supersedes = [
        _exact_item(document, item) if _is_rounded(item["buckets"].get(QUANTITY, 0)) else item
        for item in document["supersedes"]
    ]
    columns = {**document["columns"], "buckets": buckets}
    try:
        return read_page({**document, "columns": columns, "supersedes": supersedes}, ledger)
    except LedgerBroken:
        return None


def _is_rounded(count: object) -> bool:
    return isinstance(count, int | float) and abs(count) >= EXACT


def _exact(document: Document, row: int) -> int | None:
    """Return the quantity of an entry: by its amount, or else by its digest."""
    columns = document["columns"]
    rounded = int(columns["buckets"][QUANTITY][row])
    by_amount = _by_amount(document, rounded, columns["rate"][row], columns["amount"][row])
    if by_amount is not None:
        return by_amount
    others = {name: column[row] for name, column in columns["buckets"].items() if name != QUANTITY}
    dimensions = Dimensions(*document["dimensions"][columns["dimensions"][row]])
    begun = hashlib.blake2b(
        to_json(content_of(dimensions)), digest_size=len(columns["digest"][row]) // _DIGITS_A_BYTE
    )
    time = columns["time"][row] + slot_start(document["slot"])
    end_user = document["end_users"][columns["end_user"][row]]

    def matches(quantity: int) -> bool:
        digest = begun.copy()
        buckets = by_position(from_names({**others, QUANTITY: quantity}))
        digest.update(to_json((time, end_user, buckets)))
        return bool(digest.hexdigest() == columns["digest"][row])

    return _first(_candidates(rounded), matches)


def _exact_item(document: Document, item: Document) -> Document:
    """Return a superseded state, whose quantity was rounded, with the one its amount gives."""
    rounded = item["buckets"][QUANTITY]
    quantity = _by_amount(document, int(rounded), item["rate"], item["amount"])
    return {**item, "buckets": {**item["buckets"], QUANTITY: quantity or int(rounded)}}


def _by_amount(document: Document, rounded: int, rate: int, amount: Any) -> int | None:
    """Return the quantity whose amount at the rate's unit price is the recorded one."""
    unit = int(document["rates"][rate]["units"].get(QUANTITY, 0))
    if amount is None or not unit or int(amount) % unit:
        return None
    quantity = int(amount) // unit
    return quantity if float(quantity) == float(rounded) else None


def _candidates(rounded: int) -> range:
    """Return the integers that become the same 64-bit float."""
    gap = int(math.ulp(float(rounded)))
    return range(rounded - gap, rounded + gap + 1)


def _first(values: Iterable[int], matches: Callable[[int], bool]) -> int | None:
    return next(filter(matches, values), None)
