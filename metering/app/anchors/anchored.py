"""The contents of the store that anchors require, collected from all of them."""

from dataclasses import dataclass, field

from metering.app.anchors.keep_anchors import KeepAnchors
from metering.core.anchors.anchor import Anchor, Leaf
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Position, Recorded


@dataclass(slots=True)
class Anchored:
    """Positions of ledgers, hashes of statements, documents and records, as anchors have them."""

    anchors: int = 0
    last: Anchor | None = None
    ledgers: dict[LedgerId, set[Recorded]] = field(default_factory=dict)
    statements: dict[tuple[LedgerId, int], set[str]] = field(default_factory=dict)
    documents: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    """By `name_of_document`, and place of the tenant."""
    records: dict[int, set[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Faults of the anchors themselves."""

    def add(self, leaf: Leaf, name: str) -> None:
        """Take in a leaf of an anchor. What several anchors say the same is kept once."""
        if leaf.kind == "record":
            self.records.setdefault(leaf.number, set()).add(leaf.hash)
            return
        if leaf.kind == "document":
            self.documents.setdefault((leaf.name, leaf.number), set()).add(leaf.hash)
            return
        ledger = LedgerId.parse(leaf.name)
        if leaf.kind == "statement":
            self.statements.setdefault((ledger, leaf.number), set()).add(leaf.hash)
            return
        known = self.ledgers.setdefault(ledger, set())
        position = Position(leaf.number, leaf.hash)
        if position not in {one.position for one in known}:
            known.add(Recorded(position, f"the anchor of {name}"))


async def read_anchored(anchors: KeepAnchors, tenant: str | None = None) -> Anchored:
    """Return what all anchors say, of what is one tenant's or of all.

    Reads every anchor with its leaves. What is wrong with one is a fault, and reading ends there.
    """
    found = Anchored()
    try:
        async for anchor, leaves in anchors.every():
            found.anchors += 1
            found.last = anchor
            for leaf, _ in leaves:
                owner = leaf.name.partition("|")[0]
                if tenant is None or leaf.kind == "record" or owner == tenant:
                    found.add(leaf, format_instant(anchor.made))
    except InvariantBroken as fault:
        found.faults.append(str(fault))
    if not found.anchors and not found.faults:
        found.faults.append("there is no anchor: `metering anchors write` writes one")
    return found
