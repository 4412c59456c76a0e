"""Ledgers that an answer leaves out."""

from collections.abc import Mapping

from metering.documents.document import Document


class LeftOutLedger(Document):
    """A ledger that could not be read, so that its usage is in no figure."""

    ledger: str
    reason: str


def left_out(faults: Mapping[str, object]) -> list[LeftOutLedger]:
    """Return the ledgers by name, with their faults."""
    return [LeftOutLedger(ledger=name, reason=str(why)) for name, why in sorted(faults.items())]
