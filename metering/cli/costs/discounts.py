"""`metering discounts`: what the company pays less than list prices."""

from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.files import read_structured
from metering.cli.auditing import changing
from metering.cli.options import day_or_instant, since, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.instants import Instant
from metering.core.basics.validation import validated
from metering.core.prices.discount import Discount, read_discounts
from metering.core.tenancy.record import Decision
from metering.documents.costs import DiscountDocument

discounts = typer.Typer(
    no_args_is_help=True,
    help="Discounts agreed with providers: what the company pays less than list prices.",
)

From = Annotated[
    str | None,
    typer.Option("--from", help="The UTC day on which it begins. Default: the next one."),
]


@discounts.command("set")
def set_discount(
    percent: Annotated[str, typer.Option(help="From 0 to 100, at most 4 decimals.")],
    category: Annotated[
        str | None,
        typer.Option(help="Azure's meter category: Foundry Models, Foundry Tools or SaaS."),
    ] = None,
    provider: Annotated[str | None, typer.Option(help="The provider of price rows.")] = None,
    model: Annotated[str | None, typer.Option(help="The model of price rows.")] = None,
    start: From = None,
) -> None:
    """Put a discount in force for a category, a provider or a model, or for everything.

    The most specific one applies alone: of the model, then the provider, then the category. No
    tenant's charge depends on it. It may begin in the past, because invoices come late; the audit
    log has when it was recorded. 0 ends a discount.

    Example:  metering discounts set --provider openai --percent 7 --from 2026-12-01
    """
    given = {"percent": percent, "category": category, "provider": provider, "model": model}
    discount = validated(Discount, "discount", given)
    decision = _set(discount, day_or_instant(start, "--from"))
    stdout().print(f"{discount.key}: {discount.percent} % {since(decision)}", markup=False)


@discounts.command("list")
def list_discounts(as_json: AsJson = False) -> None:
    """List every discount and when it begins; a later one for the same takes its place.

    Example:  metering discounts list
    """

    async def read(app: bootstrap.App) -> list[DiscountDocument]:
        await app.tenancy.refresh()
        return [DiscountDocument.of(one) for one in app.tenancy.directory.discounts.listed()]

    found = with_app(read)
    rows = [[one.key, one.percent, one.since[:10]] for one in found]
    show(found, lambda: print_table("Discounts", ["for", "percent", "from"], rows), as_json=as_json)


@discounts.command("import")
def import_discounts(
    file: Annotated[Path, typer.Argument(help="YAML or JSON: `discounts`, each as in `set`.")],
) -> None:
    """Put the discounts of FILE in force; those that hold already are left as they are.

    Each has `percent`, at most one of `category`, `provider` and `model`, and `from`, a quoted day.

    Example:  metering discounts import discounts.yaml
    """
    for number, one in enumerate(read_discounts(str(file), read_structured(file))):
        start = day_or_instant(one.day, f"discounts.{number}.from")
        decision = _set(one.discount, start)
        print_line = f"{one.discount.key}: {one.discount.percent} % {since(decision)}"
        stdout().print(print_line, markup=False)


def _set(discount: Discount, start: Instant | None) -> Decision[Instant]:
    return changing(
        "discount.set",
        f"discount/{discount.key}",
        {**discount.model_dump(exclude_none=True), "from": start},
        lambda app: app.tenancy.set_discount(discount, start),
    )
