"""`metering prices`: the price book."""

from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.lazy import LazyGroup, Place
from metering.cli.options import DeploymentType, Tier, with_app
from metering.cli.output import AsJson, print_json, print_table
from metering.core.basics.instants import format_instant
from metering.core.basics.money import PRICE_DECIMALS, format_fixed
from metering.core.prices.price_book import PriceRow
from metering.core.usage.buckets import BUCKETS

prices: Final = LazyGroup(
    "prices",
    "The dated list prices that requests are rated by.",
    {
        "Commands": {
            "list": Place(
                "metering.cli.prices.prices:list_prices",
                "List the price rows, in currency units per million tokens.",
            ),
            "diff": Place(
                "metering.cli.prices.price_import:diff_prices",
                "Show what importing a source would change, and what it lists but cannot be taken"
                " over.",
            ),
            "import": Place(
                "metering.cli.prices.price_import:import_prices",
                "Publish what a source has and the price book has not, as a new version.",
            ),
            "rerate": Place(
                "metering.cli.prices.repricing:rerate",
                "Rate usage again whose price was missing or has been superseded for its time.",
            ),
        }
    },
)

_MILLION = 1_000_000


def list_prices(
    model: Annotated[
        str | None, typer.Option(help="Only models whose name has this in it.")
    ] = None,
    deployment_type: DeploymentType | None = None,
    tier: Tier | None = None,
    region: Annotated[
        str | None, typer.Option(help="Only prices that apply in this region.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the price rows, in currency units per million tokens.

    Example:  metering prices list --model gpt-4.1 --deployment-type global
    """
    rows = [
        row
        for row in with_app(_rows)
        if (model is None or model in row.model)
        and (deployment_type is None or row.deployment_type == deployment_type)
        and (tier is None or row.service_tier == tier)
        and (region is None or row.region in {None, region})
    ]
    if as_json:
        print_json([_row_json(row) for row in rows])
        return
    shown = [bucket for i, bucket in enumerate(BUCKETS) if any(row.prices[i] for row in rows)]
    print_table(
        "Prices per million tokens",
        ["row", "from", "currency", *shown],
        [
            [row.id, format_instant(row.effective_from)[:10], row.currency]
            + [_per_million(row).get(bucket, "-") for bucket in shown]
            for row in rows
        ],
        left=3,
    )


async def _rows(app: bootstrap.App) -> list[PriceRow]:
    await app.tenancy.refresh()
    return list(app.tenancy.prices.rows.values())


def _per_million(row: PriceRow) -> dict[str, str]:
    return {
        bucket: format_fixed(price * _MILLION, PRICE_DECIMALS)
        for bucket, price in zip(BUCKETS, row.prices, strict=True)
        if price is not None
    }


def _row_json(row: PriceRow) -> dict[str, object]:
    return {
        "row": row.id,
        "version": row.version,
        "model": row.model,
        "deployment_type": row.deployment_type,
        "region": row.region,
        "service_tier": row.service_tier,
        "above_tokens": row.above_tokens,
        "channel": row.channel,
        "currency": row.currency,
        "effective_from": format_instant(row.effective_from),
        "per_million_tokens": _per_million(row),
    }
