"""Plans, prices and deployments. Plans and deployments look as their files do."""

from typing import Any

from pydantic import Field

from metering.api.shapes.plain import Shape
from metering.core.basics.instants import format_instant
from metering.core.prices.price_changes import Change
from metering.core.tenancy.record import Record


class PlanShown(Shape):
    """A plan as of now."""

    id: str
    plan: dict[str, Any] = Field(description="The terms, as in a plan's file.")


class DeploymentShown(Shape):
    """A deployment as of now."""

    key: str = Field(examples=["contoso/gpt-4o"])
    deployment: dict[str, Any] = Field(description="What it is, as in a deployments file.")


class PriceVersion(Shape):
    """A published version of prices."""

    version: str
    published: str
    sha256: str

    @classmethod
    def of(cls, record: Record) -> "PriceVersion":
        """Return a published version."""
        return cls(
            version=record.key, published=format_instant(record.recorded), sha256=record.value
        )


class PriceChange(Shape):
    """One row that a version changes."""

    kind: str
    row: str

    @classmethod
    def of(cls, one: Change) -> "PriceChange":
        """Return what is changed."""
        return cls(kind=one.kind, row=one.row.id)


class PricesPublished(Shape):
    """A version of prices that is in force."""

    version: str
    changes: list[PriceChange] = Field(description="None where it was in force already.")
