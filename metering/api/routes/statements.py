"""Statements: the amounts that a tenant owes for closed periods."""

import base64
import hashlib
import re
from typing import Annotated, Any, Final, Literal

from fastapi import Path, Query, Request
from fastapi.responses import JSONResponse, Response

from metering.api.paging import Cursor, Limit, page_of
from metering.api.parameters import Budget, TheApp, TheTenant
from metering.api.problems import Problem, not_found, refusals
from metering.api.routers import about_tenants
from metering.api.routes.balance import period_named
from metering.core.billing.statement import Statement
from metering.core.billing.statement_csv import statement_csv
from metering.documents.billing.statements import (
    StatementDocument,
    StatementsDocument,
    StatementSummary,
)

routers = about_tenants("statements")

type Format = Literal["json", "csv", "html", "pdf"]

_TYPES: Final[dict[str, Format]] = {
    "application/json": "json",
    "text/csv": "csv",
    "text/html": "html",
    "application/pdf": "pdf",
}
_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)

PeriodOfPath = Annotated[
    str, Path(max_length=64, description="The name of the period.", examples=["2026-11"])
]
AsFormat = Annotated[
    Format | None,
    Query(alias="format", description="Overrides the Accept header. Default: json."),
]
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": StatementDocument,
        "content": {"text/csv": {}, "text/html": {}, "application/pdf": {}},
        "description": "The statement in the requested format.",
    }
}


@routers.own.get("/statements")
@routers.named.get("/statements")
async def statements(
    app: TheApp, tenant: TheTenant, *, limit: Limit = 50, cursor: Cursor = None
) -> StatementsDocument:
    """List a tenant's statements, most recent first."""
    every = [one async for one in app.billing.statements.every(tenant)]
    page = page_of(
        reversed(every),
        lambda one: (-one.number,),
        StatementSummary.of,
        listed=f"statements {tenant}",
        cursor=cursor,
        limit=limit,
    )
    return StatementsDocument(tenant=tenant, items=page.items, next=page.next)


#: A draft reads every entry of the periods that are not closed, some 20 us each.
MAX_ENTRIES: Final = 100_000


@routers.own.get("/statements/{period}/preview", response_model=None, responses=_RESPONSES)
@routers.named.get("/statements/{period}/preview", response_model=None, responses=_RESPONSES)
async def preview(
    app: TheApp,
    request: Request,
    tenant: TheTenant,
    period: PeriodOfPath,
    spend: Budget,
    as_format: AsFormat = None,
) -> Response:
    """Return the draft of a statement: what a period that is not closed would come to now."""
    of = await period_named(app, tenant, period)
    chosen = as_format or _accepted(request.headers.get("accept", ""))
    entries = await app.billing.statements.entries_to_draft(tenant, of)
    if entries > MAX_ENTRIES:
        raise Problem(
            413,
            f"The periods that are not closed have more than {MAX_ENTRIES} entries: an operator"
            " drafts the statement with `metering statement --preview`.",
        )
    spend(entries)
    with refusals():
        draft = await app.billing.statements.draft(tenant, of)
    headers = {"Vary": "Accept", "Cache-Control": "no-store"}
    if as_format is not None and as_format != "html":
        name = f"{tenant}-{of.name}-draft.{chosen}"
        headers["Content-Disposition"] = f'attachment; filename="{plain(name)}"'
    if chosen == "json":
        return JSONResponse(StatementDocument.of_draft(draft).model_dump(), headers=headers)
    if chosen == "pdf":
        content = await app.billing.invoices.papers.draft(draft.statement)
        return Response(content, headers=headers, media_type="application/pdf")
    return _answer(draft.statement, chosen, headers, is_draft=True)


@routers.own.get("/statements/{period}", response_model=None, responses=_RESPONSES)
@routers.named.get("/statements/{period}", response_model=None, responses=_RESPONSES)
async def statement(
    app: TheApp,
    request: Request,
    tenant: TheTenant,
    period: PeriodOfPath,
    as_format: AsFormat = None,
) -> Response:
    """Return the statement of a closed period; 404 if the period is not closed."""
    of = await period_named(app, tenant, period)
    found = await app.billing.statements.of(tenant, of)
    if found is None:
        raise not_found()
    chosen = as_format or _accepted(request.headers.get("accept", ""))
    headers = {"Vary": "Accept"}
    if chosen != "pdf":
        # A statement never changes, so its hash identifies the content; paper has more on it.
        headers["ETag"] = f'"{found.hash}"'
    if as_format is not None and as_format != "html":
        name = f"{tenant}-{found.period.name}.{chosen}"
        headers["Content-Disposition"] = f'attachment; filename="{plain(name)}"'
    if chosen == "pdf":
        content = await app.billing.invoices.papers.statement(found)
        return Response(content, headers=headers, media_type="application/pdf")
    if chosen == "json":
        return JSONResponse(StatementDocument.of(found).model_dump(), headers=headers)
    return _answer(found, chosen, headers, is_draft=False)


def _answer(
    found: Statement, chosen: Format, headers: dict[str, str], *, is_draft: bool
) -> Response:
    if chosen == "csv":
        return Response(
            statement_csv(found, is_draft=is_draft), headers=headers, media_type="text/csv"
        )
    # The template engine is slow to import.
    from metering.adapters.exports.statement_page import statement_page  # noqa: PLC0415

    page = statement_page(found, is_draft=is_draft)
    return Response(page, headers={**headers, **_policy(page)}, media_type="text/html")


def _policy(page: str) -> dict[str, str]:
    """Return a policy that allows only the page's inline styles, by hash."""
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
    """Return the first supported format of the header; JSON if any is accepted."""
    wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for one in wanted:
        if one in _TYPES:
            return _TYPES[one]
    if not accept or "*/*" in wanted or "application/*" in wanted:
        return "json"
    raise Problem(406, f"Supported formats: {', '.join(_TYPES)}.")


def plain(name: str) -> str:
    """Return a file name of letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)
