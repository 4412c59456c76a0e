"""Periods: which wait to be closed, and closing them."""

from metering.api.auditing import Change, change
from metering.api.instants import instant_in
from metering.api.paging import Cursor, Limit, Page, cursor_at, key_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem
from metering.api.routers import for_operators
from metering.api.shapes.periods import CloseWanted, ClosingDone, PeriodWaiting
from metering.app.billing.close_periods import Closed, Waiting

router = for_operators("periods")


@router.get("/periods/due")
async def due(app: TheApp, limit: Limit = 50, cursor: Cursor = None) -> Page[PeriodWaiting]:
    """List the periods of `limit` tenants that are over and not closed, by tenant.

    It costs a read of the last statement for each of those tenants, so a page may be empty while
    there are more.
    """
    after = key_of("periods", cursor)
    tenants = [one for one in await app.read.tenants() if after is None or one > str(after[0])]
    some = tenants[:limit]
    found = [one async for one in app.billing.close_periods.due(app.clock.now(), some)]
    more = cursor_at("periods", (some[-1],)) if len(tenants) > limit else None
    return Page(items=[PeriodWaiting.of(one) for one in found], next=more)


@router.post("/periods/close")
async def close(app: TheApp, caller: TheCaller, wish: CloseWanted) -> ClosingDone:
    """Close every period that is due, in order. Doing it twice changes nothing."""
    at = instant_in(wish.at, "at")
    for tenant in wish.tenants or ():
        if not await app.read.knows(tenant):
            fault = {"field": "tenants", "message": f"there is no {tenant}"}
            raise Problem(422, f"tenants: there is no {tenant}", errors=[fault])

    async def run() -> list[Closed | Waiting]:
        moment = app.clock.now() if at is None else at
        return [one async for one in app.billing.close_periods.run(moment, wish.tenants)]

    asked = Change("periods.close", "periods", wish.model_dump())
    return ClosingDone.of(await change(app, caller, asked, lambda: None, run))
