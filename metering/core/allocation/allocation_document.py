"""A sharing as a store keeps it: JSON, money as integer strings of 10^-18."""

from typing import Final

from metering.core.allocation.allocation import Counted, Share, Sharing
from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document
from metering.core.basics.errors import InvariantBroken
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.deployments.capacity import Span

SCHEMA: Final = 1


def write_sharing(sharing: Sharing) -> Document:
    """Return a sharing as the document to store. Shares and ledgers are rows: there may be many."""
    return {
        "schema": SCHEMA,
        "deployment": sharing.deployment,
        "month": sharing.month.start,
        "currency": sharing.currency,
        "spans": [[*span[:3], str(span.hourly_price), *span[4:]] for span in sharing.spans],
        "shares": [
            [
                share.tenant,
                str(share.used),
                str(share.idle),
                str(share.tokens),
                share.hours,
                share.is_billable,
            ]
            for share in sharing.shares
        ],
        "unallocated": str(sharing.unallocated),
        "idle_hours": sharing.idle_hours,
        "counted": [[str(one.ledger), one.page, one.hash] for one in sharing.counted],
    }


def read_sharing(document: Document) -> Sharing:
    """Return the sharing in a document; InvariantBroken for what cannot be one or adds up wrong."""
    if document.get("schema") != SCHEMA:
        raise InvariantBroken(f"a sharing has schema {document.get('schema')}, not {SCHEMA}")
    try:
        sharing = _sharing(document)
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"a sharing cannot be read: {error!r}") from None
    sharing.check()
    return sharing


def _sharing(document: Document) -> Sharing:
    return Sharing(
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
