"""The audit log: what operators did, written before it is done and after."""

from enum import StrEnum
from typing import NamedTuple

from metering.core.basics.instants import Instant, to_datetime


class Outcome(StrEnum):
    """How far an act came."""

    ASKED = "asked"
    """Written before anything is done: an act without another entry may have happened or not."""
    DONE = "done"
    REFUSED = "refused"
    """Nothing was changed."""
    FAILED = "failed"
    """It may have been done: the store did not answer, or there is a bug."""


class AuditEntry(NamedTuple):
    """One line of the log. Never edited, never removed."""

    id: str
    """Sorts by time within a day."""
    act: str
    """The same in the entries before and after."""
    at: Instant
    author: str
    """Who: the subject of the caller."""
    action: str
    """What was done, such as `plan.set`."""
    resource: str
    """To what, such as `plan/pro`."""
    outcome: Outcome
    before: str | None
    """What was there, as JSON; None where there was nothing, or nothing that can be shown."""
    after: str | None
    """What is asked for, then what is there, as JSON; of a refusal its reason."""

    @property
    def day(self) -> str:
        """The UTC day that it is kept under, e.g. `2026-11-20`."""
        return day_of(self.at)


def day_of(at: Instant) -> str:
    """Return the UTC day of an instant."""
    return to_datetime(at).date().isoformat()


def entry_id(at: Instant, act: str, outcome: Outcome) -> str:
    """Return an id that sorts by time, and under which writing again is the same entry."""
    return f"{at:016d}-{act}-{outcome}"
