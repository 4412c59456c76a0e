"""A tenant's usage by day and dimension."""

from typing import Annotated, Final

from fastapi import Query

from metering import bootstrap
from metering.api.instants import instant_in
from metering.api.paging import Cursor, page_of
from metering.api.parameters import TheApp, TheTenant
from metering.api.problems import Problem
from metering.api.routers import about_tenants
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.calendars.periods import Days, days_between
from metering.core.reports.breakdown import GROUPS
from metering.documents.reports.usage import LedgerPosition, UsageDocument, UsageRow

routers = about_tenants("usage")

#: Days of one response: more than a year of statements.
MAX_DAYS: Final = 400
_MAX_ROWS: Final = 5_000

_From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=64,
        description="A time or a UTC day, inclusive. Days count whole. Default: the period start.",
        examples=["2026-11-01"],
    ),
]
_To = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A time or a UTC day, exclusive; a day counts whole if the time lies in it."
        " Default: now.",
        examples=["2026-12-01"],
    ),
]
_GroupBy = Annotated[
    str,
    Query(
        max_length=128,
        description=f"Comma-separated: {', '.join(GROUPS)}.",
        examples=["day,model", "use_case"],
    ),
]
_Limit = Annotated[int, Query(ge=1, le=_MAX_ROWS, description="The maximum number of rows.")]


@routers.own.get("/usage")
@routers.named.get("/usage")
async def usage(
    app: TheApp,
    tenant: TheTenant,
    *,
    start: _From = None,
    to: _To = None,
    group_by: _GroupBy = "day,model",
    limit: _Limit = 1_000,
    cursor: Cursor = None,
) -> UsageDocument:
    """Return a tenant's usage by day and other dimensions."""
    now = app.clock.now()
    days = _days(app, tenant, start, to)
    groups = _groups(group_by)
    rows, read = await app.read.usage_of_days(tenant, days, groups)
    page = page_of(
        rows,
        lambda row: row.group,
        lambda row: UsageRow.of_row(row, groups),
        listed=f"usage {tenant} {days} {groups}",
        cursor=cursor,
        limit=limit,
    )
    return UsageDocument(
        tenant=tenant,
        first_day=days.first,
        end_day=days.end,
        group_by=list(groups),
        as_of=format_instant(now),
        ledgers=[LedgerPosition.model_validate(one) for one in read],
        items=page.items,
        next=page.next,
    )


def _days(app: bootstrap.App, tenant: str, start: str | None, to: str | None) -> Days:
    now = app.clock.now()
    begin = instant_in(start, "from")
    end = instant_in(to, "to")
    if end is None:
        end = now + 1
    if begin is None:
        begin = app.tenancy.directory.period_at(tenant, min(now, end - 1)).start
    _must_be_a_span(begin, end)
    return days_between(begin, end)


def _must_be_a_span(begin: Instant, end: Instant) -> None:
    wrong = None
    if begin >= end:
        wrong = "must be before to"
    elif end - begin > MAX_DAYS * DAY:
        wrong = f"must be at most {MAX_DAYS} days before to"
    if wrong is not None:
        raise Problem(422, f"from: {wrong}", errors=[{"field": "from", "message": wrong}])


def _groups(group_by: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in group_by.split(","))
    for name in names:
        if name not in GROUPS or names.count(name) > 1:
            message = f"must be a comma-separated list of {', '.join(GROUPS)} without duplicates"
            fault = {"field": "group_by", "message": message}
            raise Problem(422, f"group_by: {message}", errors=[fault])
    return names
