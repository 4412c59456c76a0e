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
    to_provider: str | None = Field(description="The provider of the model behind `to`.")
    metric: str | None = Field(
        description="Of the quota that decided, or the nearest to its limit."
    )
    limit: str | None
    remaining: str | None
    resets_at: str | None
    retry_after_s: int | None


class ScopedAdmissionDocument(ModelAdmissionDocument):
    """The decision for requests with all of these attributes, on top of their model's."""

    when: Mapping[str, str] = Field(
        description="Values by attribute; of the model, its canonical name.",
        examples=[{"end_user": "ada"}],
    )


class AdmissionDocument(ModelAdmissionDocument):
    """The decision for a subscription, with the models and requests that differ from it.

    Built by `Admitted.document`, so that the gateway's path validates nothing twice.
    """

    subscription: str
    tenant: str
    at: str
    cache_s: int = Field(description="How long the decision can be cached, in seconds.")
    models: Mapping[str, ModelAdmissionDocument]
    rules: list[ScopedAdmissionDocument] = Field(
        description="Decisions on some of the requests. Of all that apply the strictest decides."
    )
    serves: Mapping[str, str] = Field(
        description="The model of each deployment of a model that a rule names."
    )
    closed: Mapping[str, list[str]] = Field(
        description="By target of a rule's downgrade, whose requests cannot go there."
    )
    ask: list[str] = Field(
        description="Attributes to ask again with, since the decision depends on their values."
    )
    requests_per_minute: int | None = Field(
        description="The rate of the tenant's requests that the gateway enforces."
    )
    shadow: list[str] = Field(description="What quotas in shadow mode would have done.")
    counting: list[str] = Field(
        description="Quotas whose usage from before they were set is still being counted; until"
        " then they are enforced on what is known."
    )
