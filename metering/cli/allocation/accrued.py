"""Accrued cost of provisioned capacity and hosting as lines and tables for people."""

from metering.cli.output import count, plural, print_table, stdout
from metering.core.allocation.accrued import Accrued, AccruedShare
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window


def print_accrued(found: Accrued, period: Period) -> None:
    """Print what a tenant has accrued in a period; nothing if no deployment is paid by the hour."""
    print_shares("Provisioned capacity and hosting, by the hour", found.shares)
    window = Window(period.start, period.end)
    if found.at is not None:
        amount = f"{format_read(found.within(window), found.currency)} {found.currency}"
        stdout().print(
            f"{amount} accrued until {format_instant(found.at)}, provisional: not in the amounts"
            " above",
            soft_wrap=True,
        )
    if not found.is_complete:
        stdout().print("incomplete: usage of a deployment cannot be read at present")
    if found.unknown:
        stdout().print(
            f"{plural(len(found.unknown), 'deployment')} paid by the hour whose cost was not worked"
            f" out yet: {', '.join(found.unknown)}",
            soft_wrap=True,
        )


def print_shares(title: str, shares: tuple[AccruedShare, ...]) -> None:
    """Print shares as a table, if there are any."""
    rows = [
        [
            one.deployment,
            one.month.name,
            _state(one),
            count(one.hours),
            *(f"{format_read(part, one.currency)} {one.currency}" for part in _parts(one)),
        ]
        for one in shares
    ]
    if rows:
        columns = ["deployment", "month", "state", "hours used", "used", "idle", "share"]
        print_table(title, columns, rows, left=3)


def _parts(one: AccruedShare) -> tuple[int, int, int]:
    return one.used, one.idle, one.amount


def _state(one: AccruedShare) -> str:
    if not one.is_billable:
        return "not billed: other currency"
    if not one.is_complete:
        return "provisional, incomplete"
    return "final" if one.is_final else "provisional"
