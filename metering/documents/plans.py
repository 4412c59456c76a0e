"""Versions of plans: what is in force and what is scheduled."""

from typing import Any, Self

from pydantic import Field

from metering.core.plans.versions import PlanVersion
from metering.documents.document import Document, Time


class TermChangeDocument(Document):
    """A term that a version changes."""

    term: str = Field(examples=["markup"])
    old: Any
    new: Any


class PlanVersionDocument(Document):
    """A version of a plan."""

    state: str = Field(description="in_force, scheduled or replaced.")
    start: Time | None = Field(description="Null: from the beginning.")
    end: Time | None = Field(description="When the next version replaces it; null: open.")
    changes: list[TermChangeDocument] = Field(description="Against the version before.")
    terms: dict[str, Any] = Field(description="The plan, as in a plan file.")

    @classmethod
    def of(cls, version: PlanVersion) -> Self:
        """Return a version as a document."""
        return cls(
            state=version.state,
            start=version.start,
            end=version.end,
            changes=[TermChangeDocument.model_validate(one) for one in version.changes],
            terms=version.plan.model_dump(mode="json"),
        )
