"""Prove what is not in a ledger: the registry, price versions, statements, documents, accounts."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.anchors.anchored import Anchored
from metering.core.anchors.anchor import name_of_document
from metering.core.basics.errors import InvariantBroken
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId
from metering.core.credit.account import Account
from metering.core.invoices.invoice import Invoice
from metering.core.ledger.chain import Recorded
from metering.core.ledger.page import GENESIS
from metering.core.tenancy.record import GENESIS as FIRST
from metering.core.tenancy.record import Record, chained, hash_of
from metering.ports import AccountStore, InvoiceStore, PriceStore, RegistryStore, StatementStore

#: What is recorded of nothing: without anchors.
NOTHING: Final[Mapping[int, set[str]]] = {}


class RegistryVerdict(NamedTuple):
    """The result of proving the registry and the published price versions."""

    records: int
    last_hash: str
    faults: tuple[str, ...]


@dataclass(slots=True)
class TenantVerdict:
    """The result of proving that a tenant's statements are whole and its account follows."""

    tenant: str
    statements: int = 0
    positions: defaultdict[LedgerId, list[Recorded]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The positions through which statements billed ledgers."""
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRecords:
    """Proves the registry once, and the statements and account of each tenant."""

    registry: RegistryStore
    prices: PriceStore
    statements: StatementStore
    invoices: InvoiceStore
    accounts: AccountStore

    async def the_registry(self, anchored: Mapping[int, set[str]] = NOTHING) -> RegistryVerdict:
        """Prove the chain of all records, and the content of all published price versions."""
        records = await self.registry.read_records(0)
        last, faults = _chain_of(records)
        faults.extend(_not_as_anchored(records, anchored))
        for record in records:
            if record.kind == "prices":
                content = await self.prices.read_version(record.key)
                if content is None:
                    faults.append(f"price version {record.key} is missing")
                elif hashlib.sha256(content).hexdigest() != record.value:
                    faults.append(f"price version {record.key} is not what was published")
        return RegistryVerdict(len(records), last, tuple(faults))

    async def tenant(self, tenant: str, anchored: Anchored) -> TenantVerdict:
        """Prove that a tenant has all its statements and documents, and that its account follows.

        Amounts of documents are no part of this: `VerifyInvoices` derives them again.
        """
        verdict = TenantVerdict(tenant)
        statements: dict[LedgerId, Statement] = {}
        previous: Statement | None = None
        try:
            async for one in self.statements.statements(tenant):
                verdict.faults.extend(_not_after(one, previous))
                for ledger, position in one.billed.items():
                    by = f"the statement of {one.period.name}"
                    verdict.positions[ledger].append(Recorded(position, by))
                statements[one.ledger] = previous = one
            stored = await self.accounts.read_account(tenant)
        except InvariantBroken as fault:
            verdict.faults.append(str(fault))
        else:
            account = Account(tenant) if stored is None else stored.account
            verdict.faults.extend(_not_settled(account, list(statements.values())))
        verdict.statements = len(statements)
        verdict.faults.extend(_not_anchored(tenant, statements, anchored.statements))
        documents: dict[str, Invoice] = {}
        try:
            async for document in self.invoices.invoices(tenant):
                if document.position != len(documents) + 1:
                    verdict.faults.append(f"a document before {document.number} is missing")
                documents[name_of_document(tenant, document.number)] = document
        except InvariantBroken as fault:
            verdict.faults.append(str(fault))
        verdict.faults.extend(_documents_not_anchored(tenant, documents, anchored.documents))
        return verdict


def _chain_of(records: list[Record]) -> tuple[str, list[str]]:
    """Return the hash of the last record, and the faults of the chain."""
    faults: list[str] = []
    last, is_hashed = FIRST, False
    for number, record in enumerate(records, start=1):
        last = chained(record, number, last).hash
        if record.hash not in {"", last} or (is_hashed and not record.hash):
            faults.append(f"record {number}: it, or one before it, is not as it was recorded")
            last = record.hash or last
        is_hashed = is_hashed or bool(record.hash)
    return last, faults


def _not_as_anchored(records: list[Record], anchored: Mapping[int, set[str]]) -> Iterator[str]:
    for number, hashes in sorted(anchored.items()):
        if number > len(records):
            yield f"record {number} is missing: an anchor has it"
        elif hashes != {hash_of(records[number - 1], number)}:
            yield f"record {number} is not the one that an anchor has"


def _not_after(one: Statement, previous: Statement | None) -> Iterator[str]:
    number, digest = (0, GENESIS) if previous is None else (previous.number, previous.hash)
    if (one.number, one.previous) != (number + 1, digest):
        yield f"the statement before {one.period.name} is missing or was exchanged"


def _not_settled(account: Account, statements: list[Statement]) -> Iterator[str]:
    """Yield what an account has that its statements do not, or lacks that they have.

    The last statement may not be settled yet: the next run of the close does it.
    """
    known = {one.ledger for one in statements}
    for ledger in account.burnt.keys() - known:
        yield f"the account has settled {ledger}, which has no statement"
    for one in statements:
        settled = account.burnt.get(one.ledger)
        is_open = settled is None and (one is statements[-1] or not one.burnt)
        if not is_open and dict(settled or {}) != dict(one.burnt):
            yield f"the account does not have what the statement of {one.period.name} took"


def _documents_not_anchored(
    tenant: str, documents: Mapping[str, Invoice], anchored: Mapping[tuple[str, int], set[str]]
) -> Iterator[str]:
    for (name, position), hashes in sorted(anchored.items()):
        owner, _, number = name.partition("|")
        if owner != tenant:
            continue
        found = documents.get(name)
        if found is None:
            yield f"document {number} is missing: an anchor has it"
        elif (found.position, {found.hash}) != (position, hashes):
            yield f"document {number} is not the one that an anchor has"


def _not_anchored(
    tenant: str,
    statements: Mapping[LedgerId, Statement],
    anchored: Mapping[tuple[LedgerId, int], set[str]],
) -> Iterator[str]:
    for (ledger, number), hashes in sorted(anchored.items()):
        if ledger.tenant != tenant:
            continue
        found = statements.get(ledger)
        if found is None:
            yield f"statement {number} ({ledger}) is missing: an anchor has it"
        elif (found.number, {found.hash}) != (number, hashes):
            yield f"statement {number} ({ledger}) is not the one that an anchor has"
