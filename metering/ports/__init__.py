"""The contracts between the use cases and the adapters, by room."""

from metering.ports.billing import (
    AccountStore,
    AllocationStore,
    StatementStore,
    StoredAccount,
)
from metering.ports.exports import (
    ExportStore,
    Staged,
)
from metering.ports.ledger import (
    EffectStore,
    LedgerRepairs,
    LedgerStore,
    RollupStore,
    StoredCursor,
    StoredEffect,
    StoredHead,
)
from metering.ports.quotas import (
    DesiredStates,
    StoredSuspension,
    SubscriptionGate,
    SuspensionStore,
)
from metering.ports.streams import (
    CaptureSource,
    DeadLetter,
    DeadLetterCounts,
    DeadLetterStore,
    HubProgress,
    HubWatch,
    Outgoing,
    PendingHalf,
    PendingKind,
    PendingStore,
    RegisterStore,
    UsagePublisher,
)
from metering.ports.surroundings import (
    Alerts,
    Clock,
    DeploymentSource,
    Executor,
    Notifier,
)
from metering.ports.telemetry import (
    NO_LABELS,
    SILENT,
    Attributes,
    Labels,
    Span,
    Telemetry,
)
from metering.ports.tenancy import (
    AuditLog,
    PriceStore,
    RegistryStore,
    TokenVerifier,
)

__all__ = [
    "NO_LABELS",
    "SILENT",
    "AccountStore",
    "Alerts",
    "AllocationStore",
    "Attributes",
    "AuditLog",
    "CaptureSource",
    "Clock",
    "DeadLetter",
    "DeadLetterCounts",
    "DeadLetterStore",
    "DeploymentSource",
    "DesiredStates",
    "EffectStore",
    "Executor",
    "ExportStore",
    "HubProgress",
    "HubWatch",
    "Labels",
    "LedgerRepairs",
    "LedgerStore",
    "Notifier",
    "Outgoing",
    "PendingHalf",
    "PendingKind",
    "PendingStore",
    "PriceStore",
    "RegisterStore",
    "RegistryStore",
    "RollupStore",
    "Span",
    "Staged",
    "StatementStore",
    "StoredAccount",
    "StoredCursor",
    "StoredEffect",
    "StoredHead",
    "StoredSuspension",
    "SubscriptionGate",
    "SuspensionStore",
    "Telemetry",
    "TokenVerifier",
    "UsagePublisher",
]
