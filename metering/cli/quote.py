"""`metering quote`: what one request costs, line by line."""

import json
from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.cli.normalize import provider_usage
from metering.cli.options import DeploymentType, Tier, instant, plan_at, with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.buckets import BUCKETS, Buckets
from metering.core.errors import RejectedEvent
from metering.core.money import MULTIPLIER_DECIMALS, format_amount, format_fixed
from metering.core.plan import DEFAULT_PLAN
from metering.core.provider_usage import disjoint_buckets
from metering.core.rating import Priced, Rate, rate_card, rate_usage, unit_price


def quote(  # noqa: PLR0913, PLR0917, each is an option of the command
    model: Annotated[str, typer.Option(help="The model, as the service reports it.")],
    usage: Annotated[str, typer.Option(help="The provider's usage object, as JSON.")],
    deployment_type: DeploymentType = "global",
    tier: Tier = "standard",
    region: Annotated[str | None, typer.Option(help="For prices that differ by region.")] = None,
    at: Annotated[str | None, typer.Option(help="The request's time. Default: now.")] = None,
    plan: Annotated[str | None, typer.Option(help="A plan's id. Default: list prices.")] = None,
    as_json: AsJson = False,
) -> None:
    """Price one request and explain each line of the amount.

    Example:  metering quote --model gpt-4o --usage '{"prompt_tokens": 1000}'
    """
    app = bootstrap.current()
    moment = instant(at, "--at")
    when = app.clock.now() if moment is None else moment
    buckets = _buckets(usage)
    terms = DEFAULT_PLAN if plan is None else with_app(lambda app: plan_at(app, plan, when))
    priced = Priced(model, deployment_type, region, tier)
    card = rate_card(app.prices, terms, priced, when)
    rate, amount = rate_usage(card, buckets)
    if amount is None:
        why = _why_unpriced(card.rate, buckets, model)
        _print_unpriced(terms.currency, why, as_json=as_json)
        return
    _print_priced(terms.currency, rate, buckets, format_amount(amount), as_json=as_json)


def _print_priced(
    currency: str, rate: Rate, buckets: Buckets, amount: str, *, as_json: bool
) -> None:
    multiplier = format_fixed(rate.multiplier, MULTIPLIER_DECIMALS)
    lines = [_line(rate, place, tokens) for place, tokens in enumerate(buckets) if tokens]
    if as_json:
        print_json(
            {
                "priced": True,
                "currency": currency,
                "amount": amount,
                "price_version": rate.version,
                "price_row": rate.row,
                "multiplier": multiplier,
                "lines": lines,
            }
        )
        return
    print_table(
        f"{rate.row} ({rate.version}), times {multiplier}",
        ["bucket", "tokens", "unit price", "amount"],
        [
            [line["bucket"], count(line["quantity"]), line["unit_price"], line["amount"]]
            for line in lines
        ],
    )
    stdout().print(f"{amount} {currency}")


def _buckets(usage: str) -> Buckets:
    try:
        return disjoint_buckets(provider_usage(json.loads(usage)))
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--usage") from None
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None


def _line(rate: Rate, position: int, quantity: int) -> dict[str, Any]:
    unit = rate.units[position] or 0
    return {
        "bucket": BUCKETS[position],
        "quantity": quantity,
        "unit_price": unit_price(rate, position) or "",
        "amount": format_amount(quantity * unit),
        "price_row": rate.row or "",
    }


def _why_unpriced(rate: Rate, buckets: Buckets, model: str) -> str:
    if not rate.is_priced:
        return f"no price is known for {model} with these dimensions at that time"
    gaps = [BUCKETS[i] for i, tokens in enumerate(buckets) if tokens and rate.units[i] is None]
    return f"{rate.row} has no price for {', '.join(gaps)}"


def _print_unpriced(currency: str, why: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"priced": False, "currency": currency, "amount": None, "reason": why})
    else:
        stdout().print(f"unpriced: {why}")
