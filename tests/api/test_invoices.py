"""Invoices and details of customers over HTTP: tenants read their own, operators change."""

from collections.abc import Iterator

import pytest

from metering.core.invoices.taxes import parse_taxes
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from tests.api.served import OF_GLOBEX, Served, problem
from tests.api.test_statements import DECEMBER, closed

ACME = "/api/tenants/acme"


@pytest.fixture
def series(api: Served) -> Iterator[None]:
    """Let the close issue documents, with a tax of 20 %."""
    issuing = api.app.billing.invoices.issue
    issuing.series = "INV-"
    issuing.terms = issuing.terms._replace(taxes=parse_taxes("VAT=20"))
    given = api.app.settings
    invoicing = given.invoicing._replace(series="INV-")
    api.app.settings = given._replace(invoicing=invoicing)
    yield
    api.app.settings = given


@pytest.mark.usefixtures("series")
async def test_a_tenant_reads_its_own_documents_and_an_operator_voids_them(api: Served) -> None:
    details = {"name": "Acme <GmbH>", "address": ["Wien"], "tax_id": "ATU1"}
    path = f"{ACME}/customer"
    put = await api.ask("PUT", path, api.operator(), json=details)
    assert put.status_code == 200, put.text
    again = await api.ask("PUT", path, api.operator(), json=details)
    assert again.status_code == 428
    wrong = {**details, "recipients": ["ada@example.com\nBcc: eve@example.com"]}
    refused = await api.ask(
        "PUT", path, api.operator(), json=wrong, headers={"If-Match": put.headers["etag"]}
    )
    assert refused.status_code == 422
    assert (await api.get(path, api.operator()))["name"] == "Acme <GmbH>"
    assert (await api.ask("GET", path, api.tenant())).status_code == 403

    await api.app.tenancy.refresh()
    await api.app.tenancy.adjust(AdjustmentOffer("acme", "5.00", "setup", "ada", None, "a-1"))
    await closed(api)
    listed = await api.get("/api/me/invoices", api.tenant())
    # 0.0035 of usage and 5: 5.00 to the cent; 20 % of it is 1.00.
    assert [(one["number"], one["net"], one["gross"]) for one in listed["items"]] == [
        ("INV-000001", "5.00", "6.00")
    ]
    one = await api.get("/api/me/invoices/INV-000001", api.tenant())
    assert one["customer"]["name"] == "Acme <GmbH>"
    shown = await api.ask("GET", "/api/me/invoices/INV-000001?format=pdf", api.tenant())
    assert shown.headers["content-type"] == "application/pdf"
    assert shown.content.startswith(b"%PDF-")
    assert (
        await api.ask("GET", "/api/me/invoices/INV-000001", api.tenant(OF_GLOBEX))
    ).status_code == 404

    void = f"{ACME}/invoices/INV-000001/void"
    assert (await api.ask("POST", void, api.tenant(), json={})).status_code == 403
    with api.at(DECEMBER):
        made = await api.ask("POST", void, api.operator(), json={"reason": "wrong address"})
        assert (made.status_code, made.json()["number"]) == (201, "INV-000002")
        twice = problem(await api.ask("POST", void, api.operator(), json={}))
        assert "has been voided already" in twice["detail"]
        reissue = f"{ACME}/invoices/INV-000002/reissue"
        new = await api.ask("POST", reissue, api.operator(), json={})
        audit = (await api.get("/api/audit", api.operator()))["items"]
    assert (new.json()["kind"], new.json()["refers_to"]) == ("reissue", "INV-000002")
    assert {"invoice.void", "invoice.reissue"} <= {one["action"] for one in audit}


async def test_a_statement_comes_as_a_pdf(api: Served) -> None:
    await closed(api)
    path = "/api/me/statements/2026-11"
    for answer in (
        await api.ask("GET", f"{path}?format=pdf", api.tenant()),
        await api.ask("GET", path, api.tenant(), headers={"Accept": "application/pdf"}),
    ):
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-")
    assert (
        "acme-2026-11.pdf"
        in (await api.ask("GET", f"{path}?format=pdf", api.tenant())).headers["content-disposition"]
    )
