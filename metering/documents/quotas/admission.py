"""Admission decisions for the gateway."""

from collections.abc import Mapping

from pydantic import Field

from metering.documents.document import Document


class ModelAdmissionDocument(Document):
    """The decision for requests to a model."""

    verdict: str = Field(examples=["allow"], description="allow, downgrade or block.")
    reason: str
    detail: str
    to: str | None = Field(description="The deployment that serves a downgraded request.")
    remaining: str | None
    resets_at: str | None
    retry_after_s: int | None


class AdmissionDocument(ModelAdmissionDocument):
    """The decision for a subscription, with the models that differ from it.

    Built by `Admitted.document`, so that the gateway's path validates nothing twice.
    """

    subscription: str
    tenant: str
    at: str
    cache_s: int = Field(description="How long the decision can be cached, in seconds.")
    models: Mapping[str, ModelAdmissionDocument]
    shadow: list[str] = Field(description="What quotas in shadow mode would have done.")
