"""Aliases, with what each leads to and what is scheduled."""

from typing import Self

from pydantic import Field

from metering.app.deployments.aliases import DeclaredAlias, ShownAlias
from metering.core.deployments.alias import MAX_TARGETS
from metering.documents.document import Document, RequestBody, Time


class AliasTarget(Document):
    """One target of an alias."""

    target: str
    model: str = Field(description="The model that the target stands for now.")
    deployment: str | None = Field(description="Its record: null where the target is a model.")


class AliasVersion(Document):
    """A version to come."""

    since: Time
    targets: list[str] = Field(description="Empty: from then on the name is no alias.")


class AliasDocument(Document):
    """An alias as of now, or its first version to come."""

    alias: str = Field(examples=["smart"])
    targets: list[AliasTarget]
    unknown_targets: list[str] = Field(
        description="Targets that are neither a deployment on record nor a model with a price."
    )
    is_model: bool = Field(
        description="Whether a model with a price has this name: its limits hold for the alias too."
    )
    in_force: bool
    scheduled: list[AliasVersion]

    @classmethod
    def of(cls, one: ShownAlias) -> Self:
        """Return an alias as a document."""
        targets = [
            AliasTarget(
                target=goal.target,
                model=goal.model,
                deployment=None if goal.registered is None else goal.registered.deployment.key,
            )
            for goal in one.goals
        ]
        return cls(
            alias=one.listed.alias.alias,
            targets=targets,
            unknown_targets=list(one.unknown),
            is_model=one.is_model,
            in_force=one.listed.is_in_force,
            scheduled=[
                AliasVersion(since=start, targets=list(version.targets))
                for start, version in one.listed.scheduled
            ],
        )


class AliasRequest(RequestBody):
    """An alias to declare."""

    targets: list[str] = Field(
        max_length=MAX_TARGETS,
        description="Models or deployments, the first choice first. Empty: no alias any longer.",
        examples=[["gpt-4o", "claude-sonnet-4"]],
    )


class ImportedAlias(Document):
    """The result of importing one alias."""

    alias: str
    targets: list[str]
    result: str
    holds_from: Time | None = Field(description="Null if nothing was recorded.")

    @classmethod
    def of(cls, one: DeclaredAlias, *, dry_run: bool) -> Self:
        """Return an alias of a file with its result as a document."""
        news = "would be recorded" if dry_run else "recorded"
        return cls(
            alias=one.alias.alias,
            targets=list(one.alias.targets),
            result=news if one.is_news else "unchanged",
            holds_from=one.holds_from,
        )
