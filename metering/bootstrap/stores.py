"""One store behind all its ports: the embedded one, or Cosmos DB."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from metering.adapters.sqlite.aggregates import SqliteAggregates
from metering.adapters.sqlite.allocations import SqliteAllocations
from metering.adapters.sqlite.audit import SqliteAudit
from metering.adapters.sqlite.database import Database
from metering.adapters.sqlite.dead_letters import SqliteDeadLetters
from metering.adapters.sqlite.effects import SqliteEffects
from metering.adapters.sqlite.invoices import SqliteInvoices
from metering.adapters.sqlite.ledger import SqliteLedgers
from metering.adapters.sqlite.pending import SqlitePending
from metering.adapters.sqlite.prices import SqlitePrices
from metering.adapters.sqlite.register import SqliteRegister
from metering.adapters.sqlite.registry import SqliteRegistry
from metering.adapters.sqlite.repairs import SqliteRepairs
from metering.adapters.sqlite.rollups import SqliteRollups
from metering.adapters.sqlite.statements import SqliteStatements
from metering.adapters.sqlite.suspensions import SqliteSuspensions
from metering.adapters.sqlite.tenant_accounts import SqliteTenantAccounts
from metering.core.basics.instants import DAY, Instant
from metering.ports import (
    SILENT,
    AccountStore,
    AggregateStore,
    AllocationStore,
    AuditLog,
    DeadLetterStore,
    EffectStore,
    InvoiceStore,
    LedgerRepairs,
    LedgerStore,
    PendingStore,
    PriceStore,
    RegisterStore,
    RegistryStore,
    RollupStore,
    StatementStore,
    SuspensionStore,
    Telemetry,
)
from metering.settings.settings import CosmosStore, SqliteStore
from metering.settings.stores import DEFAULT_DEAD_LETTER_DAYS

#: Of a ledger's last pages, how many a process verifies when it first touches it: reading is cheap
#: on one machine and costs request units on Cosmos DB.
_CHECKED_PAGES_SQLITE: Final = 64
_CHECKED_PAGES_COSMOS: Final = 1
#: Looks for a page that a replica may not have yet: with the pauses between them over a second.
_MAX_GAPS_COSMOS: Final = 12


class Stores(NamedTuple):
    """One store behind all its ports."""

    ledgers: LedgerStore
    registry: RegistryStore
    prices: PriceStore
    dead_letters: DeadLetterStore
    register: RegisterStore
    aggregates: AggregateStore
    pending: PendingStore
    effects: EffectStore
    rollups: RollupStore
    suspensions: SuspensionStore
    accounts: AccountStore
    audit: AuditLog
    statements: StatementStore
    invoices: InvoiceStore
    allocations: AllocationStore
    repairs: LedgerRepairs
    checked_pages: int
    max_gaps: int
    close: Callable[[], Awaitable[None]]
    prepare: Callable[[], Awaitable[list[str]]]
    """Makes what the store needs before its first use, and says what it did."""


def stores_for(
    store: SqliteStore | CosmosStore,
    telemetry: Telemetry = SILENT,
    keep_letters: Instant = DEFAULT_DEAD_LETTER_DAYS * DAY,
) -> Stores:
    """Return a store behind its ports; nothing is opened until it is used."""
    if isinstance(store, CosmosStore):
        return _cosmos_stores(store, telemetry, keep_letters)
    return sqlite_stores(Database(store.path))


def sqlite_stores(database: Database) -> Stores:
    """Return the embedded store in an open or unopened file behind its ports."""
    return Stores(
        SqliteLedgers(database),
        SqliteRegistry(database),
        SqlitePrices(database),
        SqliteDeadLetters(database),
        SqliteRegister(database),
        SqliteAggregates(database),
        SqlitePending(database),
        SqliteEffects(database),
        SqliteRollups(database),
        SqliteSuspensions(database),
        SqliteTenantAccounts(database),
        SqliteAudit(database),
        SqliteStatements(database),
        SqliteInvoices(database),
        SqliteAllocations(database),
        SqliteRepairs(database),
        _CHECKED_PAGES_SQLITE,
        1,
        database.close,
        database.prepare,
    )


def _cosmos_stores(store: CosmosStore, telemetry: Telemetry, keep_letters: Instant) -> Stores:
    # The SDK takes a third of a second to import: only those who use it wait for it.
    from metering.adapters.cosmos.account import CosmosAccount
    from metering.adapters.cosmos.aggregates import CosmosAggregates
    from metering.adapters.cosmos.allocations import CosmosAllocations
    from metering.adapters.cosmos.answers import charge_to
    from metering.adapters.cosmos.audit import CosmosAudit
    from metering.adapters.cosmos.dead_letters import CosmosDeadLetters
    from metering.adapters.cosmos.effects import CosmosEffects
    from metering.adapters.cosmos.invoices import CosmosInvoices
    from metering.adapters.cosmos.ledger import CosmosLedgers
    from metering.adapters.cosmos.pending import CosmosPending
    from metering.adapters.cosmos.prepare import prepare
    from metering.adapters.cosmos.prices import CosmosPrices
    from metering.adapters.cosmos.register import CosmosRegister
    from metering.adapters.cosmos.registry import CosmosRegistry
    from metering.adapters.cosmos.repairs import CosmosRepairs
    from metering.adapters.cosmos.rollups import CosmosRollups
    from metering.adapters.cosmos.statements import CosmosStatements
    from metering.adapters.cosmos.suspensions import CosmosSuspensions
    from metering.adapters.cosmos.tenant_accounts import (
        CosmosTenantAccounts,
    )

    account = CosmosAccount(store.endpoint, store.database, store.key, charge_to(telemetry))
    return Stores(
        CosmosLedgers(account),
        CosmosRegistry(account),
        CosmosPrices(account),
        CosmosDeadLetters(account, keep_letters),
        CosmosRegister(account),
        CosmosAggregates(account),
        CosmosPending(account),
        CosmosEffects(account),
        CosmosRollups(account),
        CosmosSuspensions(account),
        CosmosTenantAccounts(account),
        CosmosAudit(account),
        CosmosStatements(account),
        CosmosInvoices(account),
        CosmosAllocations(account),
        CosmosRepairs(account),
        _CHECKED_PAGES_COSMOS,
        _MAX_GAPS_COSMOS,
        account.close,
        lambda: prepare(account),
    )
