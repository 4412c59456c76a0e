"""Imported deployments, and deployments without a record.

A recorded deployment is returned as it stands in a deployments file; a list adds what is scheduled.
"""

from typing import Any, Self

from pydantic import Field

from metering.app.deployments.deployments import Proposal
from metering.core.basics.instants import format_instant
from metering.core.tenancy.known_deployments import ListedDeployment
from metering.documents.document import Document, Time


def deployment_listed(one: ListedDeployment) -> dict[str, Any]:
    """Return a deployment as in a deployments file, with the starts of its versions to come."""
    return {
        **one.deployment.model_dump(mode="json"),
        "in_force": one.is_in_force,
        "scheduled": [format_instant(at) for at in one.scheduled],
    }


class UnknownDeploymentDocument(Document):
    """A deployment that usage names and that has no record."""

    deployment: str = Field(validation_alias="name")
    backend: str | None
    requests: int
    models: list[str]


class ImportedDeployment(Document):
    """The result of importing one deployment."""

    key: str = Field(examples=["contoso/gpt-4o"])
    deployment: dict[str, Any] | None = Field(description="Null if it cannot be recorded.")
    result: str
    holds_from: Time | None = Field(description="Null if nothing was recorded.")

    @classmethod
    def of(cls, proposal: Proposal, *, dry_run: bool) -> Self:
        """Return a proposal with its result as a document."""
        found = proposal.deployment
        if found is None:
            result = f"skipped: {proposal.reason}"
        elif not proposal.is_news:
            result = "unchanged"
        else:
            result = "would be recorded" if dry_run else "recorded"
        return cls(
            key=proposal.key,
            deployment=None if found is None else found.model_dump(mode="json"),
            result=result,
            holds_from=proposal.holds_from,
        )
