"""Temporary increases of limits."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.core.basics.instants import format_instant
from metering.core.plans.increases import Increase
from metering.core.tenancy.increases import IncreaseOffer
from metering.documents.document import Document, RequestBody, Time


class IncreaseRequest(RequestBody):
    """An increase to make."""

    limit: str = Field(description="At least the plan's limit.", examples=["800"])
    until: str = Field(description="When it ends by itself.", examples=["2027-01-01T00:00:00Z"])
    reason: str = Field(min_length=1, max_length=256)
    values: Mapping[str, str] = Field(
        default={},
        description="For one value of each attribute that the quota is split by.",
        examples=[{"end_user": "ada"}],
    )


class IncreaseDocument(Document):
    """A limit that ends by itself."""

    tenant: str
    quota: str = Field(description="The id of this version of the quota.")
    values: list[str] = Field(description="Of the attributes it is split by; empty for all.")
    limit: str
    until: Time
    reason: str
    author: str

    @classmethod
    def of(cls, tenant: str, increase: Increase) -> Self:
        """Return an increase of a tenant's quota."""
        return cls.model_validate({"tenant": tenant, **dict(increase)})

    @staticmethod
    def wanted(offer: IncreaseOffer) -> dict[str, object]:
        """Return a request for an increase as the audit log has it."""
        return {**offer._asdict(), "until": format_instant(offer.until), "values": {**offer.values}}
