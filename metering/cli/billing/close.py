"""`metering close`: close the billing periods that are over."""

from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.app.billing.close_periods import Closed, Waiting
from metering.cli.options import instant, must_know, with_app
from metering.cli.output import AsJson, count, print_json, print_table, stderr, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import format_amount, format_paid


def close(
    at: Annotated[
        str | None, typer.Option(help="Close what is due at this time. Default: now.")
    ] = None,
    tenant: Annotated[
        list[str] | None, typer.Option(help="Only this tenant; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close every period that is over, in order, and write its statement. Safe to repeat.

    A period is closed a day after its end, and waits up to three days more for counts and prices
    that are still to come. What arrives later is on the next statement as a correction. A time
    ahead of the clock closes as it would then: what is used until then goes on the next statement.
    Where hubs are set, a period whose grace is still to come waits for them all the same.

    Example:  metering close --at 2026-12-10T00:00:00Z --json
    """
    asked = instant(at, "--at")
    found: list[Closed | Waiting] = []

    async def run(app: bootstrap.App) -> Instant:
        for name in tenant or ():
            await must_know(app, name)
        moment = app.clock.now() if asked is None else asked
        with stderr().status("closing periods") as status:
            async for one in app.billing.close_periods.run(moment, tenant):
                found.append(one)
                status.update(f"closing periods: {count(len(found))}, {one.tenant} {one.period}")
        return moment

    moment = with_app(run)
    if as_json:
        print_json(_json(found))
    else:
        _print(found, moment)


def _json(found: list[Closed | Waiting]) -> dict[str, list[dict[str, Any]]]:
    return {
        "closed": [
            {
                "tenant": one.tenant,
                "period": one.period,
                "currency": one.currency,
                "total": format_amount(one.total),
                "unsettled": one.unsettled,
            }
            for one in found
            if isinstance(one, Closed)
        ],
        "waiting": [
            {
                "tenant": one.tenant,
                "period": one.period,
                "reason": one.reason,
                "until": None if one.until is None else format_instant(one.until),
            }
            for one in found
            if isinstance(one, Waiting)
        ],
    }


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
        columns = ["tenant", "period", "for", "at the latest until"]
        print_table("Waiting", columns, map(_waiting, waiting), left=4)
    if not found:
        stdout().print(f"nothing is due at {format_instant(at)}")
    for one in closed:
        if one.unsettled:
            what = f"{one.tenant} {one.period}: {count(one.unsettled)} requests were unsettled"
            stdout().print(f"{what}: see `metering statement {one.tenant} --period {one.period}`")


def _waiting(one: Waiting) -> tuple[str, ...]:
    until = "" if one.until is None else format_instant(one.until)
    return one.tenant, one.period, one.reason, until
