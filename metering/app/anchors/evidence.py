"""Evidence: a tenant's pages, statements, documents and records, with proofs of inclusion.

The format is described in docs/proofs.md. It is written line by line, so that memory does not grow
with the ledger, apart from the leaves of one anchor.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from metering.app.anchors.keep_anchors import KeepAnchors
from metering.app.tenancy.tenancy import Tenancy
from metering.core.anchors.anchor import (
    Blinded,
    Leaf,
    canonical,
    inclusions,
    name_of_document,
    write_anchor,
)
from metering.core.basics.documents import Document
from metering.core.basics.instants import format_instant
from metering.core.billing.statement import Statement
from metering.core.billing.statement_document import write_statement
from metering.core.calendars.periods import LedgerId, Period
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.invoice_document import write_invoice
from metering.core.ledger.chain import Chain
from metering.core.ledger.page import read_page
from metering.core.tenancy.record import Record, content_of
from metering.ports import Clock, InvoiceStore, LedgerStore, RegistryStore, StatementStore

FORMAT: Final = "metering.evidence.v1"

#: Kinds of records whose key is the tenant.
_OF_THE_TENANT: Final = frozenset({"tenant_plan", "calendar", "grant", "revocation", "adjustment"})


class _Known(NamedTuple):
    """The parts of an evidence file beside its pages."""

    records: list[tuple[int, Record]]
    statements: list[Statement]
    documents: list[Invoice]
    ledgers: list[LedgerId]
    is_closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteEvidence:
    """The use case behind `metering evidence`."""

    ledgers: LedgerStore
    statements: StatementStore
    invoices: InvoiceStore
    registry: RegistryStore
    tenancy: Tenancy
    anchors: KeepAnchors
    clock: Clock

    async def lines(self, tenant: str, period: Period) -> AsyncIterator[bytes]:
        """Yield the evidence file of a period, closed or not, line by line.

        Raises LedgerBroken if a page is not as it was written: what was yielded before is no file
        then, for its last line is missing.
        """
        await self.tenancy.refresh()
        known = await self._known(tenant, period)
        count = 0
        async for document in self._documents(tenant, period, known):
            count += 1
            yield canonical(document) + b"\n"
        yield canonical({"end": {"lines": count}}) + b"\n"

    async def _known(self, tenant: str, period: Period) -> _Known:
        statements: list[Statement] = []
        async for one in self.statements.statements(tenant):
            if one.period.start > period.start:
                break
            statements.append(one)
        is_closed = bool(statements) and statements[-1].period == period
        records = await self.registry.read_records(0)
        plans = {record.value for record in records if _is_move(record, tenant)} | {"default"}
        wanted = [
            (number, record)
            for number, record in enumerate(records, start=1)
            if (record.kind in _OF_THE_TENANT and record.key == tenant)
            or (record.kind == "plan" and record.key in plans)
            or (record.kind == "subject" and record.value == tenant)
        ]
        own = LedgerId(tenant, period.start)
        late = _late(own, statements) if is_closed else []
        documents = [one async for one in self.invoices.invoices(tenant)]
        known = [one.position for one in documents if one.ledger.start <= period.start]
        # Those of later periods among them too: each carries the balance of the ones before.
        until = max(known, default=0)
        return _Known(wanted, statements, documents[:until], [*late, own], is_closed)

    async def _documents(
        self, tenant: str, period: Period, known: _Known
    ) -> AsyncIterator[Document]:
        yield {
            "format": FORMAT,
            "tenant": tenant,
            "period": _period(period),
            "is_closed": known.is_closed,
            "made": format_instant(self.clock.now()),
        }
        for number, record in known.records:
            yield {"record": content_of(record, number)}
        for statement in known.statements:
            yield {"statement": write_statement(statement)}
        for one in known.documents:
            yield {"document": write_invoice(one)}
        for ledger in known.ledgers:
            of = self.tenancy.directory.period_of(ledger)
            yield {"ledger": str(ledger), "period": _period(of)}
            async with aclosing(self._pages(ledger)) as pages:
                async for page in pages:
                    yield {"page": page}
        async for document in self._proofs(known):
            yield document

    async def _pages(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        """Yield the pages of a ledger as they were written, chained."""
        chain = Chain(ledger)
        async with aclosing(self.ledgers.page_documents(ledger)) as documents:
            async for document in documents:
                chain.follow(read_page(document, ledger))
                yield document

    async def _proofs(self, known: _Known) -> AsyncIterator[Document]:
        """Yield the proofs of inclusion in the last anchor, and the anchor; nothing without one."""
        names = await self.anchors.names()
        if not names:
            return
        anchor, leaves = await self.anchors.read(names[-1])
        for proof in inclusions(leaves, _wanted(leaves, known)):
            leaf, blind = proof.blinded
            inclusion = {"leaf": {**leaf._asdict(), "blind": blind}, "position": proof.position}
            yield {"inclusion": {**inclusion, "path": list(proof.path)}}
        yield {"anchor": json.loads(write_anchor(anchor))}


def _is_move(record: Record, tenant: str) -> bool:
    return record.kind == "tenant_plan" and record.key == tenant


def _late(own: LedgerId, statements: Sequence[Statement]) -> list[LedgerId]:
    """Return the earlier ledgers of which the last statement bills more than the one before."""
    before: Mapping[LedgerId, Any] = statements[-2].billed if len(statements) > 1 else {}
    billed = statements[-1].billed
    return [
        ledger
        for ledger, position in billed.items()
        if ledger != own and position.page and before.get(ledger) != position
    ]


def _wanted(leaves: Iterable[Blinded], known: _Known) -> list[int]:
    numbers = {number for number, _ in known.records}
    names = {
        "ledger": {str(ledger) for ledger in known.ledgers},
        "statement": {str(one.ledger) for one in known.statements},
        "document": {name_of_document(one.ledger.tenant, one.number) for one in known.documents},
    }

    def is_wanted(leaf: Leaf) -> bool:
        if leaf.kind == "record":
            return leaf.number in numbers
        return leaf.name in names[leaf.kind]

    return [index for index, one in enumerate(leaves) if is_wanted(one.leaf)]


def _period(period: Period) -> Document:
    return {"name": period.name, "start": period.start, "end": period.end}
