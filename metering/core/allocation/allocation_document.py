"""An allocation, or accrual, as a store keeps it: JSON, money as integer strings of 10^-18."""

from collections.abc import Callable
from typing import Final

from metering.core.allocation.accrual import Accrual, Piece
from metering.core.allocation.allocation import Allocation, Counted, Share
from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document, check_schema
from metering.core.basics.errors import InvariantBroken
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.capacity import Span

SCHEMA: Final = 1


def write_allocation(allocation: Allocation) -> Document:
    """Return an allocation as the document to store; shares and ledgers are rows, to save space."""
    return {
        "schema": SCHEMA,
        "deployment": allocation.deployment,
        "month": allocation.month.start,
        "currency": allocation.currency,
        "spans": [[*span[:3], str(span.hourly_price), *span[4:]] for span in allocation.spans],
        "shares": [
            [
                share.tenant,
                str(share.used),
                str(share.idle),
                str(share.tokens),
                share.hours,
                share.is_billable,
            ]
            for share in allocation.shares
        ],
        "unallocated": str(allocation.unallocated),
        "idle_hours": allocation.idle_hours,
        "counted": [[str(one.ledger), one.page, one.hash] for one in allocation.counted],
    }


def read_allocation(document: Document) -> Allocation:
    """Return the allocation in a document.

    Raises InvariantBroken for one that cannot be read, does not add up, or has another schema.
    """
    return _read(document, "an allocation", _allocation)


def write_accrual(accrual: Accrual) -> Document:
    """Return an accrual as the document to store."""
    return {
        **write_allocation(accrual.allocation),
        "at": accrual.at,
        "is_final": accrual.is_final,
        "faults": accrual.faults,
        "pieces": {
            tenant: [[start, str(amount)] for start, amount in pieces]
            for tenant, pieces in accrual.pieces.items()
        },
    }


def read_accrual(document: Document) -> Accrual:
    """Return the accrual in a document; InvariantBroken as `read_allocation` raises it."""
    return _read(document, "an accrual", _accrual)


def _read[Read: (Allocation, Accrual)](
    document: Document, name: str, read: Callable[[Document], Read]
) -> Read:
    try:
        check_schema(document, SCHEMA, name)
    except ValueError as fault:
        raise InvariantBroken(f"{name} {fault}") from None
    try:
        found = read(document)
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"{name} cannot be read: {error!r}") from None
    (found.allocation if isinstance(found, Accrual) else found).check()
    return found


def _accrual(document: Document) -> Accrual:
    return Accrual(
        _allocation(document),
        int(document["at"]),
        is_final=bool(document["is_final"]),
        pieces={
            tenant: tuple(Piece(start, int(amount)) for start, amount in pieces)
            for tenant, pieces in document["pieces"].items()
        },
        # Absent in those of versions before 2026-12-01.
        faults=document.get("faults", {}),
    )


def _allocation(document: Document) -> Allocation:
    return Allocation(
        document["deployment"],
        month_of(document["month"]),
        document["currency"],
        tuple(
            Span(start, end, units, int(price), currency, idle)
            for start, end, units, price, currency, idle in document["spans"]
        ),
        tuple(
            Share(tenant, int(used), int(idle), int(tokens), hours, is_billable)
            for tenant, used, idle, tokens, hours, is_billable in document["shares"]
        ),
        int(document["unallocated"]),
        document["idle_hours"],
        tuple(
            Counted(LedgerId.parse(ledger), page, digest)
            for ledger, page, digest in document["counted"]
        ),
    )
