"""Alerts, quotas and forecasts."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from metering.app.quotas.forecast import Forecast, QuotaForecast
from metering.core.basics.instants import Instant, format_instant
from metering.core.ledger.effect import Effect, describe
from metering.core.plans.quota import Quota
from metering.core.quotas.decision import QuotaState
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.schedule import plans_to_come
from metering.documents.allocation import AccruedDocument
from metering.documents.credit import CreditDocument
from metering.documents.document import Document, Money, Time
from metering.documents.ledger.effects import effect_detail
from metering.documents.tenancy import StopDocument


class AlertDocument(Document):
    """A notification about a tenant."""

    id: str = Field(description="Deduplication key of the notification.")
    kind: str = Field(examples=["quota"])
    at: str = Field(description="Time of the commit that caused the alert.")
    text: str
    detail: Mapping[str, object] = Field(description="Details; the fields depend on the kind.")

    @classmethod
    def of(cls, effect: Effect) -> Self:
        """Return an effect as an alert."""
        return cls(
            id=effect.key,
            kind=effect.kind.value,
            at=format_instant(effect.created),
            text=describe(effect),
            detail=effect_detail(effect),
        )


class QuotaDocument(Document):
    """The current state of a quota."""

    quota: str = Field(description="The id of this version of the quota.")
    about: str = Field(examples=["amount a period"])
    values: Mapping[str, str] = Field(
        description="Of the attributes the quota is split by; empty for the quota itself."
    )
    metric: str
    mode: str = Field(description="shadow: the quota is evaluated and not enforced.")
    action: str = Field(examples=["block"])
    thresholds: list[int]
    window_start: Time
    window_end: Time
    limit: str = Field(description="The limit in force.")
    increased_until: Time | None = Field(description="When a temporary increase ends.")
    used: str
    provisioned: str | None = Field(
        None,
        description="Of it, the accrued share of deployments paid by the hour; null if the quota"
        " does not include it.",
    )
    provisioned_as_of: Time | None = Field(
        None, description="Up to when it has accrued; null if it is not known."
    )
    remaining: str
    percent: int
    counting: bool = Field(
        description="Usage from before the quota was set is still being counted: `used` is what is"
        " known, and the quota is enforced on it."
    )

    @model_validator(mode="before")
    @classmethod
    def _of_state(cls, source: Any) -> Any:
        if isinstance(source, QuotaForecast):
            trend = source.trend
            return _state(source.state) | {
                "an_hour": source.state.show(trend.an_hour),
                "projected": source.state.show(trend.projected),
                "exhausted_at": source.exhausted_at,
            }
        return _state(source) if isinstance(source, QuotaState) else source


def _state(state: QuotaState) -> dict[str, object]:
    quota = state.quota
    return {
        "quota": quota.key,
        "about": state.label,
        "values": dict(zip(quota.scope.split_by, state.values, strict=False)),
        "metric": quota.metric,
        "mode": quota.mode,
        "action": _action(quota),
        "thresholds": list(quota.thresholds),
        "window_start": state.window.start,
        "window_end": state.window.end,
        "limit": state.show(state.limit),
        "increased_until": state.increased_until,
        "used": state.show(state.used),
        "provisioned": state.show(state.accrued) if quota.include_provisioned else None,
        "provisioned_as_of": state.accrued_at,
        "remaining": state.show(state.remaining),
        "percent": state.percent,
        "counting": state.is_counting,
    }


def _action(quota: Quota) -> str:
    action = quota.action
    return action if isinstance(action, str) else f"downgrade to {action.downgrade}"


class AlertsDocument(Document):
    """A tenant's alerts in a period, newest first, and the thresholds that are exceeded now."""

    tenant: str
    period: str
    as_of: str
    reached: list[QuotaDocument] = Field(description="Quotas that are past a threshold now.")
    items: list[AlertDocument]
    next: str | None


class QuotaForecastDocument(QuotaDocument):
    """The state of a quota with a forecast (docs/quotas.md)."""

    an_hour: str = Field(description="Average use per hour.")
    projected: str = Field(description="Projected use at the end of the window.")
    exhausted_at: Time | None


class AmountForecastDocument(Document):
    """The amount of the current period with a forecast (docs/quotas.md)."""

    used: Money
    an_hour: Money = Field(description="Average amount per hour.")
    projected: Money = Field(description="Projected amount at the end of the period.")
    charge: Money | None = Field(
        None,
        description="Expected charge for the period, with the plan's fees, allowances and tiers; "
        "null while no usage has an amount.",
    )


class ScheduledQuota(Document):
    """A quota of a plan that is not in force yet."""

    about: str = Field(examples=["amount a period"])
    limit: str
    action: str = Field(examples=["block"])
    mode: str


class ScheduledQuotas(Document):
    """The quotas of a tenant from a time on."""

    start: Time = Field(description="When they take effect.")
    plan: str = Field(examples=["pro"])
    quotas: list[ScheduledQuota]

    @classmethod
    def all_of(cls, directory: Directory, tenant: str, now: Instant) -> list[Self]:
        """Return what is scheduled for a tenant, the next one first."""
        return [
            cls.model_validate(
                {
                    "start": start,
                    "plan": plan.id,
                    "quotas": [
                        {
                            "about": one.label,
                            "limit": one.show(one.limit_of(())),
                            "action": _action(one),
                            "mode": one.mode,
                        }
                        for one in plan.quotas
                    ],
                }
            )
            for start, plan in plans_to_come(directory, tenant, now)
        ]


class QuotasDocument(Document):
    """A tenant's quotas in the current period with forecasts."""

    tenant: str
    currency: str
    as_of: Time
    amount: AmountForecastDocument
    provisioned: AccruedDocument
    quotas: list[QuotaForecastDocument]
    scheduled: list[ScheduledQuotas] = Field(
        description="The quotas of plans that are recorded and do not hold yet."
    )
    credits: CreditDocument | None = Field(
        description="With the date at which it runs out. Null for a tenant that has no grants and"
        " is not prepaid."
    )
    stopped: list[StopDocument] = Field(description="What operators have stopped.")

    @classmethod
    def of(cls, tenant: str, found: Forecast, directory: Directory) -> Self:
        """Return a forecast as a document."""
        return cls.model_validate(
            {
                "tenant": tenant,
                "currency": found.currency,
                "as_of": found.at,
                "amount": found.amount._asdict() | {"charge": found.charge},
                "provisioned": AccruedDocument.of(
                    found.provisioned.accrued, found.provisioned.window
                ),
                "quotas": found.quotas,
                "scheduled": ScheduledQuotas.all_of(directory, tenant, found.at),
                "credits": found.credit,
                "stopped": StopDocument.all_of(directory, tenant, found.at),
            }
        )
