"""Credit and grants as tables."""

from collections.abc import Sequence

from metering.cli.output import print_table, stdout
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read, parse_amount
from metering.core.credit.credit import Bounds, CreditBalance, GrantCredit
from metering.core.credit.grant import Grant


def credit_line(found: CreditBalance) -> str:
    """Return the remaining credit as one line for people."""
    remaining = _range(found.remaining, found.currency)
    granted = format_read(found.granted, found.currency)
    carried = format_read(found.carried, found.currency)
    line = f"credit: {remaining} {found.currency} remaining of {granted}"
    line = f"{line} granted and {carried} carried forward" if found.carried else line
    if found.runs_out is None or found.remaining.at_least <= 0:
        return line
    return f"{line}, used up by {format_instant(found.runs_out)} at this rate"


def print_grants(found: CreditBalance, others: Sequence[Grant]) -> None:
    """Print a tenant's grants, and `others`, which are in another currency than its plan."""
    rows = [
        [
            *_named(one.grant),
            one.state,
            _amount(one.grant),
            _range(one.remaining, found.currency),
            _runs_out(one),
        ]
        for one in found.grants
    ]
    rows += [[*_named(grant), f"in {grant.currency}", _amount(grant), "-", "-"] for grant in others]
    columns = ["grant", "from", "until", "priority", "channel", "state", "amount", "remaining"]
    columns.append("runs out")
    print_table(f"Credit of {found.tenant}", columns, rows, left=6)
    stdout().print(credit_line(found))


def _named(grant: Grant) -> list[str]:
    ends = [end for end in (grant.expiry, grant.revoked) if end is not None]
    return [
        grant.id,
        format_instant(grant.start),
        format_instant(min(ends)) if ends else "-",
        str(grant.priority),
        grant.channel or "any",
    ]


def _runs_out(one: GrantCredit) -> str:
    return "-" if one.runs_out is None else format_instant(one.runs_out)


def _amount(grant: Grant) -> str:
    return format_read(parse_amount(grant.amount), grant.currency)


def _range(bounds: Bounds, currency: str) -> str:
    least, most = format_read(bounds.at_least, currency), format_read(bounds.at_most, currency)
    return least if least == most else f"{least} to {most}"
