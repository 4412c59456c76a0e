"""The audit log: actions of operators, recorded before and after each."""

from enum import StrEnum
from typing import NamedTuple

from metering.core.basics.instants import Instant, to_datetime


class Outcome(StrEnum):
    """The outcome of an action."""

    ASKED = "asked"
    """Recorded before the action. Without a second entry, it may or may not have happened."""
    DONE = "done"
    REFUSED = "refused"
    """Nothing was changed."""
    FAILED = "failed"
    """It may have been done: the store did not answer, or a bug was hit."""


class AuditEntry(NamedTuple):
    """One entry of the log. Never edited, never removed."""

    id: str
    """Sorts by time within a day."""
    act: str
    """The id of the action, the same in both entries."""
    at: Instant
    author: str
    """The subject of the caller."""
    action: str
    """The action, such as `plan.set`."""
    resource: str
    """The resource, such as `plan/pro`."""
    outcome: Outcome
    before: str | None
    """The state before, as JSON; None if the resource did not exist or cannot be shown."""
    after: str | None
    """The requested state, then the state after, as JSON; for a refusal its reason."""

    @property
    def day(self) -> str:
        """The UTC day of the entry, e.g. `2026-11-20`."""
        return day_of(self.at)


def day_of(at: Instant) -> str:
    """Return the UTC day of an instant."""
    return to_datetime(at).date().isoformat()


def entry_id(at: Instant, act: str, outcome: Outcome) -> str:
    """Return an id that sorts by time; writing again under it is the same entry."""
    return f"{at:016d}-{act}-{outcome}"
