"""`metering deployments shares`: how the cost of provisioned capacity was divided."""

from typing import Annotated, Any, Final

import typer

from metering import bootstrap
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.allocation.allocation import Allocation, Share
from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_amount, format_fixed
from metering.core.calendars.periods import Period, month_of, parse_month

_COLUMNS: Final = ["tenant", "billed", "weighted tokens", "hours", "used", "idle", "share"]


def list_shares(
    month: Annotated[
        str | None,
        typer.Option(help="A month of UTC like 2026-11. Default: the last; of a preview, this."),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="What it would be as of now; writes nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the hourly cost of provisioned deployments was divided among tenants.

    That is done once, when a month of UTC is closed. Shares and what is unallocated add up to the
    cost, exactly.

    Example:  metering deployments shares --month 2026-11
    """

    async def read(app: bootstrap.App) -> tuple[Period, list[Allocation]]:
        now = app.clock.now()
        chosen = _month(month, month_of(now), preview=preview)
        if preview:
            return chosen, await app.billing.allocate.preview(chosen, now)
        return chosen, await app.billing.allocate.allocations(chosen)

    chosen, found = with_app(read)
    if as_json:
        print_json([_allocation_json(allocation) for allocation in found])
        return
    if not found:
        nothing = "nothing would be shared out" if preview else "nothing is shared out"
        stdout().print(f"{format_instant(chosen.start)[:7]}: {nothing}")
    for allocation in found:
        _print(allocation)


def _month(name: str | None, present: Period, *, preview: bool) -> Period:
    if name is None:
        return present if preview else month_of(present.start - 1)
    try:
        return parse_month(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--month") from None


def _print(allocation: Allocation) -> None:
    rows = [_row(share) for share in allocation.shares]
    blank = ["", ""]
    idle = count(allocation.idle_hours)
    rows.append(["unallocated", *blank, idle, "0", *[format_amount(allocation.unallocated)] * 2])
    used = sum(share.used for share in allocation.shares)
    amounts = (used, allocation.cost - used, allocation.cost)
    rows.append(["cost", *blank, count(allocation.hours), *map(format_amount, amounts)])
    title = (
        f"{allocation.deployment}, {format_instant(allocation.month.start)[:7]},"
        f" {allocation.currency}, idle hours: {', '.join(allocation.policies)}"
    )
    print_table(title, _COLUMNS, rows, left=2)


def _row(share: Share) -> list[str]:
    return [
        share.tenant,
        "yes" if share.is_billable else "no: other currency",
        _tokens(share),
        count(share.hours),
        *map(format_amount, (share.used, share.idle, share.amount)),
    ]


def _tokens(share: Share) -> str:
    return format_fixed(share.tokens, MULTIPLIER_DECIMALS)


def _allocation_json(allocation: Allocation) -> dict[str, Any]:
    return {
        "deployment": allocation.deployment,
        "month": format_instant(allocation.month.start)[:7],
        "currency": allocation.currency,
        "cost": format_amount(allocation.cost),
        "hours": allocation.hours,
        "idle_hours": allocation.idle_hours,
        "spans": [
            {
                "start": format_instant(span.start),
                "end": format_instant(span.end),
                "units": span.units,
                "hourly_price": format_amount(span.hourly_price),
                "idle": span.idle,
            }
            for span in allocation.spans
        ],
        "shares": [
            {
                "tenant": share.tenant,
                "used": format_amount(share.used),
                "idle": format_amount(share.idle),
                "amount": format_amount(share.amount),
                "weighted_tokens": _tokens(share),
                "hours": share.hours,
                "billable": share.is_billable,
            }
            for share in allocation.shares
        ],
        "unallocated": format_amount(allocation.unallocated),
        "counted": [
            {"ledger": str(one.ledger), "page": one.page, "hash": one.hash}
            for one in allocation.counted
        ],
    }
