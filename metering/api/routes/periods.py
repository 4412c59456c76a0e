"""Billing periods that are due, and closing them."""

from metering.api.auditing import Change, change
from metering.api.instants import instant_in
from metering.api.paging import Cursor, Limit, Page, cursor_at, key_of
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem, refusals
from metering.api.routers import for_operators
from metering.app.billing.close_periods import Closed, Waiting
from metering.documents.billing.closing import CloseDocument, CloseRequest, WaitingPeriod

router = for_operators("periods")


@router.get("/periods/due")
async def due(app: TheApp, limit: Limit = 50, cursor: Cursor = None) -> Page[WaitingPeriod]:
    """List the periods of `limit` tenants that have ended and are not closed, by tenant.

    A page reads the last statement of each of those tenants. It can be empty although `next` is
    not null.
    """
    after = key_of("periods", cursor, like=("",))
    tenants = [one for one in await app.read.tenants() if after is None or one > str(after[0])]
    some = tenants[:limit]
    found = [one async for one in app.billing.close_periods.due(app.clock.now(), some)]
    more = cursor_at("periods", (some[-1],)) if len(tenants) > limit else None
    return Page(items=[WaitingPeriod.model_validate(one) for one in found], next=more)


@router.post("/periods/close")
async def close(app: TheApp, caller: TheCaller, body: CloseRequest) -> CloseDocument:
    """Close every period that is due, in order. Safe to repeat.

    A time beyond the clock skips the grace of a period that is over, which `allow_future` names.
    """
    at = instant_in(body.at, "at")
    for tenant in body.tenants or ():
        if not await app.read.knows(tenant):
            fault = {"field": "tenants", "message": f"unknown tenant {tenant!r}"}
            raise Problem(422, f"tenants: unknown tenant {tenant!r}", errors=[fault])

    async def run() -> list[Closed | Waiting]:
        close = app.billing.close_on_request.run
        with refusals():
            found = close(at, body.tenants, allow_future=body.allow_future)
            return [one async for one in found]

    asked = Change("periods.close", "periods", body.model_dump())
    return CloseDocument.of(await change(app, caller, asked, lambda: None, run))
