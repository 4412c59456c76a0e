"""Anchors: one digest over all ledgers, statements and records."""

from typing import Self

from pydantic import Field

from metering.core.anchors.anchor import Anchor
from metering.core.basics.instants import format_instant
from metering.documents.document import Document


class AnchorDocument(Document):
    """An anchor."""

    name: str
    made: str
    leaves: int = Field(description="The number of ledgers, statements and records.")
    root: str = Field(description="The root of the Merkle tree over the leaves, hexadecimal.")
    previous: str = Field(description="The SHA-256 of the anchor before; empty for the first.")

    @classmethod
    def of(cls, anchor: Anchor) -> Self:
        """Return an anchor as a document."""
        made = format_instant(anchor.made)
        return cls(
            name=anchor.name,
            made=made,
            leaves=anchor.leaves,
            root=anchor.root,
            previous=anchor.previous,
        )
