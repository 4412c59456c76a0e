"""What the gateway is told."""

from collections.abc import Mapping

from pydantic import Field

from metering.api.shapes.plain import Shape


class ModelAdmission(Shape):
    """The verdict for requests to a model."""

    verdict: str = Field(examples=["allow"], description="allow, downgrade or block.")
    reason: str
    detail: str
    to: str | None = Field(description="The deployment that takes a downgraded request.")
    remaining: str | None
    resets_at: str | None
    retry_after_s: int | None


class Admission(ModelAdmission):
    """The verdict for a subscription, and for the models that differ."""

    subscription: str
    tenant: str
    at: str
    cache_s: int = Field(description="How long it may be kept, in seconds.")
    models: Mapping[str, ModelAdmission]
    shadow: list[str] = Field(description="What quotas in shadow would have done.")
