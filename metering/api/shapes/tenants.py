"""Tenants, what they pay for, and who may read them."""

from pydantic import Field

from metering.api.shapes.plain import Shape, Wish


class TenantShown(Shape):
    """A tenant as of now."""

    tenant: str = Field(examples=["acme"])
    plan: str = Field(examples=["default"])
    currency: str
    billing: str = Field(examples=["postpaid"])
    subscriptions: list[str]
    members: list[str] = Field(description="Who may read it.", examples=[["user:…"]])


class PlanOfTenant(Shape):
    """The plan that a tenant is on as of now."""

    tenant: str
    plan: str
    until: str | None = Field(description="When another one begins, as far as is decided.")


class PlanWanted(Wish):
    """The plan that a tenant is to be on."""

    plan: str = Field(min_length=1, max_length=64, examples=["default"])


class SubscriptionShown(Shape):
    """Who pays for a subscription as of now."""

    subscription: str = Field(examples=["sub-1"])
    tenant: str | None = Field(description="Null: nobody, so far.")


class SubscriptionWanted(Wish):
    """Who is to pay for a subscription."""

    tenant: str = Field(min_length=1, max_length=64, examples=["acme"])


class MemberShown(Shape):
    """Which tenant a person or an app may read as of now."""

    member: str = Field(examples=["user:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"])
    tenant: str | None = Field(description="Null: none.")


class MemberWanted(Wish):
    """Which tenant a person or an app is to read."""

    tenant: str | None = Field(max_length=64, examples=["acme"])
