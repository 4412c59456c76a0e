"""Invoices, credit notes, voids and reissues; the details of customers on paper."""

from typing import Annotated, Any, Final, Literal

from fastapi import Depends, Path, Query, Response
from fastapi.responses import JSONResponse

from metering import bootstrap
from metering.api.auditing import Change as Audit
from metering.api.auditing import change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, TheTenant, must_know
from metering.api.problems import not_found, refusals
from metering.api.routers import about_tenants, for_operators
from metering.api.routes.statements import plain
from metering.core.basics.validation import validated
from metering.core.invoices.invoice import Invoice
from metering.core.invoices.issuing import Change
from metering.core.tenancy.customers import Customer
from metering.documents.billing.invoices import (
    CustomerDocument,
    CustomerRequest,
    InvoiceChange,
    InvoiceDocument,
)

routers = about_tenants("invoices")
router = for_operators("invoices")

Number = Annotated[
    str, Path(max_length=64, description="A document's number.", examples=["INV-000001"])
]
AsFormat = Annotated[Literal["json", "pdf"], Query(alias="format", description="Default: json.")]
_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": InvoiceDocument,
        "content": {"application/pdf": {}},
        "description": "The document in the requested format.",
    }
}


@routers.own.get("/invoices")
@routers.named.get("/invoices")
async def invoices(
    app: TheApp, tenant: TheTenant, *, limit: Limit = 50, cursor: Cursor = None
) -> Page[InvoiceDocument]:
    """List a tenant's invoices, credit notes, voids and reissues, most recent first."""
    every = await app.billing.invoices.issue.of(tenant)
    return page_of(
        reversed(every),
        lambda one: (-one.position,),
        InvoiceDocument.of,
        listed=f"invoices {tenant}",
        cursor=cursor,
        limit=limit,
    )


@routers.own.get("/invoices/{number}", response_model=None, responses=_RESPONSES)
@routers.named.get("/invoices/{number}", response_model=None, responses=_RESPONSES)
async def invoice(
    app: TheApp, tenant: TheTenant, number: Number, as_format: AsFormat = "json"
) -> Response:
    """Return one of a tenant's documents, as JSON or as a PDF."""
    every = await app.billing.invoices.issue.of(tenant)
    found = _found(every, number)
    headers = {"ETag": f'"{found.hash}-{as_format}"'}
    if as_format == "json":
        return JSONResponse(InvoiceDocument.of(found).model_dump(), headers=headers)
    statement = await app.stores.statements.read_statement(found.ledger)
    if statement is None:
        raise not_found()
    headers["Content-Disposition"] = f'attachment; filename="{plain(number)}.pdf"'
    content = await app.billing.invoices.papers.invoice(found, statement, every)
    return Response(content, headers=headers, media_type="application/pdf")


def _found(every: list[Invoice], number: str) -> Invoice:
    found = next((one for one in every if one.number == number), None)
    if found is None:
        raise not_found()
    return found


@router.post(
    "/tenants/{tenant}/invoices/{number}/void", status_code=201, dependencies=[Depends(must_know)]
)
async def void(
    app: TheApp, caller: TheCaller, tenant: str, number: Number, body: InvoiceChange
) -> InvoiceDocument:
    """Take a document back by a void, with a number of its own, that refers to it."""
    return await _changed(app, caller, tenant, number, body, "void")


@router.post(
    "/tenants/{tenant}/invoices/{number}/reissue",
    status_code=201,
    dependencies=[Depends(must_know)],
)
async def reissue(
    app: TheApp, caller: TheCaller, tenant: str, number: Number, body: InvoiceChange
) -> InvoiceDocument:
    """Replace a voided document; the number is that of the void."""
    return await _changed(app, caller, tenant, number, body, "reissue")


async def _changed(
    app: bootstrap.App,
    caller: TheCaller,
    tenant: str,
    number: str,
    body: InvoiceChange,
    action: Literal["void", "reissue"],
) -> InvoiceDocument:
    issuing = app.billing.invoices.issue
    _found(await issuing.of(tenant), number)
    asked = Change(body.reason.strip(), caller.subject)
    work = issuing.void if action == "void" else issuing.reissue
    made = await change(
        app,
        caller,
        Audit(f"invoice.{action}", f"invoice/{number}", body.model_dump()),
        lambda: None,
        lambda: work(number, asked),
    )
    return InvoiceDocument.of(made)


@router.get("/tenants/{tenant}/customer", dependencies=[Depends(must_know)])
async def customer(app: TheApp, tenant: str, response: Response) -> CustomerDocument:
    """Return the details of a tenant on paper, and who receives its digest."""
    tag(response, app, "customer", tenant)
    return CustomerDocument.of(tenant, app.tenancy.directory.customers.of(tenant))


@router.put("/tenants/{tenant}/customer", dependencies=[Depends(must_know)])
async def set_customer(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    body: CustomerRequest,
    response: Response,
    if_match: IfMatch = None,
) -> CustomerDocument:
    """Set all details of a tenant on paper. Documents keep those that held when issued."""
    exists = app.tenancy.directory.revision("customer", tenant) > 0
    expected = expected_revision(app, "customer", tenant, if_match, exists=exists)
    with refusals():
        wanted = validated(Customer, f"tenant {tenant}", body.model_dump_json().encode())
    before = app.tenancy.directory.customers.of(tenant)
    await change(
        app,
        caller,
        Audit("customer.set", f"customer/{tenant}", wanted.model_dump(mode="json")),
        lambda: before.model_dump(mode="json"),
        lambda: app.tenancy.set_customer(tenant, wanted, expected=expected),
    )
    tag(response, app, "customer", tenant)
    return CustomerDocument.of(tenant, wanted)
