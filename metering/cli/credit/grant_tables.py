"""How credit is printed: for people, and as JSON."""

from collections.abc import Sequence

from metering.cli.output import print_table, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import format_amount
from metering.core.credit.credit import Bounds, CreditBalance, GrantCredit
from metering.core.credit.grant import Grant


def grant_json(grant: Grant, as_it_stands: GrantCredit | None = None) -> dict[str, object]:
    """Return a grant as JSON values; money is strings. What is left is null where not asked for."""
    one = as_it_stands
    return {
        "id": grant.id,
        "tenant": grant.tenant,
        "amount": grant.amount,
        "currency": grant.currency,
        "start": format_instant(grant.start),
        "expiry": _time(grant.expiry),
        "revoked": _time(grant.revoked),
        "priority": grant.priority,
        "channel": grant.channel,
        "reason": grant.reason,
        "author": grant.author,
        "state": None if one is None else one.state,
        "settled": None if one is None else format_amount(one.settled),
        "remaining": None if one is None else format_amount(one.remaining.at_least),
        "remaining_at_most": None if one is None else format_amount(one.remaining.at_most),
    }


def credits_json(found: CreditBalance) -> dict[str, object]:
    """Return a tenant's credit as JSON values."""
    return {
        "currency": found.currency,
        "granted": format_amount(found.granted),
        "remaining": format_amount(found.remaining.at_least),
        "remaining_at_most": format_amount(found.remaining.at_most),
        "by_channel": {
            channel or "other": format_amount(amount)
            for channel, amount in found.by_channel.items()
        },
        "open_spend": format_amount(found.open_spend),
        "as_of": format_instant(found.at),
    }


def credit_line(found: CreditBalance) -> str:
    """Return what is left of what is valid now, for people."""
    left = _left(found.remaining)
    return f"credit: {left} {found.currency} left of {format_amount(found.granted)}"


def print_grants(found: CreditBalance, others: Sequence[Grant]) -> None:
    """Print a tenant's grants, and `others`: those in a currency that its plan is not in."""
    rows = [
        [*_named(one.grant), one.state, one.grant.amount, _left(one.remaining)]
        for one in found.grants
    ]
    rows += [[*_named(grant), f"in {grant.currency}", grant.amount, "-"] for grant in others]
    columns = ["grant", "from", "until", "priority", "pays for", "state", "amount", "left"]
    print_table(f"Credit of {found.tenant}", columns, rows, left=6)
    stdout().print(credit_line(found))


def _named(grant: Grant) -> list[str]:
    ends = [end for end in (grant.expiry, grant.revoked) if end is not None]
    return [
        grant.id,
        format_instant(grant.start),
        _time(min(ends, default=None)) or "-",
        str(grant.priority),
        grant.channel or "everything",
    ]


def _left(bounds: Bounds) -> str:
    least, most = format_amount(bounds.at_least), format_amount(bounds.at_most)
    return least if least == most else f"{least} to {most}"


def _time(instant: Instant | None) -> str | None:
    return None if instant is None else format_instant(instant)
