"""`metering admission`: the decision that the gateway receives for a subscription."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli import completing
from metering.cli.options import with_app
from metering.cli.output import AsJson, escape, print_table, show, stdout
from metering.core.basics.errors import ConfigurationError, RejectedEvent
from metering.core.basics.instants import format_instant
from metering.core.plans.scope import Attributes
from metering.core.quotas.admission import Admitted
from metering.core.quotas.verdict import ModelVerdict, ScopedVerdict


def admission(  # noqa: PLR0913, PLR0917, each is an option of the command
    subscription: Annotated[
        str, typer.Argument(help="The subscription, as events name it.", show_default=False)
    ],
    model: Annotated[
        str | None,
        typer.Option(help="Show the decision for this model.", autocompletion=completing.models),
    ] = None,
    product: Annotated[str | None, typer.Option(help="For quotas by product.")] = None,
    use_case: Annotated[str | None, typer.Option(help="For quotas by use case.")] = None,
    end_user: Annotated[str | None, typer.Option(help="For quotas by end user.")] = None,
    agent: Annotated[str | None, typer.Option(help="For quotas by agent.")] = None,
    session: Annotated[str | None, typer.Option(help="For quotas by session.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show whether requests of SUBSCRIPTION are admitted: allow, downgrade or block, and why.

    Example:  metering admission sub-3 --model gpt-4o
    """
    about = Attributes(model, product, use_case, end_user, None, agent, session)

    async def ask(app: bootstrap.App) -> Admitted:
        try:
            return await app.admission.of(subscription, about)
        except RejectedEvent as unknown:
            raise ConfigurationError(f"subscription {subscription!r}: {unknown.reason}") from None

    found = with_app(ask)
    show(found.document(model), lambda: _print(found, model), as_json=as_json)


def _print(found: Admitted, model: str | None) -> None:
    verdict = found.of(model)
    about = f"{found.subscription}, {model}" if model else found.subscription
    stdout().print(escape(f"{about}: {verdict.verdict} ({verdict.reason}{_detail(verdict)})"))
    if found.models:
        print_table(
            "Models with a different decision",
            ["model", "verdict", "to", "reason", "remaining", "resets"],
            [[name, *_cells(one)] for name, one in sorted(found.models.items())],
            left=4,
        )
    if found.scoped.rules:
        print_table(
            "Requests with a different decision",
            ["requests of", "verdict", "to", "reason", "remaining", "resets"],
            [[_whose(one), *_cells(one.verdict)] for one in found.scoped.rules],
            left=4,
        )
    if found.scoped.ask:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in found.scoped.ask)
        stdout().print(f"further decisions depend on the request: give {names}")
    for text in found.counting:
        stdout().print(escape(f"earlier usage is still being counted: {text}"))
    for text in found.shadowed:
        stdout().print(escape(f"shadow mode: {text}"))


def _whose(one: ScopedVerdict) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.when.items())


def _detail(one: ModelVerdict) -> str:
    return f": {one.detail}" if one.detail else ""


def _cells(one: ModelVerdict) -> list[str]:
    resets = "-" if one.resets_at is None else format_instant(one.resets_at)
    return [one.verdict, one.to or "-", one.reason + _detail(one), one.remaining or "-", resets]
