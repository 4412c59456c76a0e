"""Tenants, their plans and subscriptions, their members, and the audit log."""

import json
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from metering.core.basics.instants import Instant, format_instant
from metering.core.calendars.dated import FOREVER
from metering.core.tenancy.directory import Directory
from metering.documents.document import Document, RequestBody, Time


class CalendarDocument(Document):
    """A billing calendar."""

    cycle: str = Field(examples=["monthly"])
    anchor: int = Field(description="The day of the month, or of the week from Monday.")
    time_zone: str = Field(examples=["UTC"])


class NextCalendar(CalendarDocument):
    """The calendar that replaces the current one."""

    start: str = Field(description="When it takes effect.")


class TenantDocument(Document):
    """A tenant as of now."""

    tenant: str = Field(examples=["acme"])
    plan: str = Field(examples=["default"])
    currency: str
    billing: str = Field(examples=["postpaid"])
    calendar: CalendarDocument
    next_calendar: NextCalendar | None = Field(description="Null if no change is scheduled.")
    subscriptions: list[str]
    members: list[str] = Field(
        description="People and apps that can read the tenant.", examples=[["user:…"]]
    )

    @classmethod
    def of(cls, directory: Directory, tenant: str, now: Instant) -> Self:
        """Return a tenant as it is at `now`."""
        plan, _, _ = directory.plan_of(tenant, now)
        calendar, _, end = directory.calendar_of(tenant, now)
        following = None
        if end != FOREVER:
            after, _, _ = directory.calendar_of(tenant, end)
            following = NextCalendar(**after.model_dump(), start=format_instant(end))
        return cls(
            tenant=tenant,
            plan=plan.id,
            currency=plan.currency,
            billing=plan.billing,
            calendar=CalendarDocument(**calendar.model_dump()),
            next_calendar=following,
            subscriptions=directory.subjects(tenant, now),
            members=directory.members.of(tenant, now),
        )


class TenantPlan(Document):
    """The plan of a tenant as of now."""

    tenant: str
    plan: str
    until: Time | None = Field(description="When the next plan starts, if one is scheduled.")


class TenantPlanRequest(RequestBody):
    """The plan to assign to a tenant."""

    plan: str = Field(min_length=1, max_length=64, examples=["default"])


class SubscriptionDocument(Document):
    """The tenant that pays for a subscription as of now."""

    subscription: str = Field(examples=["sub-1"])
    tenant: str | None = Field(description="Null if the subscription is not mapped.")


class SubscriptionRequest(RequestBody):
    """The tenant that is to pay for a subscription."""

    tenant: str = Field(min_length=1, max_length=64, examples=["acme"])


class MemberDocument(Document):
    """The tenant that a person or an app can read as of now."""

    member: str = Field(examples=["user:6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"])
    tenant: str | None = Field(description="Null if the member can read no tenant.")


class MemberRequest(RequestBody):
    """The tenant that a person or an app is to read; null removes access."""

    tenant: str | None = Field(max_length=64, examples=["acme"])


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text)


class AuditDocument(Document):
    """An entry of the audit log."""

    id: str
    act: str = Field(description="Links the entry of the request with that of its outcome.")
    at: Time
    author: str
    action: str
    resource: str
    outcome: str
    before: Annotated[Any, BeforeValidator(_parsed)]
    after: Annotated[Any, BeforeValidator(_parsed)]
