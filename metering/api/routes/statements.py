"""Statements: what a tenant owes for the periods that are closed, to read and to download."""

import base64
import hashlib
import re
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response

from metering import bootstrap
from metering.api.paging import Cursor, Limit, page_of
from metering.api.parameters import TheApp, TheTenant
from metering.api.problems import Problem, not_found
from metering.api.routers import about_tenants
from metering.api.routes.balance import must_know, period_named
from metering.api.shapes.statements import StatementListed, StatementShown, StatementsOfTenant
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import statement_json

routers = about_tenants("statements")

type Format = Literal["json", "csv", "html"]

_TYPES: Final[dict[str, Format]] = {
    "application/json": "json",
    "text/csv": "csv",
    "text/html": "html",
}
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)

PeriodOfPath = Annotated[str, Path(max_length=64, description="Its name.", examples=["2026-11"])]
AsFormat = Annotated[
    Format | None,
    Query(alias="format", description="Instead of the header Accept. Default: json."),
]
_SHOWN: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": StatementShown,
        "content": {"text/csv": {}, "text/html": {}},
        "description": "The statement in the format that was asked for.",
    }
}


@routers.own.get("/statements")
async def own_statements(
    app: TheApp, tenant: TheTenant, *, limit: Limit = 50, cursor: Cursor = None
) -> StatementsOfTenant:
    """List the statements of the caller's tenant, the latest first."""
    return await _statements(app, tenant, limit, cursor)


@routers.named.get("/statements")
async def statements(
    app: TheApp, tenant: TheTenant, *, limit: Limit = 50, cursor: Cursor = None
) -> StatementsOfTenant:
    """List a tenant's statements, the latest first."""
    await must_know(app, tenant)
    return await _statements(app, tenant, limit, cursor)


@routers.own.get("/statements/{period}", response_model=None, responses=_SHOWN)
async def own_statement(
    app: TheApp,
    request: Request,
    tenant: TheTenant,
    period: PeriodOfPath,
    as_format: AsFormat = None,
) -> Response:
    """Show what the caller's tenant owes for a period; 404 for one that is not closed."""
    return await _statement(app, request, tenant, period, as_format)


@routers.named.get("/statements/{period}", response_model=None, responses=_SHOWN)
async def statement(
    app: TheApp,
    request: Request,
    tenant: TheTenant,
    period: PeriodOfPath,
    as_format: AsFormat = None,
) -> Response:
    """Show what a tenant owes for a period; 404 for one that is not closed."""
    await must_know(app, tenant)
    return await _statement(app, request, tenant, period, as_format)


async def _statements(
    app: bootstrap.App, tenant: str, limit: int, cursor: str | None
) -> StatementsOfTenant:
    every = [one async for one in app.billing.statements.every(tenant)]
    page = page_of(
        reversed(every),
        lambda one: (-one.number,),
        StatementListed.of,
        listed=f"statements {tenant}",
        cursor=cursor,
        limit=limit,
    )
    return StatementsOfTenant(tenant=tenant, items=page.items, next=page.next)


async def _statement(
    app: bootstrap.App, request: Request, tenant: str, period: str, as_format: Format | None
) -> Response:
    of = await period_named(app, tenant, period)
    found = await app.billing.statements.of(tenant, of)
    if found is None:
        raise not_found()
    chosen = as_format or _accepted(request.headers.get("accept", ""))
    # A statement is never changed, so its hash says all that there is to compare.
    headers = {"ETag": f'"{found.hash}"', "Vary": "Accept"}
    if as_format is not None and as_format != "html":
        name = f"{tenant}-{found.period.name}.{chosen}"
        headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}"'
    return _answer(found, chosen, headers)


def _answer(found: Statement, chosen: Format, headers: dict[str, str]) -> Response:
    if chosen == "csv":
        return Response(statement_csv(found), headers=headers, media_type="text/csv")
    if chosen == "json":
        return JSONResponse(statement_json(found), headers=headers)
    # The template engine takes a while to import: only those who use it wait for it.
    from metering.adapters.exports.statement_page import statement_page  # noqa: PLC0415

    page = statement_page(found)
    return Response(page, headers={**headers, **_policy(page)}, media_type="text/html")


def _policy(page: str) -> dict[str, str]:
    """Allow just the style that the page carries with it: it is made to be kept as one file."""
    hashes = [
        base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        for style in _STYLE.findall(page)
    ]
    styles = " ".join(f"'sha256-{one}'" for one in hashes)
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {styles}; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    }


def _accepted(accept: str) -> Format:
    """Return the first format of the header that there is; JSON where any will do."""
    wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for one in wanted:
        if one in _TYPES:
            return _TYPES[one]
    if not accept or "*/*" in wanted or "application/*" in wanted:
        return "json"
    raise Problem(406, f"A statement is there as {', '.join(_TYPES)}.")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
