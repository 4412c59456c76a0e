"""Alerts and quotas."""

import json
from collections.abc import Mapping

from pydantic import Field

from metering.api.shapes.plain import Shape
from metering.app.quotas.forecast import Forecast, QuotaForecast
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.ledger.effect import Effect, EffectKind, describe
from metering.core.quotas.decision import QuotaState


class Alert(Shape):
    """Something that was told of, once."""

    id: str = Field(description="The key under which it is told outside.")
    kind: str = Field(examples=["quota"])
    at: str = Field(description="When the commit was made that caused it.")
    text: str
    detail: Mapping[str, object] = Field(description="What it says, by kind.")

    @classmethod
    def of(cls, effect: Effect) -> "Alert":
        """Return an effect as an alert."""
        is_model = effect.kind is EffectKind.UNPRICED
        detail = {"model": effect.detail} if is_model else json.loads(effect.detail)
        return cls(
            id=effect.key,
            kind=effect.kind.value,
            at=format_instant(effect.created),
            text=describe(effect),
            detail=detail,
        )


class QuotaNow(Shape):
    """Where a quota stands."""

    quota: str = Field(description="The identity of this version of the quota.")
    about: str = Field(examples=["amount a period"])
    metric: str
    mode: str = Field(description="shadow: it tells what it would do, and does nothing.")
    action: str = Field(examples=["block"])
    thresholds: list[int]
    window_start: str
    window_end: str
    limit: str
    used: str
    remaining: str
    percent: int

    @classmethod
    def of(cls, state: QuotaState) -> "QuotaNow":
        """Return the state of a quota."""
        return cls.model_validate(_state(state))


def _state(state: QuotaState) -> dict[str, object]:
    quota = state.quota
    action = quota.action
    return {
        "quota": quota.key,
        "about": quota.label,
        "metric": quota.metric,
        "mode": quota.mode,
        "action": action if isinstance(action, str) else f"downgrade to {action.downgrade}",
        "thresholds": list(quota.thresholds),
        "window_start": format_instant(state.window.start),
        "window_end": format_instant(state.window.end),
        "limit": quota.limit,
        "used": state.show(state.used),
        "remaining": state.show(state.remaining),
        "percent": state.percent,
    }


class Alerts(Shape):
    """What a tenant was told of in a period, newest first, and what holds now."""

    tenant: str
    period: str
    as_of: str
    reached: list[QuotaNow] = Field(description="Quotas past one of their thresholds now.")
    items: list[Alert]
    next: str | None


class QuotaAhead(QuotaNow):
    """Where a quota stands, and where it goes: a straight line from the window's beginning."""

    an_hour: str
    projected: str = Field(description="At the end of the window.")
    exhausted_at: str | None

    @classmethod
    def of_forecast(cls, one: QuotaForecast) -> "QuotaAhead":
        """Return a quota with its forecast."""
        ends = one.exhausted_at
        return cls.model_validate(
            _state(one.state)
            | {
                "an_hour": one.state.show(one.trend.an_hour),
                "projected": one.state.show(one.trend.projected),
                "exhausted_at": None if ends is None else format_instant(ends),
            }
        )


class AmountAhead(Shape):
    """What the period has come to, and where it goes."""

    used: str
    an_hour: str
    projected: str


class Quotas(Shape):
    """A tenant's quotas in the present period, and the forecast."""

    tenant: str
    currency: str
    as_of: str
    amount: AmountAhead
    quotas: list[QuotaAhead]

    @classmethod
    def of(cls, tenant: str, found: Forecast) -> "Quotas":
        """Return a forecast."""
        used, an_hour, projected = map(format_amount, found.amount)
        return cls(
            tenant=tenant,
            currency=found.currency,
            as_of=format_instant(found.at),
            amount=AmountAhead(used=used, an_hour=an_hour, projected=projected),
            quotas=[QuotaAhead.of_forecast(one) for one in found.quotas],
        )
