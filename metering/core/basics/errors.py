"""The one tree of errors: the branch decides what the shell around the core does."""

from enum import StrEnum


class Code(StrEnum):
    """Why an event can never be accepted. Stable: operators and tests rely on the text."""

    NOT_JSON = "not_json"
    TRUNCATED = "truncated"
    TOO_LARGE = "too_large"
    NOT_CLOUDEVENTS = "not_cloudevents"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_SCHEMA_VERSION = "unknown_schema_version"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    ID_TOO_LONG = "id_too_long"
    TIME_WITHOUT_ZONE = "time_without_zone"
    TOO_OLD = "too_old"
    IN_FUTURE = "in_future"
    USAGE_MISSING = "usage_missing"
    USAGE_UNEXPECTED = "usage_unexpected"
    USAGE_UNRECOGNISED = "usage_unrecognised"
    USAGE_INVALID = "usage_invalid"
    USAGE_INCONSISTENT = "usage_inconsistent"
    QUANTITY_INVALID = "quantity_invalid"
    UNKNOWN_SUBSCRIPTION = "unknown_subscription"
    ID_CONFLICT = "id_conflict"
    LEDGER_STOPPED = "ledger_stopped"
    """A business outcome: kept to be replayed once something counts it."""


#: Codes that say "we cannot even read this": many at once mean a bad deploy, not bad events.
UNREADABLE = frozenset(
    {
        Code.NOT_JSON,
        Code.TRUNCATED,
        Code.TOO_LARGE,
        Code.NOT_CLOUDEVENTS,
        Code.UNKNOWN_TYPE,
        Code.UNKNOWN_SCHEMA_VERSION,
    }
)


class MeteringError(Exception):
    """The root of everything this package raises on purpose."""


class RejectedEvent(MeteringError):
    """This event can never succeed: the shell dead-letters it under `code` and goes on."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class RetryableError(MeteringError):
    """The world misbehaved (throttled, locked, timed out): the same call may succeed later."""


class LedgerLagError(RetryableError):
    """A replica is behind: a page that the ledger's head counts cannot be read yet."""


class HeadMovedError(RetryableError):
    """Somebody else committed to this ledger first: look again from the head."""


class StopRuleError(RetryableError):
    """Most of a batch is unreadable: a bad deploy. Nothing of the batch was committed."""


class InvariantBroken(MeteringError):
    """Our bug, or corrupt state: alert; never treat it as a bad event."""


class LedgerBroken(InvariantBroken):
    """One ledger cannot be trusted (its chain is broken, a limit is passed): it alone stops."""

    def __init__(self, ledger: str, reason: str) -> None:
        super().__init__(f"ledger {ledger}: {reason}")
        self.ledger = ledger
        self.reason = reason


class RollupBroken(InvariantBroken):
    """A rollup is not what its cursor or its ledger says: its pages serve, and it is made anew."""

    def __init__(self, ledger: str, reason: str) -> None:
        super().__init__(f"ledger {ledger}: its rollup's {reason}")
        self.ledger = ledger
        self.reason = reason


class CaptureDamaged(MeteringError):
    """A file of Capture cannot be read, or not to its end: the other files can."""


class ConfigurationError(MeteringError):
    """The system cannot start: names the setting, file or field that is wrong."""


class StaleRevisionError(MeteringError):
    """Somebody else has changed it since the caller looked: look again, then decide anew."""
