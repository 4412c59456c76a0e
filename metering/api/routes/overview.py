"""Overview of all tenants, and work that waits for an operator."""

from typing import Annotated, Final, Literal, cast

from fastapi import Query

from metering.api.paging import Cursor, cursor_at, key_of
from metering.api.parameters import TheApp
from metering.api.routers import for_operators
from metering.core.basics.instants import SECOND, format_instant
from metering.core.prices.coverage import source_ages
from metering.core.reports.board import STANDINGS, BoardQuery, Sort, SortKey, Standing
from metering.documents.installation import StatusAnswer
from metering.documents.prices.coverage import PriceSourceAge
from metering.documents.reports.overview import (
    OpenWork,
    OverviewTotals,
    TenantOverview,
    TenantsOverview,
)

router = for_operators("overview")

#: Each tenant costs one read of its head, one to three request units: less than a second of the
#: smallest Cosmos DB account.
MAX_TENANTS: Final = 100
#: Parked effects that are counted. Beyond that the exact number does not matter.
_MAX_PARKED: Final = 1_000

_Limit = Annotated[int, Query(ge=1, le=MAX_TENANTS, description="The maximum number of tenants.")]
_Search = Annotated[str, Query(max_length=64, description="Part of a name, in any case.")]
_Standing = Annotated[
    list[Standing] | None,
    Query(max_length=len(STANDINGS), description="Only these. Repeatable.", examples=[["over"]]),
]
_SortBy = Annotated[
    Sort, Query(description="Amounts are sorted within each currency; equals by name.")
]


@router.get("/overview")
async def overview(
    app: TheApp,
    *,
    search: _Search = "",
    standing: _Standing = None,
    sort: _SortBy = "tenant",
    order: Literal["ascending", "descending"] = "ascending",
    limit: _Limit = 50,
    cursor: Cursor = None,
) -> TenantsOverview:
    """List tenants as committed now. Reads one head for each tenant of the page.

    Filters by standing, and orders other than by name, are those of `/overview/totals`.
    """
    query = BoardQuery(search, frozenset(standing or ()), sort, order == "descending")
    asked = f"overview {search!r} {sorted(query.standings)} {sort} {order}"
    after = key_of(asked, cursor, like=("", 0, ""))
    now = app.clock.now()
    page = await app.tenant_board.page(query, cast("SortKey | None", after), limit)
    return TenantsOverview(
        as_of=format_instant(now),
        matches=page.matches,
        items=[TenantOverview.model_validate(one) for one in page.items],
        next=None if page.next is None else cursor_at(asked, page.next),
    )


@router.get("/overview/totals")
async def totals(app: TheApp) -> OverviewTotals:
    """Return the sums over all tenants.

    They are from memory: 15 seconds old at most, with more than 1,500 tenants one second for every
    100. Each time they are read anew, one head is read for each tenant.
    """
    return OverviewTotals.of(await app.tenant_board.totals())


@router.get("/status")
async def status(app: TheApp) -> list[StatusAnswer]:
    """Answer as `metering status` does, from memory: 15 seconds old at most.

    Overdue periods are counted every ten minutes, in the background.
    """
    return [StatusAnswer.model_validate(one) for one in await app.glance.run()]


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
