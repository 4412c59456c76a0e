"""`metering quote`: what one request costs, line by line."""

import json
from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.cli.ingest.normalize import provider_usage
from metering.cli.options import DeploymentType, Tier, instant, plan_at, with_app
from metering.cli.output import AsJson, print_json, print_table, stdout
from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import (
    MULTIPLIER_DECIMALS,
    PRICE_DECIMALS,
    format_amount,
    format_fixed,
    parse_fixed,
)
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.prices.price_book import TOKEN
from metering.core.prices.priced import PricingKey, Registered, completed
from metering.core.prices.quote import Quote, QuoteLine
from metering.core.prices.quote import quote as quote_request
from metering.core.usage.buckets import NO_TOKENS, QUANTITY, QUANTITY_DECIMALS, TOKENS, Buckets
from metering.core.usage.provider_usage import disjoint_buckets

#: A price of another meter is of its unit, and quantities are counted in millionths of it.
_MILLIONTHS = 10**QUANTITY_DECIMALS


def quote(  # noqa: PLR0913, PLR0917, each is an option of the command
    model: Annotated[str | None, typer.Option(help="The model, or another meter.")] = None,
    usage: Annotated[str | None, typer.Option(help="The provider's usage object, as JSON.")] = None,
    quantity: Annotated[str | None, typer.Option(help="Of another meter: how much.")] = None,
    unit: Annotated[str | None, typer.Option(help="What that meter counts.")] = None,
    deployment_type: DeploymentType | None = None,
    tier: Tier | None = None,
    region: Annotated[str | None, typer.Option(help="For prices that differ by region.")] = None,
    provider: Annotated[str | None, typer.Option(help="Where several sell the model.")] = None,
    deployment: Annotated[str | None, typer.Option(help="One of the registry.")] = None,
    at: Annotated[str | None, typer.Option(help="The request's time. Default: now.")] = None,
    plan: Annotated[str | None, typer.Option(help="A plan's id. Default: list prices.")] = None,
    as_json: AsJson = False,
) -> None:
    """Price one request and explain each line of the amount.

    Example:  metering quote --model gpt-4o --usage '{"prompt_tokens": 1000}'
    """
    if model is None and deployment is None:
        raise typer.BadParameter("give one of them", param_hint="--model or --deployment")
    buckets = _buckets(usage, quantity, unit)
    moment = instant(at, "--at")
    said = PricingKey(model, deployment_type, region, tier, provider, unit or TOKEN)

    async def ask(app: bootstrap.App) -> tuple[Plan, Quote]:
        await app.tenancy.refresh()
        when = app.clock.now() if moment is None else moment
        terms = DEFAULT_PLAN if plan is None else await plan_at(app, plan, when)
        known = None if deployment is None else _registered(app, deployment, when)
        priced = completed(said, known)
        return terms, quote_request(app.tenancy.prices, terms, priced, when, buckets)

    terms, answer = with_app(ask)
    if as_json:
        print_json(_quote_json(terms, answer))
    else:
        _print_quote(terms, answer)


def _registered(app: bootstrap.App, name: str, at: Instant) -> Registered:
    account, _, own_name = name.rpartition("/")
    found, since, _ = app.tenancy.directory.deployment(own_name, account or None, at)
    if found is None:
        raise ConfigurationError(
            f"deployment {name!r}: there is none: see `metering deployments list`"
        )
    return Registered(found, since)


def _buckets(usage: str | None, quantity: str | None, unit: str | None) -> Buckets:
    if (usage is None) == (quantity is None):
        raise typer.BadParameter("give one of them", param_hint="--usage or --quantity")
    if (quantity is None) != (unit is None):
        raise typer.BadParameter("give both of them", param_hint="--quantity and --unit")
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


def _quote_json(terms: Plan, answer: Quote) -> dict[str, Any]:
    if answer.amount is None:
        return {
            "priced": False,
            "currency": terms.currency,
            "amount": None,
            "reason": answer.reason,
            "lines": [],
        }
    return {
        "priced": True,
        "currency": terms.currency,
        "amount": format_amount(answer.amount),
        "model": answer.rate.model,
        "channel": answer.rate.channel,
        "price_version": answer.rate.version,
        "price_row": answer.rate.row,
        "unit": answer.rate.unit,
        "multiplier": format_fixed(answer.rate.multiplier, MULTIPLIER_DECIMALS),
        "lines": [_line_json(answer, line) for line in answer.lines],
    }


def _line_json(answer: Quote, line: QuoteLine) -> dict[str, Any]:
    of_meter = line.bucket == QUANTITY
    scale = _MILLIONTHS if of_meter else 1
    listed = None if line.list_price is None else line.list_price * scale
    return {
        "bucket": line.bucket,
        "quantity": format_fixed(line.quantity, QUANTITY_DECIMALS) if of_meter else line.quantity,
        "list_price": None if listed is None else format_fixed(listed, PRICE_DECIMALS),
        "multiplier": (
            None if line.multiplier is None else format_fixed(line.multiplier, MULTIPLIER_DECIMALS)
        ),
        "unit_price": format_amount(line.unit_price * scale),
        "amount": format_amount(line.amount),
        "price_row": answer.rate.row,
    }


def _print_quote(terms: Plan, answer: Quote) -> None:
    if answer.amount is None:
        stdout().print(f"unpriced: {answer.reason}")
        return
    lines = [_line_json(answer, line) for line in answer.lines]
    print_table(
        f"{answer.rate.row} ({answer.rate.version})",
        ["bucket", "quantity", "list price", "times", "unit price", "amount"],
        [
            [
                line["bucket"],
                f"{line['quantity']:,}" if isinstance(line["quantity"], int) else line["quantity"],
                line["list_price"] or "the plan's",
                line["multiplier"] or "-",
                line["unit_price"],
                line["amount"],
            ]
            for line in lines
        ],
    )
    stdout().print(f"{format_amount(answer.amount)} {terms.currency}")
