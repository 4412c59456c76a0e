"""Changes since the last poll of a page, answered by one conditional request."""

from typing import Final

from fastapi import APIRouter, Response

from metering.api.etags import NOT_MODIFIED, IfNoneMatch, matches, tag_of
from metering.api.parameters import TheApp, TheTenant
from metering.api.routers import about_tenants, for_operators
from metering.core.basics.instants import Instant, format_instant
from metering.core.calendars.periods import LedgerId
from metering.documents.reports.changes import Changes

routers = about_tenants("changes")
router: APIRouter = for_operators("changes")

#: Seconds after which a page asks again in any case: forecasts change with time alone.
_TENANT_EVERY_S: Final = 60
#: The same for the page of all tenants, whose heads are read no more often than this.
_ALL_EVERY_S: Final = 15


@routers.own.get("/changes", response_model=Changes, responses=NOT_MODIFIED)
@routers.named.get("/changes", response_model=Changes, responses=NOT_MODIFIED)
async def tenant_changes(
    app: TheApp, tenant: TheTenant, if_none_match: IfNoneMatch = None
) -> Response:
    """Say whether a tenant's figures may have changed; 304 if not. Reads the head of a ledger."""
    now = app.clock.now()
    period = await app.read.present_period(tenant)
    positions = await app.read.positions([LedgerId(tenant, period.start)])
    version = app.tenancy.directory.version
    turn = app.tenancy.elapsed_s() // _TENANT_EVERY_S
    return _answer(if_none_match, now, tenant, positions, version, turn)


@router.get("/changes", response_model=Changes, responses=NOT_MODIFIED)
async def all_changes(app: TheApp, if_none_match: IfNoneMatch = None) -> Response:
    """Say whether the overview may have changed; 304 if not. Reads counts of dead letters."""
    now = app.clock.now()
    await app.tenancy.refresh_if_due()
    letters = await app.dead_letters.counts()
    version = app.tenancy.directory.version
    return _answer(if_none_match, now, letters, version, app.tenancy.elapsed_s() // _ALL_EVERY_S)


def _answer(if_none_match: str | None, now: Instant, *content: object) -> Response:
    tag = tag_of(*content)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    body = Changes(as_of=format_instant(now)).model_dump_json()
    return Response(body, headers=headers, media_type="application/json")
