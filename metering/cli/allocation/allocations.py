"""`metering deployments shares`: allocated cost of provisioned capacity and hosting."""

from collections.abc import Callable
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.allocation.allocate import Allocated
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_table, show, stdout, tell_left_out
from metering.core.allocation.allocation import Allocation, Share
from metering.core.allocation.postponed import by_fault
from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_fixed, format_read
from metering.core.calendars.periods import Period, month_of, parse_month
from metering.documents.allocation import AllocationDocument

_COLUMNS: Final = ["tenant", "billed", "weighted tokens", "hours", "used", "idle", "share"]


def list_shares(
    month: Annotated[
        str | None,
        typer.Option(
            help="A UTC month such as 2026-11. Default: the last; with --preview, the current one."
        ),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Preview the allocation as of now. Writes nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how the hourly cost of provisioned and hosted deployments was allocated to tenants.

    Costs are allocated once, when a UTC month is closed. The shares and the unallocated rest add up
    to the cost exactly. A deployment is not allocated while usage of it cannot be read; the ledger
    at fault is named, and the exit status is 1.

    Example:  metering deployments shares --month 2026-11
    """

    async def read(app: bootstrap.App) -> tuple[Period, Allocated]:
        now = app.clock.now()
        chosen = _month(month, month_of(now), preview=preview)
        if preview:
            accruals, postponed = await app.billing.allocate.accruals(chosen, now)
            return chosen, Allocated([one.allocation for one in accruals], postponed)
        return chosen, await app.billing.allocate.allocations(chosen)

    chosen, (found, postponed) = with_app(read)
    documents = [AllocationDocument.model_validate(allocation) for allocation in found]

    def tables() -> None:
        if not found:
            nothing = "no cost to allocate" if preview else "no cost was allocated"
            stdout().print(f"{format_instant(chosen.start)[:7]}: {nothing}")
        for allocation in found:
            _print(allocation)

    show(documents, tables, as_json=as_json)
    tell_left_out(f"{of}: {fault}" for fault, of in by_fault(postponed).items())


def _month(name: str | None, present: Period, *, preview: bool) -> Period:
    if name is None:
        return present if preview else month_of(present.start - 1)
    try:
        return parse_month(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--month") from None


def _print(allocation: Allocation) -> None:
    rows = [_row(share, allocation) for share in allocation.shares]
    blank = ["", ""]
    idle, unallocated = count(allocation.idle_hours), _read(allocation)(allocation.unallocated)
    rows.append(["unallocated", *blank, f"{idle} idle", "-", unallocated, unallocated])
    used = sum(share.used for share in allocation.shares)
    amounts = (used, allocation.cost - used, allocation.cost)
    rows.append(["cost", *blank, count(allocation.hours), *map(_read(allocation), amounts)])
    title = (
        f"{allocation.deployment}, {format_instant(allocation.month.start)[:7]},"
        f" {allocation.currency}, idle hours: {', '.join(allocation.policies)}"
    )
    print_table(title, _COLUMNS, rows, left=2)


def _read(allocation: Allocation) -> Callable[[int], str]:
    return lambda amount: format_read(amount, allocation.currency)


def _row(share: Share, allocation: Allocation) -> list[str]:
    return [
        share.tenant,
        "yes" if share.is_billable else "no: other currency",
        _tokens(share),
        count(share.hours),
        *map(_read(allocation), (share.used, share.idle, share.amount)),
    ]


def _tokens(share: Share) -> str:
    return format_fixed(share.tokens, MULTIPLIER_DECIMALS)
