"""`metering forecast`: where a period and its quotas end if they go on as they began."""

from typing import Any

from metering import bootstrap
from metering.app.quotas.forecast import Forecast, QuotaForecast
from metering.cli.options import Tenant, must_know, with_app
from metering.cli.output import AsJson, print_json, print_table
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount


def forecast(tenant: Tenant, as_json: AsJson = False) -> None:
    """Show how fast TENANT uses its period and its quotas, and when they are exhausted.

    A straight line from the beginning of each window.

    Example:  metering forecast acme
    """

    async def ask(app: bootstrap.App) -> Forecast:
        await must_know(app, tenant)
        return await app.forecasts.of(tenant)

    found = with_app(ask)
    if as_json:
        print_json(_json(found))
        return
    rows = [
        [
            "the period",
            format_amount(found.amount.used),
            format_amount(found.amount.an_hour),
            format_amount(found.amount.projected),
            "-",
            "-",
        ]
    ]
    rows.extend(_row(one) for one in found.quotas)
    columns = ["what", "used", "an hour", "at its end", "limit", "exhausted"]
    print_table(f"{tenant}, {format_instant(found.at)}, {found.currency}", columns, rows)


def _row(one: QuotaForecast) -> list[str]:
    show = one.state.show
    ends = "-" if one.exhausted_at is None else format_instant(one.exhausted_at)
    trend = [show(value) for value in one.trend]
    return [one.state.quota.label, *trend, show(one.state.quota.limit_units), ends]


def _json(found: Forecast) -> dict[str, Any]:
    used, an_hour, projected = map(format_amount, found.amount)
    return {
        "at": format_instant(found.at),
        "currency": found.currency,
        "amount": {"used": used, "an_hour": an_hour, "projected": projected},
        "quotas": [_quota_json(one) for one in found.quotas],
    }


def _quota_json(one: QuotaForecast) -> dict[str, Any]:
    state, ends = one.state, one.exhausted_at
    used, an_hour, projected = map(state.show, one.trend)
    return {
        "quota": state.quota.key,
        "about": state.quota.label,
        "window_start": format_instant(state.window.start),
        "window_end": format_instant(state.window.end),
        "limit": state.quota.limit,
        "used": used,
        "remaining": state.show(state.remaining),
        "an_hour": an_hour,
        "projected": projected,
        "exhausted_at": None if ends is None else format_instant(ends),
    }
