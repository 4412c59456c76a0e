"""Tenants, their plans and subscriptions, their members, and the audit log."""

import json
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from metering.core.basics.instants import Instant, format_instant
from metering.core.calendars.dated import FOREVER
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.schedule import scheduled, scheduled_plans
from metering.core.tenancy.stops import MAX_REASON, Target
from metering.documents.document import Document, RequestBody, Time


class CalendarDocument(Document):
    """A billing calendar."""

    cycle: str = Field(examples=["monthly"])
    anchor: int = Field(description="The day of the month, or of the week from Monday.")
    time_zone: str = Field(examples=["UTC"])


class NextCalendar(CalendarDocument):
    """The calendar that replaces the current one."""

    start: str = Field(description="When it takes effect.")


class ScheduledDocument(Document):
    """A change that is recorded and does not hold yet."""

    start: Time = Field(description="When it takes effect.")
    what: str = Field(examples=["plan pro"])


class StopDocument(Document):
    """A stop by an operator: its requests are blocked until it is resumed."""

    subscription: str | None = Field(description="Null: the whole tenant.")
    reason: str
    since: Time

    @classmethod
    def all_of(cls, directory: Directory, tenant: str, now: Instant) -> list[Self]:
        """Return the stops of a tenant and of its subscriptions."""
        names = [None, *directory.subjects(tenant, now)]
        stops = ((name, directory.stops.at(Target(tenant, name))) for name in names)
        return [
            cls(subscription=name, reason=stop.reason, since=stop.since)
            for name, stop in stops
            if stop is not None
        ]


class StopRequest(RequestBody):
    """The reason of a stop or of its end."""

    reason: str = Field(min_length=1, max_length=MAX_REASON, examples=["leaked key"])
    subscription: str | None = Field(
        default=None, max_length=256, description="Only this subscription. Null: the whole tenant."
    )


class TenantDocument(Document):
    """A tenant as of now."""

    tenant: str = Field(examples=["acme"])
    plan: str = Field(examples=["default"])
    currency: str
    billing: str = Field(examples=["postpaid"])
    calendar: CalendarDocument
    next_calendar: NextCalendar | None = Field(description="Null if no change is scheduled.")
    scheduled: list[ScheduledDocument] = Field(
        description="Changes to come of its plan and subscriptions."
    )
    subscriptions: list[str]
    stopped: list[StopDocument] = Field(description="What operators have stopped.")
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
            scheduled=[
                ScheduledDocument(start=one.start, what=one.what)
                for one in scheduled(directory, tenant, now)
            ],
            subscriptions=directory.subjects(tenant, now),
            stopped=StopDocument.all_of(directory, tenant, now),
            members=directory.members.of(tenant, now),
        )


def plans_listed(directory: Directory, now: Instant) -> list[dict[str, Any]]:
    """Return the plans in force, each as in a plan file, with the starts of versions to come."""
    to_come = scheduled_plans(directory, now)
    return [
        {
            **plan.model_dump(mode="json"),
            "scheduled": [format_instant(at) for name, at in to_come if name == plan.id],
        }
        for plan in directory.plans(now)
    ]


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
