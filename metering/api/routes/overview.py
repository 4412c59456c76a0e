"""An operator's first look: all tenants, and what waits for somebody."""

from typing import Annotated, Final

from fastapi import Query

from metering.api.paging import Cursor, cursor_at, key_of
from metering.api.parameters import TheApp
from metering.api.routers import for_operators
from metering.api.shapes.overview import TenantAtAGlance, TenantsAtAGlance, WorkToDo
from metering.core.basics.instants import SECOND, format_instant

router = for_operators("overview")

#: Each costs a read of its head, one to three request units: less than a second of the smallest
#: account of Cosmos DB.
MAX_TENANTS: Final = 100
#: Parked effects that are counted: beyond that, more is no news.
_MAX_PARKED: Final = 1_000

_Limit = Annotated[int, Query(ge=1, le=MAX_TENANTS, description="At most so many.")]


@router.get("/overview")
async def overview(app: TheApp, limit: _Limit = 50, cursor: Cursor = None) -> TenantsAtAGlance:
    """Show tenants at a glance, by name. It costs one head a tenant, whatever they have used."""
    after = key_of("overview", cursor)
    tenants = await app.read.tenants()
    rest = [one for one in tenants if after is None or one > str(after[0])]
    now = app.clock.now()
    found = await app.overview.of(rest[:limit])
    more = len(rest) > limit
    return TenantsAtAGlance(
        as_of=format_instant(now),
        items=[TenantAtAGlance.of(one) for one in found],
        next=cursor_at("overview", (rest[limit - 1],)) if more else None,
    )


@router.get("/overview/work")
async def work(app: TheApp) -> WorkToDo:
    """Show what waits for somebody: it costs a count of dead letters and two lists of effects."""
    now = app.clock.now()
    ready = await app.readiness.check()
    lag = ready.hub.lag
    return WorkToDo(
        as_of=format_instant(now),
        ingest_lag_s=None if lag is None else lag // SECOND,
        effects_lag_s=ready.effects_lag // SECOND,
        effects_parked=len(await app.deliver_effects.parked(_MAX_PARKED)),
        dead_letters=await app.dead_letters.counts(),
    )
