"""The requests behind a tenant's figures."""

from typing import Annotated, Any, Final, Literal
from urllib.parse import urlencode

from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from metering import bootstrap
from metering.api.instants import instant_in
from metering.api.paging import MAX_CURSOR, cursor_at, key_of
from metering.api.parameters import TheApp, TheTenant
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import Period
from metering.core.ledger.entry import Basis
from metering.core.reports.requests import Position, Wanted
from metering.core.usage.buckets import BucketName
from metering.core.usage.event import MAX_ID_LENGTH, MAX_NAME_LENGTH
from metering.documents.document import json_by_row
from metering.documents.reports.requests import RequestDocument, RequestsDocument, requests_csv

routers = about_tenants("requests")

#: Requests of one page: about a megabyte.
MAX_LIMIT: Final = 1_000
_LIKE: Final = (0, 0, 0, 0, 0)
_CSV: Final = "text/csv"
_TIME: Final = 64

_Name = Annotated[str | None, Field(max_length=MAX_NAME_LENGTH)]


class RequestFilter(BaseModel):
    """The filter of a list of requests; an empty name stands for requests that named none."""

    model_config = ConfigDict(extra="forbid")

    period: str | None = Field(None, max_length=_TIME, description="A period by name.")
    day: str | None = Field(None, max_length=_TIME, examples=["2026-11-20"], description="In UTC.")
    start: str | None = Field(
        None, alias="from", max_length=_TIME, description="A time or a UTC day, inclusive."
    )
    to: str | None = Field(
        None, max_length=_TIME, description="A time or the start of a UTC day, exclusive."
    )
    id: str | None = Field(None, max_length=MAX_ID_LENGTH)
    model: _Name = Field(None, description="The model that is charged, or that served it.")
    deployment: _Name = None
    product: _Name = None
    subscription: _Name = None
    use_case: _Name = None
    user: _Name = None
    status: int | None = Field(None, ge=100, le=599, description="The HTTP status.")
    evidence: Basis | None = None
    unpriced: bool | None = None
    bucket: BucketName | None = Field(None, description="Only requests with such tokens.")
    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="The maximum number of requests.")
    cursor: str | None = Field(
        None,
        max_length=MAX_CURSOR,
        description="`next` of the previous page. Default: the first page.",
    )
    format: Literal["json", "csv"] | None = Field(None, description="Overrides the Accept header.")

    def listed(self, tenant: str) -> str:
        """Return the name of the list, for which its cursors hold."""
        of = self.model_dump(exclude={"cursor", "limit", "format"}, exclude_none=True)
        return f"requests {tenant} {urlencode(of)}"

    def wanted(self, period: Period | None) -> Wanted:
        """Return the filter, of a period if one is given. Raises 422 for a wrong time."""
        start, end = instant_in(self.start, "from"), instant_in(self.to, "to")
        spans: list[tuple[Instant | None, Instant | None]] = [(start, end)]
        day = instant_in(self.day, "day")
        if day is not None:
            spans.append((day, day + DAY))
        if period is not None:
            spans.append((period.start, period.end))
        return Wanted(
            start=max((one for one, _ in spans if one is not None), default=None),
            end=min((one for _, one in spans if one is not None), default=None),
            **self.model_dump(include=set(Wanted._fields) - {"start", "end", "outcomes"}),
        )


_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": RequestsDocument,
        "content": {_CSV: {}},
        "description": "A page of requests. With CSV the header `Link` names the next page.",
    }
}


@routers.own.get("/requests", response_model=None, responses=_RESPONSES)
@routers.named.get("/requests", response_model=None, responses=_RESPONSES)
async def requests(
    app: TheApp, request: Request, tenant: TheTenant, asked: Annotated[RequestFilter, Query()]
) -> Response:
    """List a tenant's requests, newest first.

    A page reads a bounded part of the ledgers, so it can be empty although `next` is not null.
    """
    listed = asked.listed(tenant)
    key = key_of(listed, asked.cursor, like=_LIKE)
    wanted = asked.wanted(await _period(app, tenant, asked.period))
    after = None if key is None else Position._make(key)
    page = await app.requests.page(tenant, wanted, after=after, limit=asked.limit)
    following = None if page.next is None else cursor_at(listed, page.next)
    as_csv = asked.format == "csv" or (
        asked.format is None and request.headers.get("accept", "").startswith(_CSV)
    )
    if as_csv:
        lines = await app.executor.run(
            lambda: "".join(requests_csv(page.requests, header=key is None))
        )
        headers = {} if following is None else {"Link": _link(request, following)}
        headers["Content-Disposition"] = f'attachment; filename="{tenant}-requests.csv"'
        return Response(lines, headers=headers, media_type=_CSV)

    def content() -> str:
        items = [RequestDocument.of(one) for one in page.requests]
        return json_by_row(RequestsDocument(requests=items, next=following), "requests")

    return Response(await app.executor.run(content), media_type="application/json")


async def _period(app: bootstrap.App, tenant: str, name: str | None) -> Period | None:
    return None if name is None else await period_named(app, tenant, name)


def _link(request: Request, cursor: str) -> str:
    """Return the next page as a link (RFC 8288)."""
    given = [(name, text) for name, text in request.query_params.items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*given, ("cursor", cursor)])}>; rel="next"'
