"""The tenants file: plans, tenants with their subscriptions, deployments."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import validated
from metering.core.calendars.calendar import Calendar
from metering.core.deployments.deployment import Deployment, refuse_twice
from metering.core.plans.plan import DEFAULT_PLAN, Plan

type _Id = Annotated[str, StringConstraints(pattern=IDENTIFIER_SCHEMA)]


class _Strict(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")


class TenantEntry(_Strict):
    """One tenant with its subscriptions."""

    id: _Id
    plan: str = DEFAULT_PLAN.id
    calendar: Calendar | None = None
    """None: unchanged; a new tenant has calendar months in UTC."""
    subscriptions: list[Annotated[str, Field(min_length=1, max_length=256)]] = []


class TenantsFile(_Strict):
    """The whole file."""

    plans: list[Plan] = []
    tenants: list[TenantEntry] = []
    deployments: list[Deployment] = []


def read_tenants_file(source: str, content: object) -> TenantsFile:
    """Return a tenants file from parsed YAML or JSON.

    ConfigurationError names the file and the field, and a subscription that two tenants claim.
    """
    file = validated(TenantsFile, source, content)
    payer: dict[str, str] = {}
    for tenant in file.tenants:
        for subscription in tenant.subscriptions:
            other = payer.setdefault(subscription, tenant.id)
            if other != tenant.id:
                raise ConfigurationError(
                    f"{source}: subscription {subscription!r} is claimed by {other} and {tenant.id}"
                )
    refuse_twice(source, file.deployments)
    return file
