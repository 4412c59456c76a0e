"""All errors. The class decides how triggers, routes and commands react."""

from enum import StrEnum


class Code(StrEnum):
    """Codes of events that can never be accepted. The values are stable: operators rely on them."""

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
    """This tenant's ledger failed its check; replay once it is repaired."""


#: Codes of unreadable events: many at once mean a bad deploy, not bad events.
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
    """The base of all errors that this package raises on purpose."""


class RejectedEvent(MeteringError):
    """This event can never succeed: the caller dead-letters it under `code` and continues."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class RetryableError(MeteringError):
    """A dependency failed (throttled, locked, timed out): the same call may succeed later."""


class LedgerLagError(RetryableError):
    """A replica is behind: a page that the ledger's head counts cannot be read yet."""


class NewerVersionError(LedgerLagError):
    """A newer version, which is about to replace this one, wrote a document: it is left to that."""


class HeadMovedError(RetryableError):
    """Another writer committed to this ledger first: read the head again and retry."""


class ClockAheadError(RetryableError):
    """The clock of this machine is ahead of the store's: nothing that it dates is written."""


class StopRuleError(RetryableError):
    """Most of a batch is unreadable: a bad deploy. Nothing of the batch was committed."""


class InvariantBroken(MeteringError):
    """A bug or corrupt state: alert; never treat it as a bad event."""


class LedgerBroken(InvariantBroken):
    """One ledger is broken (its chain, or a limit): it alone stops."""

    def __init__(self, ledger: str, reason: str) -> None:
        super().__init__(f"ledger {ledger}: {reason}")
        self.ledger = ledger
        self.reason = reason


class StoreRefusal(InvariantBroken):
    """The store refuses a write for good, whoever repeats it: the fault of what is written."""


class TooLargeError(StoreRefusal):
    """A document or a transaction takes more bytes than the store accepts: write less at once."""


class PartitionFullError(StoreRefusal):
    """A logical partition is full: only what is in it is affected."""


class RollupBroken(InvariantBroken):
    """A rollup contradicts its cursor or its ledger: pages are read instead, and it is rebuilt."""

    def __init__(self, ledger: str, reason: str) -> None:
        super().__init__(f"ledger {ledger}: its rollup's {reason}")
        self.ledger = ledger
        self.reason = reason


class CaptureDamaged(MeteringError):
    """A Capture file cannot be read to its end; the other files are not affected."""


class ConfigurationError(MeteringError):
    """A setting, file or field is wrong; the message names it."""


class StaleRevisionError(MeteringError):
    """The resource has changed since the caller read it: read it again, then decide."""
