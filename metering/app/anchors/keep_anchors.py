"""Write anchors: one digest over heads, statements, their documents and records as they are now."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final

from metering.app.ledger.reading import listed_head
from metering.app.tenancy.tenancy import Tenancy
from metering.core.anchors.anchor import (
    REGISTRY,
    Anchor,
    Blinded,
    Leaf,
    anchor_of,
    blinded,
    hash_of_anchor,
    name_of_document,
    read_anchor,
    read_leaves,
    write_anchor,
    write_leaf,
)
from metering.core.basics.errors import InvariantBroken, LedgerLagError, MeteringError
from metering.core.tenancy.record import hash_of
from metering.ports import (
    Alerts,
    Clock,
    ExportStore,
    InvoiceStore,
    LedgerStore,
    RegistryStore,
    StatementStore,
)

_ANCHOR: Final = "anchor.json"
_LEAVES: Final = "leaves.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAnchors:
    """The use case behind the timer `write_anchors` and `metering anchors`."""

    ledgers: LedgerStore
    statements: StatementStore
    invoices: InvoiceStore
    registry: RegistryStore
    tenancy: Tenancy
    store: ExportStore
    """Where anchors are kept: nobody can change there what was written."""
    clock: Clock
    alerts: Alerts
    secret: Callable[[], bytes]
    """Returns SECRET_BYTES random bytes."""

    async def write(self) -> Anchor:
        """Write an anchor of the present state, and return it.

        Reads every head, statement, document and record. A ledger that cannot be read is left
        out, with an alert, and so are the statements of a tenant: the anchors before it have what
        they were. Safe to repeat.
        """
        leaves = blinded([leaf async for leaf in self._leaves()], self.secret())
        made, previous = self.clock.now(), ""
        names = await self.names()
        if names:
            before = await self._content(names[-1])
            made = max(made, read_anchor(before, names[-1]).made + 1)
            previous = hash_of_anchor(before)
        anchor = anchor_of(leaves, made, previous)
        # The leaves first: an anchor that is there has them.
        await self._put(f"{anchor.name}/{_LEAVES}", map(write_leaf, leaves))
        await self._put(f"{anchor.name}/{_ANCHOR}", [write_anchor(anchor)])
        return anchor

    async def write_after_close(self) -> None:
        """Write an anchor; where that fails, an alert says so and the close stands."""
        try:
            await self.write()
        except MeteringError as error:
            self.alerts.alert(f"anchor: {error}: the next one is due within a day", "anchors")

    async def names(self) -> list[str]:
        """Return the names of all anchors, the earliest first."""
        found = await self.store.names("")
        return sorted(name.removesuffix(f"/{_ANCHOR}") for name in found if name.endswith(_ANCHOR))

    async def read(self, name: str) -> tuple[Anchor, list[Blinded]]:
        """Return an anchor with its leaves. InvariantBroken unless they are as written."""
        anchor = read_anchor(await self._content(name), name)
        leaves = await self.store.read(f"{name}/{_LEAVES}")
        return anchor, read_leaves(leaves or b"", anchor)

    async def every(self) -> AsyncIterator[tuple[Anchor, list[Blinded]]]:
        """Yield all anchors, the earliest first. InvariantBroken if one is missing between two."""
        previous = ""
        for name in await self.names():
            anchor, leaves = await self.read(name)
            if anchor.previous != previous:
                raise InvariantBroken(f"anchor {name}: does not name the one before it")
            yield anchor, leaves
            previous = hash_of_anchor(write_anchor(anchor))

    async def _content(self, name: str) -> bytes:
        return await self.store.read(f"{name}/{_ANCHOR}") or b""

    async def _leaves(self) -> AsyncIterator[Leaf]:
        for number, record in enumerate(await self.registry.read_records(0), start=1):
            yield Leaf("record", REGISTRY, number, hash_of(record, number))
        for ledger in await self.ledgers.ledgers():
            # Let other work in this process take its turn: there may be thousands.
            await asyncio.sleep(0)
            try:
                head = await listed_head(self.ledgers, ledger)
            except (InvariantBroken, LedgerLagError) as fault:
                self.alerts.alert(f"anchor: left out: {fault}", "ledger")
                continue
            yield Leaf("ledger", str(ledger), head.pages, head.last_hash)
        await self.tenancy.refresh()
        for tenant in self.tenancy.directory.tenants():
            try:
                leaves = [leaf async for leaf in self._of_tenant(tenant)]
            except InvariantBroken as fault:
                self.alerts.alert(f"anchor: left out: {fault}", "ledger")
                continue
            for leaf in leaves:
                yield leaf

    async def _of_tenant(self, tenant: str) -> AsyncIterator[Leaf]:
        async for one in self.statements.statements(tenant):
            yield Leaf("statement", str(one.ledger), one.number, one.hash)
        async for document in self.invoices.invoices(tenant):
            name = name_of_document(tenant, document.number)
            yield Leaf("document", name, document.position, document.hash)

    async def _put(self, name: str, lines: Iterable[bytes]) -> None:
        async def content() -> AsyncIterator[bytes]:
            for line in lines:
                yield line

        await self.store.publish(await self.store.stage(name, content()))
