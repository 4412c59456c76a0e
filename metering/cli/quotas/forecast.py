"""`metering forecast`: forecast of a period, its quotas and the credit."""

from metering import bootstrap
from metering.app.quotas.forecast import Forecast, QuotaForecast
from metering.cli.credit.grant_tables import credit_line
from metering.cli.options import Tenant, must_know, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read
from metering.documents.quotas.alerts import QuotasDocument


def forecast(tenant: Tenant, as_json: AsJson = False) -> None:
    """Show the rate at which TENANT uses its quotas and credit, and when they are exhausted.

    It goes by the tenant's last weeks if its plan has a spike rule or a forecast alert and a day is
    known, else in a straight line. The charge has the plan's fees and allowances. The forecast of
    credit is linear and goes on beyond the period.

    Example:  metering forecast acme
    """

    async def ask(app: bootstrap.App) -> tuple[Forecast, QuotasDocument]:
        await must_know(app, tenant)
        found = await app.forecasts.of(tenant)
        return found, QuotasDocument.of(tenant, found, app.tenancy.directory)

    found, document = with_app(ask)
    show(document, lambda: _print(tenant, found), as_json=as_json)


def _print(tenant: str, found: Forecast) -> None:
    def read(amount: int | None) -> str:
        return "-" if amount is None else format_read(amount, found.currency)

    rows = [
        ["period", *map(read, found.amount), "-", "-"],
        ["charge", "-", "-", read(found.charge), "-", "-"],
    ]
    provisioned = found.provisioned
    if provisioned.accrued.at is not None:
        so_far = read(provisioned.so_far)
        rows.append(["provisioned", so_far, "-", read(provisioned.projected), "-", "-"])
    rows.extend(_row(one, found.currency) for one in found.quotas)
    columns = ["quota", "used", "per hour", "projected", "limit", "exhausted"]
    print_table(f"{tenant}, {format_instant(found.at)}, {found.currency}", columns, rows)
    if provisioned.accrued.at is not None:
        stdout().print(
            "provisioned: the share of deployments paid by the hour, accrued until"
            f" {format_instant(provisioned.accrued.at)}, provisional and in no other row",
            soft_wrap=True,
        )
    if found.credit is not None:
        stdout().print(credit_line(found.credit))


def _row(one: QuotaForecast, currency: str) -> list[str]:
    def show(value: int) -> str:
        is_money = one.state.quota.metric == "amount"
        return format_read(value, currency) if is_money else f"{value:,}"

    ends = "-" if one.exhausted_at is None else format_instant(one.exhausted_at)
    trend = [show(value) for value in one.trend]
    return [one.state.label, *trend, show(one.state.limit), ends]
