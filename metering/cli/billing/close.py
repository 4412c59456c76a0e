"""`metering close`: close billing periods that have ended."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.app.billing.close_periods import Closed, Waiting
from metering.cli.auditing import changing
from metering.cli.options import day_or_instant, must_know
from metering.cli.output import AsJson, count, plural, print_table, show, stderr, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import format_paid
from metering.documents.billing.closing import CloseDocument


def close(
    at: Annotated[
        str | None, typer.Option(help="Close what is due at this time. Default: now.")
    ] = None,
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant. Repeatable.")] = None,
    allow_future: Annotated[
        str | None,
        typer.Option(help="The period, already over, that an --at beyond the clock may close."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close every period that has ended, in order, and write its statement. Safe to repeat.

    A period is closed one day after its end. It waits up to three more days for missing counts and
    prices. Later usage appears on the next statement as a correction. An --at beyond the clock
    skips the rest of that wait for the period that --allow-future names. A period that still runs
    is never closed. If event hubs are configured, a period waits until they have been counted
    through its end.

    Example:  metering close --tenant acme --json
    """
    asked = day_or_instant(at, "--at")
    found: list[Closed | Waiting] = []

    async def run(app: bootstrap.App) -> Instant:
        for name in tenant or ():
            await must_know(app, name)
        moment = app.clock.now() if asked is None else asked
        closing = app.billing.close_on_request.run(asked, tenant, allow_future=allow_future)
        with stderr().status("closing periods") as status:
            async for one in closing:
                found.append(one)
                status.update(f"closing periods: {count(len(found))}, {one.tenant} {one.period}")
        return moment

    wanted = {"tenants": tenant, "at": at, "allow_future": allow_future}
    moment = changing("periods.close", "periods", wanted, run)
    show(CloseDocument.of(found), lambda: _print(found, moment), as_json=as_json)


def _print(found: list[Closed | Waiting], at: Instant) -> None:
    closed = [one for one in found if isinstance(one, Closed)]
    waiting = [one for one in found if isinstance(one, Waiting)]
    if closed:
        rows = [
            (one.tenant, one.period, f"{format_paid(one.total, one.currency)} {one.currency}")
            for one in closed
        ]
        print_table("Closed", ["tenant", "period", "total"], rows, left=2)
    if waiting:
        columns = ["tenant", "period", "reason", "closes by"]
        print_table("Waiting", columns, map(_waiting, waiting), left=4)
    if not found:
        stdout().print(f"nothing is due at {format_instant(at)}")
    for one in closed:
        if one.unsettled:
            what = f"{one.tenant} {one.period}: {plural(one.unsettled, 'unsettled request')}"
            stdout().print(f"{what}: see `metering statement {one.tenant} --period {one.period}`")


def _waiting(one: Waiting) -> tuple[str, ...]:
    until = "" if one.until is None else format_instant(one.until)
    return one.tenant, one.period, one.reason, until
