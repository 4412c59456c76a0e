"""`metering tenants customer`: the details of a tenant on paper, and who receives its digest."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.options import Tenant, must_know, with_app
from metering.cli.output import AsJson, escape, show, stdout
from metering.core.basics.validation import validated
from metering.core.tenancy.customers import Customer
from metering.documents.billing.invoices import CustomerDocument


def customer(  # noqa: PLR0913, PLR0917, each is an option of the command
    tenant: Tenant,
    name: Annotated[str | None, typer.Option(help="The name on paper.")] = None,
    address: Annotated[
        list[str] | None, typer.Option(help="A line of the address. Repeatable.")
    ] = None,
    tax_id: Annotated[str | None, typer.Option(help="The tax id of the customer.")] = None,
    reverse_charge: Annotated[
        bool, typer.Option("--reverse-charge", help="The customer accounts for the tax itself.")
    ] = False,
    recipient: Annotated[
        list[str] | None, typer.Option(help="A recipient of the weekly digest. Repeatable.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget all details.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the details of TENANT on paper, or set all of them at once: what is not given is empty.

    They hold at once. Documents keep the details that held when they were issued.

    Example:  metering tenants customer acme --name "Acme GmbH" --tax-id DE123 --recipient a@b.de
    """
    content = {
        "name": name or "",
        "address": tuple(address or ()),
        "tax_id": tax_id or "",
        "reverse_charge": reverse_charge,
        "recipients": tuple(recipient or ()),
    }
    wanted = validated(Customer, f"tenant {tenant}", content)
    is_given = clear or wanted != Customer()

    async def read(app: bootstrap.App) -> Customer:
        await must_know(app, tenant)
        return app.tenancy.directory.customers.of(tenant)

    async def write(app: bootstrap.App) -> Customer:
        await must_know(app, tenant)
        await app.tenancy.set_customer(tenant, wanted)
        return wanted

    found = (
        changing("customer.set", f"customer/{tenant}", wanted.model_dump(mode="json"), write)
        if is_given
        else with_app(read)
    )
    show(CustomerDocument.of(tenant, found), lambda: _print(tenant, found), as_json=as_json)


def _print(tenant: str, of: Customer) -> None:
    rows = (
        ("name", of.name or tenant),
        ("address", ", ".join(of.address) or "-"),
        ("tax id", f"{of.tax_id or '-'}{', reverse charge' if of.reverse_charge else ''}"),
        ("digest", ", ".join(of.recipients) or "-"),
    )
    for label, value in rows:
        stdout().print(escape(f"{label}: {value}"))
