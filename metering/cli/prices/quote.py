"""`metering quote`: the price of one request, line by line."""

import json
from typing import Annotated, NamedTuple

import typer

from metering import bootstrap
from metering.cli import completing
from metering.cli.options import DeploymentType, TierOfPrice, instant, plan_at, with_app
from metering.cli.output import AsJson, escape, print_table, show, stdout
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import parse_fixed
from metering.core.basics.suggestions import hint, unknown
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.prices.price_book import TOKEN
from metering.core.prices.priced import PricingKey, Registered, completed
from metering.core.prices.quote import Quote, quote_reading
from metering.core.usage.buckets import NO_TOKENS, QUANTITY_DECIMALS, TOKENS
from metering.core.usage.families import family_of
from metering.core.usage.meters import is_router
from metering.core.usage.provider_usage import Reading, read_usage
from metering.core.usage.whole_response import Given, given_usage
from metering.documents.prices.quote import QuoteDocument


def quote(  # noqa: PLR0913, PLR0917, each is an option of the command
    model: Annotated[
        str | None,
        typer.Option(help="The model, or another meter.", autocompletion=completing.models),
    ] = None,
    usage: Annotated[str | None, typer.Option(help="The provider's usage object, as JSON.")] = None,
    quantity: Annotated[str | None, typer.Option(help="The quantity of another meter.")] = None,
    unit: Annotated[str | None, typer.Option(help="The unit of that meter.")] = None,
    deployment_type: DeploymentType | None = None,
    tier: TierOfPrice | None = None,
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

    The usage may be a whole response, which names its model. It is read as the ledger reads an
    event: a cost that no rule understands leaves the request without a price.

    Example:  metering quote --model gpt-4o --usage '{"prompt_tokens": 1000}'
    """
    given = _given(usage, quantity, unit)
    served = model if given.response is None else model or given.response.model
    if served is None and deployment is None:
        raise typer.BadParameter("give one of these options", param_hint="--model or --deployment")
    reading = _read(given, served, provider, deployment)
    moment = instant(at, "--at")
    named = PricingKey(
        served, deployment_type, region, tier or given.service_tier, provider, unit or TOKEN
    )

    async def ask(app: bootstrap.App) -> tuple[Plan, tuple[Quote, ...], str | None]:
        await app.tenancy.refresh()
        when = app.clock.now() if moment is None else moment
        terms = DEFAULT_PLAN if plan is None else await plan_at(app, plan, when)
        known = None if deployment is None else _registered(app, deployment, when)
        routed = is_router(deployment if known is None else known.deployment.model)
        priced = completed(named, known)
        book = app.tenancy.prices
        answers = quote_reading(book, terms, priced, when, reading, is_routed=routed)
        name = priced.model
        if name is None or book.knows(name):
            return terms, answers, None
        return terms, answers, hint(name, book.models(), "prices list")

    terms, answers, seek = with_app(ask)
    document = QuoteDocument.of(terms, answers)
    show(document, lambda: _print(document, seek), as_json=as_json)


class _Given(NamedTuple):
    """The usage on the command line: a usage object, or the quantity of another meter."""

    response: Given | None = None
    millionths: int = 0

    @property
    def service_tier(self) -> str | None:
        """The tier that the usage object names."""
        return None if self.response is None else self.response.service_tier


def _registered(app: bootstrap.App, name: str, at: Instant) -> Registered | None:
    """Return a recorded deployment; None for the model router, which needs no record."""
    account, _, own_name = name.rpartition("/")
    found, since, _ = app.tenancy.directory.deployment(own_name, account or None, at)
    if found is None and is_router(own_name):
        return None
    if found is None:
        known = [one.name for one in app.tenancy.directory.deployments(at)]
        raise unknown("deployment", name, known, "deployments list")
    return Registered(found, since)


def _given(usage: str | None, quantity: str | None, unit: str | None) -> _Given:
    if (usage is None) == (quantity is None):
        raise typer.BadParameter("give one of these options", param_hint="--usage or --quantity")
    if (quantity is None) != (unit is None):
        raise typer.BadParameter("give both of these options", param_hint="--quantity and --unit")
    try:
        if quantity is not None:
            return _Given(millionths=parse_fixed(quantity, QUANTITY_DECIMALS))
        return _Given(given_usage(json.loads(usage or "")))
    except json.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--usage") from None
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--quantity") from None


def _read(
    given: _Given, model: str | None, provider: str | None, deployment: str | None
) -> Reading:
    if given.response is None:
        return Reading((*NO_TOKENS[TOKENS], given.millionths))
    family = family_of(model, provider, None, deployment)
    try:
        return read_usage(given.response.usage, family)
    except RejectedEvent as why:
        raise typer.BadParameter(str(why), param_hint="--usage") from None


def _print(quote: QuoteDocument, seek: str | None) -> None:
    if not quote.priced:
        stdout().print(escape(f"unpriced: {quote.reason}{'' if seek is None else f': {seek}'}"))
        return
    print_table(
        f"{quote.price_row} ({quote.price_version})",
        ["row", "bucket", "quantity", "list price", "multiplier", "unit price", "amount"],
        [
            [
                line.price_row or "-",
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
    for bucket, other in quote.billed_as.items():
        stdout().print(f"{bucket} has no discount here and is billed as {other}")
    if quote.price_basis == "reported":
        stdout().print("this price is known from public reports, not from its seller")
