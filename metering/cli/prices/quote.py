"""`metering quote`: the price of one request, line by line."""

import json
from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.cli.ingest.normalize import Given, given_usage
from metering.cli.options import DeploymentType, Tier, instant, plan_at, with_app
from metering.cli.output import AsJson, escape, print_json, print_table, stdout
from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import (
    MULTIPLIER_DECIMALS,
    PRICE_DECIMALS,
    Amount,
    format_amount,
    format_fixed,
    parse_fixed,
)
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.prices.price_book import TOKEN
from metering.core.prices.priced import PricingKey, Registered, completed
from metering.core.prices.quote import Quote, QuoteLine, quote_reading
from metering.core.usage.buckets import NO_TOKENS, QUANTITY, QUANTITY_DECIMALS, TOKENS
from metering.core.usage.families import family_of
from metering.core.usage.meters import is_router
from metering.core.usage.provider_usage import Reading, read_usage

#: A price of another meter is of its unit, and quantities are counted in millionths of it.
_MILLIONTHS = 10**QUANTITY_DECIMALS


def quote(  # noqa: PLR0913, PLR0917, each is an option of the command
    model: Annotated[str | None, typer.Option(help="The model, or another meter.")] = None,
    usage: Annotated[str | None, typer.Option(help="The provider's usage object, as JSON.")] = None,
    quantity: Annotated[str | None, typer.Option(help="The quantity of another meter.")] = None,
    unit: Annotated[str | None, typer.Option(help="The unit that the meter counts.")] = None,
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

    The usage object may stand in a whole response. It is read as the ledger reads an event: what
    costs something and is not understood leaves the request without a price.

    Example:  metering quote --model gpt-4o --usage '{"prompt_tokens": 1000}'
    """
    if model is None and deployment is None:
        raise typer.BadParameter("give one of them", param_hint="--model or --deployment")
    given = _given(usage, quantity, unit)
    moment = instant(at, "--at")

    async def ask(app: bootstrap.App) -> tuple[Plan, tuple[Quote, ...]]:
        await app.tenancy.refresh()
        when = app.clock.now() if moment is None else moment
        terms = DEFAULT_PLAN if plan is None else await plan_at(app, plan, when)
        known = None if deployment is None else _registered(app, deployment, when)
        reading = _read(given, model, provider, deployment)
        served = tier or (given.service_tier if isinstance(given, Given) else None)
        said = PricingKey(model, deployment_type, region, served, provider, unit or TOKEN)
        routed = is_router(deployment if known is None else known.deployment.model)
        priced = completed(said, known)
        book = app.tenancy.prices
        return terms, quote_reading(book, terms, priced, when, reading, is_routed=routed)

    terms, answers = with_app(ask)
    if as_json:
        print_json(_quotes_json(terms, answers))
    else:
        _print_quotes(terms, answers)


def _registered(app: bootstrap.App, name: str, at: Instant) -> Registered | None:
    """Return a deployment of the registry; the router's own name needs no entry."""
    account, _, own_name = name.rpartition("/")
    found, since, _ = app.tenancy.directory.deployment(own_name, account or None, at)
    if found is None:
        if is_router(own_name):
            return None
        raise ConfigurationError(
            f"deployment {name!r}: not in the registry: see `metering deployments list`"
        )
    return Registered(found, since)


def _given(usage: str | None, quantity: str | None, unit: str | None) -> Given | int:
    """Return the usage object, or the quantity of another meter in 10^-6 of its unit."""
    if (usage is None) == (quantity is None):
        raise typer.BadParameter("give one of them", param_hint="--usage or --quantity")
    if (quantity is None) != (unit is None):
        raise typer.BadParameter("give both of them", param_hint="--quantity and --unit")
    try:
        if quantity is not None:
            return parse_fixed(quantity, QUANTITY_DECIMALS)
        return given_usage(json.loads(usage or ""))
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--usage") from None
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quantity") from None


def _read(
    given: Given | int, model: str | None, provider: str | None, deployment: str | None
) -> Reading:
    if not isinstance(given, Given):
        return Reading((*NO_TOKENS[TOKENS], given))
    try:
        return read_usage(given.usage, family_of(model or given.model, provider, None, deployment))
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None


def _quotes_json(terms: Plan, answers: tuple[Quote, ...]) -> dict[str, Any]:
    """Return a request's quote, with the lines of the meters beside it after its own."""
    request, *beside = answers
    reasons = [answer.reason for answer in answers if answer.reason is not None]
    if reasons:
        return {
            "priced": False,
            "currency": terms.currency,
            "amount": None,
            "reason": "; ".join(reasons),
            "lines": [],
        }
    whole = _quote_json(terms, request)
    whole["amount"] = format_amount(_total(answers))
    for meter in beside:
        whole["lines"] += [_line_json(meter, line) for line in meter.lines]
    return whole


def _total(answers: tuple[Quote, ...]) -> Amount:
    return sum(answer.amount or 0 for answer in answers)


def _quote_json(terms: Plan, answer: Quote) -> dict[str, Any]:
    return {
        "priced": True,
        "currency": terms.currency,
        "amount": format_amount(answer.amount or 0),
        "model": answer.rate.model,
        "channel": answer.rate.channel,
        "price_version": answer.rate.version,
        "price_row": answer.rate.row,
        "price_basis": _basis(answer),
        "billed_as": {} if answer.row is None else dict(answer.row.billed_as),
        "unit": answer.rate.unit,
        "multiplier": format_fixed(answer.rate.multiplier, MULTIPLIER_DECIMALS),
        "lines": [_line_json(answer, line) for line in answer.lines],
    }


def _basis(answer: Quote) -> str | None:
    """Return whether the price was published by its seller or is known from reports."""
    if answer.row is None:
        return None
    return "reported" if answer.row.source.is_reported else "published"


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


def _print_quotes(terms: Plan, answers: tuple[Quote, ...]) -> None:
    reasons = [answer.reason for answer in answers if answer.reason is not None]
    if reasons:
        stdout().print(escape(f"unpriced: {'; '.join(reasons)}"))
        return
    for answer in answers:
        _print_quote(answer)
    stdout().print(f"{format_amount(_total(answers))} {terms.currency}")


def _print_quote(answer: Quote) -> None:
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
    for bucket, other in () if answer.row is None else answer.row.billed_as:
        stdout().print(f"{bucket} has no discount here and is billed as {other}")
    if _basis(answer) == "reported":
        stdout().print("this price is known from public reports, not from its seller")
