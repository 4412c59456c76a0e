"""`metering prices`: the price book."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.lazy import LazyGroup, Place
from metering.cli.options import DeploymentType, TierOfPrice, with_app
from metering.cli.output import AsJson, escape, print_table, show, stderr
from metering.core.basics.suggestions import nearest
from metering.core.prices.price_book import PriceRow
from metering.core.usage.buckets import BUCKETS
from metering.documents.prices.changes import PriceRowDocument

prices: Final = LazyGroup(
    "prices",
    "The dated list prices that requests are rated by.",
    {
        "Commands": {
            "list": Place(
                "metering.cli.prices.prices:list_prices",
                "List price rows, in currency units per million tokens.",
            ),
            "diff": Place(
                "metering.cli.prices.price_import:diff_prices",
                "Show the changes that an import would make, what it would refuse, and what it"
                " would skip.",
            ),
            "import": Place(
                "metering.cli.prices.price_import:import_prices",
                "Publish the new and changed rows of a source as a new version.",
            ),
            "refresh": Place(
                "metering.cli.prices.proposals:refresh_prices",
                "Read Azure's price feed, and keep its differences as the proposal of the day.",
            ),
            "proposed": Place(
                "metering.cli.prices.proposals:proposed_prices",
                "Show the newest proposed prices, and what publishing them would need.",
            ),
            "publish": Place(
                "metering.cli.prices.proposals:publish_prices",
                "Put the newest proposed prices in force.",
            ),
            "coverage": Place(
                "metering.cli.prices.coverage:coverage",
                "Show, for the models that Azure lists, whether they are priced, and why not.",
            ),
            "unpriced": Place(
                "metering.cli.prices.coverage:unpriced",
                "Show the requests that were counted and have no price, by reason.",
            ),
            "rerate": Place(
                "metering.cli.prices.repricing:rerate",
                "Re-rate usage whose price was missing or has been superseded.",
            ),
        }
    },
)


def list_prices(
    model: Annotated[
        str | None, typer.Option(help="Only models whose name contains this text.")
    ] = None,
    deployment_type: DeploymentType | None = None,
    tier: TierOfPrice | None = None,
    region: Annotated[
        str | None, typer.Option(help="Only prices that apply in this region.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List price rows, in currency units per million tokens.

    Example:  metering prices list --model gpt-4.1 --deployment-type global
    """
    rows = with_app(_rows)
    matching = [
        row
        for row in rows
        if (model is None or model in row.model)
        and (deployment_type is None or row.deployment_type == deployment_type)
        and (tier is None or row.service_tier == tier)
        and (region is None or row.region in {None, region})
    ]
    found = [PriceRowDocument.model_validate(row) for row in matching]
    show(found, lambda: _print(found), as_json=as_json)
    if not found and model is not None and not as_json:
        near = nearest(model, {row.model for row in rows})
        meant = "" if near is None else f": did you mean {near!r}?"
        stderr().print(escape(f"no price matches --model {model!r}{meant}"))


def _print(rows: list[PriceRowDocument]) -> None:
    named = {bucket for row in rows for bucket in row.per_million_tokens}
    shown = [bucket for bucket in BUCKETS if bucket in named]
    print_table(
        "Prices per million tokens",
        ["row", "from", "currency", *shown],
        [
            [row.row, row.effective_from[:10], row.currency]
            + [row.per_million_tokens.get(bucket, "-") for bucket in shown]
            for row in rows
        ],
        left=3,
    )


async def _rows(app: bootstrap.App) -> list[PriceRow]:
    await app.tenancy.refresh()
    return list(app.tenancy.prices.rows.values())
