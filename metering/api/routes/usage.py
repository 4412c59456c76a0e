"""A tenant's usage by day and dimension."""

from typing import Annotated, Final, NamedTuple

from fastapi import Depends, Query, Response

from metering import bootstrap
from metering.api.etags import NOT_MODIFIED, IfNoneMatch, matches, tag_of
from metering.api.instants import instant_in
from metering.api.paging import Cursor, cursor_at, key_of
from metering.api.parameters import Budget, TheApp, TheTenant
from metering.api.problems import Problem
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.app.reports.breakdowns import LedgerRead
from metering.app.reports.read import Slice
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.calendars.periods import Days, Period, days_between
from metering.core.reports.breakdown import ASKED, Row
from metering.core.reports.count import Group
from metering.documents.document import json_by_row
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
        max_length=256,
        description=f"Comma-separated: {', '.join(ASKED)}.",
        examples=["day,model", "use_case"],
    ),
]
_Period = Annotated[
    str | None,
    Query(
        max_length=64,
        description="A period by name, instead of from and to: nothing of another period is in it,"
        " also on days that both have.",
        examples=["2026-11"],
    ),
]
_Limit = Annotated[int, Query(ge=1, le=_MAX_ROWS, description="The maximum number of rows.")]


class _Asked(NamedTuple):
    """The usage that a request asks for."""

    tenant: str
    days: Days
    groups: tuple[str, ...]
    period: Period | None

    @property
    def name(self) -> str:
        """The name of the list, for its cursors."""
        return f"usage {self.tenant} {self.days} {self.groups} {self.period}"


async def _asked(
    app: TheApp,
    tenant: TheTenant,
    start: _From = None,
    to: _To = None,
    group_by: _GroupBy = "day,model",
    period: _Period = None,
) -> _Asked:
    await app.tenancy.refresh_if_due()
    groups = _groups(group_by)
    if period is None:
        return _Asked(tenant, _days(app, tenant, start, to), groups, None)
    if start is not None or to is not None:
        fault = {"field": "period", "message": "leave out from and to"}
        raise Problem(422, "period: leave out from and to", errors=[fault])
    of = await period_named(app, tenant, period)
    return _Asked(tenant, days_between(of.start, of.end), groups, of)


@routers.own.get("/usage", response_model=UsageDocument, responses=NOT_MODIFIED)
@routers.named.get("/usage", response_model=UsageDocument, responses=NOT_MODIFIED)
async def usage(
    app: TheApp,
    asked: Annotated[_Asked, Depends(_asked)],
    spend: Budget,
    *,
    limit: _Limit = 1_000,
    cursor: Cursor = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Return a tenant's usage by day and other dimensions. Its cost follows the rows returned."""
    now = app.clock.now()
    after = _group_of(asked, cursor)
    ledgers = await app.read.ledgers_of_days(asked.tenant, asked.days, asked.period)
    tag = tag_of(asked, after, limit, ledgers, await app.read.positions(ledgers))
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if matches(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    some = Slice(after, limit + 1)
    found = await app.read.usage_of_days(
        asked.tenant, asked.days, asked.groups, some, spend, asked.period
    )
    # Thousands of rows take a tenth of a second.
    content = await app.executor.run(
        lambda: json_by_row(_document(asked, found, limit, now), "items")
    )
    return Response(content, media_type="application/json", headers=headers)


def _document(
    asked: _Asked, found: tuple[list[Row], list[LedgerRead]], limit: int, now: Instant
) -> UsageDocument:
    rows, read = found
    return UsageDocument(
        tenant=asked.tenant,
        first_day=asked.days.first,
        end_day=asked.days.end,
        group_by=list(asked.groups),
        as_of=format_instant(now),
        ledgers=[LedgerPosition.model_validate(one) for one in read],
        items=[UsageRow.of_row(row, asked.groups) for row in rows[:limit]],
        next=cursor_at(asked.name, rows[limit - 1].group) if len(rows) > limit else None,
    )


def _group_of(asked: _Asked, cursor: str | None) -> Group | None:
    """Return the group that a cursor names."""
    key = key_of(asked.name, cursor)
    return None if key is None else tuple(one if isinstance(one, str) else None for one in key)


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
        if name not in ASKED or names.count(name) > 1:
            message = f"must be a comma-separated list of {', '.join(ASKED)} without duplicates"
            fault = {"field": "group_by", "message": message}
            raise Problem(422, f"group_by: {message}", errors=[fault])
    return names
