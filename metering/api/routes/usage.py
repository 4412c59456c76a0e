"""A tenant's usage by day and dimension."""

from typing import Annotated, Final

from fastapi import Query

from metering import bootstrap
from metering.api.instants import instant_in
from metering.api.paging import Cursor, page_of
from metering.api.parameters import TheApp, TheTenant
from metering.api.problems import Problem
from metering.api.routers import about_tenants
from metering.api.routes.balance import must_know
from metering.api.shapes.figures import figures
from metering.api.shapes.usage import ReadFrom, UsageOfDays, UsageRow
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.calendars.periods import Days, days_between
from metering.core.reports.breakdown import GROUPS, Row

routers = about_tenants("usage")

#: Days of one answer: a year of statements, and then some.
MAX_DAYS: Final = 400
_MAX_ROWS: Final = 5_000

_From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=64,
        description="A time or a day (UTC); the whole day counts. Default: the period's start.",
        examples=["2026-11-01"],
    ),
]
_To = Annotated[
    str | None,
    Query(
        max_length=64,
        description="The first time or day that is not asked for. Default: now. A day that it"
        " lies in counts whole.",
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
_Limit = Annotated[int, Query(ge=1, le=_MAX_ROWS, description="At most so many rows.")]


@routers.own.get("/usage")
async def own_usage(
    app: TheApp,
    tenant: TheTenant,
    *,
    start: _From = None,
    to: _To = None,
    group_by: _GroupBy = "day,model",
    limit: _Limit = 1_000,
    cursor: Cursor = None,
) -> UsageOfDays:
    """Break down what the caller's tenant has used."""
    wish = _Wish(app, tenant, start, to, group_by)
    return await _usage(app, wish, limit, cursor)


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
) -> UsageOfDays:
    """Break down what a tenant has used."""
    await must_know(app, tenant)
    wish = _Wish(app, tenant, start, to, group_by)
    return await _usage(app, wish, limit, cursor)


class _Wish:
    """What is asked for, checked."""

    def __init__(
        self, app: bootstrap.App, tenant: str, start: str | None, to: str | None, group_by: str
    ) -> None:
        self.tenant = tenant
        self.now = app.clock.now()
        self.days = _days(app, tenant, start, to)
        self.groups = _groups(group_by)

    @property
    def listed(self) -> str:
        """The list that pages are of."""
        return f"usage {self.tenant} {self.days} {self.groups}"


async def _usage(app: bootstrap.App, wish: _Wish, limit: int, cursor: str | None) -> UsageOfDays:
    rows, read = await app.read.usage_of_days(wish.tenant, wish.days, wish.groups)

    def shown(row: Row) -> UsageRow:
        group = dict(zip(wish.groups, row.group, strict=True))
        return UsageRow.model_validate({"group": group, **figures(row.line, row.amount)})

    page = page_of(
        rows, lambda row: row.group, shown, listed=wish.listed, cursor=cursor, limit=limit
    )
    return UsageOfDays(
        tenant=wish.tenant,
        first_day=wish.days.first,
        end_day=wish.days.end,
        group_by=list(wish.groups),
        as_of=format_instant(wish.now),
        ledgers=[ReadFrom.of(one) for one in read],
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
        wrong = "is not before to"
    elif end - begin > MAX_DAYS * DAY:
        wrong = f"is more than {MAX_DAYS} days before to"
    if wrong is not None:
        raise Problem(422, f"from: {wrong}", errors=[{"field": "from", "message": wrong}])


def _groups(group_by: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in group_by.split(","))
    for name in names:
        if name not in GROUPS or names.count(name) > 1:
            message = f"each of {', '.join(GROUPS)} at most once, with commas between them"
            fault = {"field": "group_by", "message": message}
            raise Problem(422, f"group_by: {message}", errors=[fault])
    return names
