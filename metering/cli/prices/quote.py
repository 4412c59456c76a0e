"""`metering quote`: the price of one request, line by line."""

import json
from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.ingest.normalize import provider_usage
from metering.cli.options import DeploymentType, Tier, instant, plan_at, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import parse_fixed
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.prices.price_book import TOKEN
from metering.core.prices.priced import Priced, Registered, completed
from metering.core.prices.quote import Quote
from metering.core.prices.quote import quote as quote_request
from metering.core.usage.buckets import NO_TOKENS, QUANTITY_DECIMALS, TOKENS, Buckets
from metering.core.usage.provider_usage import disjoint_buckets
from metering.documents.prices.quote import QuoteDocument


def quote(  # noqa: PLR0913, PLR0917, each is an option of the command
    model: Annotated[str | None, typer.Option(help="The model, or another meter.")] = None,
    usage: Annotated[str | None, typer.Option(help="The provider's usage object, as JSON.")] = None,
    quantity: Annotated[str | None, typer.Option(help="The quantity of another meter.")] = None,
    unit: Annotated[str | None, typer.Option(help="The unit of that meter.")] = None,
    deployment_type: DeploymentType | None = None,
    tier: Tier | None = None,
    region: Annotated[str | None, typer.Option(help="For prices that differ by region.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="For models sold by several providers.")
    ] = None,
    deployment: Annotated[str | None, typer.Option(help="A recorded deployment.")] = None,
    at: Annotated[str | None, typer.Option(help="The time of the request. Default: now.")] = None,
    plan: Annotated[str | None, typer.Option(help="A plan's id. Default: list prices.")] = None,
    as_json: AsJson = False,
) -> None:
    """Price one request, and explain each line of the amount.

    Example:  metering quote --model gpt-4o --usage '{"prompt_tokens": 1000}'
    """
    if model is None and deployment is None:
        raise typer.BadParameter("give one of these options", param_hint="--model or --deployment")
    buckets = _buckets(usage, quantity, unit)
    moment = instant(at, "--at")
    named = Priced(model, deployment_type, region, tier, provider, unit or TOKEN)

    async def ask(app: bootstrap.App) -> tuple[Plan, Quote]:
        await app.tenancy.refresh()
        when = app.clock.now() if moment is None else moment
        terms = DEFAULT_PLAN if plan is None else await plan_at(app, plan, when)
        known = None if deployment is None else _registered(app, deployment, when)
        priced = completed(named, known)
        return terms, quote_request(app.tenancy.prices, terms, priced, when, buckets)

    terms, answer = with_app(ask)
    document = QuoteDocument.of(terms, answer)
    show(document, lambda: _print(document), as_json=as_json)


def _registered(app: bootstrap.App, name: str, at: Instant) -> Registered:
    account, _, own_name = name.rpartition("/")
    found, since, _ = app.tenancy.directory.deployment(own_name, account or None, at)
    if found is None:
        raise ConfigurationError(f"unknown deployment {name!r}: see `metering deployments list`")
    return Registered(found, since)


def _buckets(usage: str | None, quantity: str | None, unit: str | None) -> Buckets:
    if (usage is None) == (quantity is None):
        raise typer.BadParameter("give one of these options", param_hint="--usage or --quantity")
    if (quantity is None) != (unit is None):
        raise typer.BadParameter("give both of these options", param_hint="--quantity and --unit")
    try:
        if quantity is not None:
            return (*NO_TOKENS[TOKENS], parse_fixed(quantity, QUANTITY_DECIMALS))
        return disjoint_buckets(provider_usage(json.loads(usage or "")))
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--usage") from None
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quantity") from None


def _print(quote: QuoteDocument) -> None:
    if not quote.priced:
        stdout().print(f"unpriced: {quote.reason}")
        return
    print_table(
        f"{quote.price_row} ({quote.price_version})",
        ["bucket", "quantity", "list price", "multiplier", "unit price", "amount"],
        [
            [
                line.bucket,
                f"{line.quantity:,}" if isinstance(line.quantity, int) else line.quantity,
                line.list_price or "set by plan",
                line.multiplier or "-",
                line.unit_price,
                line.amount,
            ]
            for line in quote.lines
        ],
    )
    stdout().print(f"{quote.amount} {quote.currency}")
