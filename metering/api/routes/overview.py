"""Overview of all tenants, and work that waits for an operator."""

from typing import Annotated, Final

from fastapi import Query

from metering.api.paging import Cursor, cursor_at, key_of
from metering.api.parameters import TheApp
from metering.api.routers import for_operators
from metering.core.basics.instants import SECOND, format_instant
from metering.core.prices.coverage import source_ages
from metering.documents.prices.coverage import PriceSourceAge
from metering.documents.reports.overview import OpenWork, TenantOverview, TenantsOverview

router = for_operators("overview")

#: Each tenant costs one read of its head, one to three request units: less than a second of the
#: smallest Cosmos DB account.
MAX_TENANTS: Final = 100
#: Parked effects that are counted. Beyond that the exact number does not matter.
_MAX_PARKED: Final = 1_000

_Limit = Annotated[int, Query(ge=1, le=MAX_TENANTS, description="The maximum number of tenants.")]


@router.get("/overview")
async def overview(app: TheApp, limit: _Limit = 50, cursor: Cursor = None) -> TenantsOverview:
    """List tenants by name. Reads one head per tenant, whatever its usage."""
    after = key_of("overview", cursor, like=("",))
    tenants = await app.read.tenants()
    rest = [one for one in tenants if after is None or one > str(after[0])]
    now = app.clock.now()
    found = await app.overview.of(rest[:limit])
    more = len(rest) > limit
    return TenantsOverview(
        as_of=format_instant(now),
        items=[TenantOverview.model_validate(one) for one in found],
        next=cursor_at("overview", (rest[limit - 1],)) if more else None,
    )


@router.get("/overview/work")
async def work(app: TheApp) -> OpenWork:
    """Return open work. Reads a count of dead letters and two lists of effects."""
    now = app.clock.now()
    ready = await app.readiness.check()
    lag = ready.hub.lag
    letters = await app.dead_letters.counts()
    return OpenWork(
        as_of=format_instant(now),
        ingest_lag_s=None if lag is None else lag // SECOND,
        effects_lag_s=ready.effects_lag // SECOND,
        effects_parked=len(await app.deliver_effects.parked(_MAX_PARKED)),
        dead_letters=letters.kept,
        dead_letters_not_kept=letters.not_kept,
        price_sources=[PriceSourceAge.of(age) for age in source_ages(app.tenancy.prices, now)],
    )
