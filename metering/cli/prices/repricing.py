"""`metering prices rerate` and `metering whatif`: usage under other prices."""

from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.prices.operator_file import file_prices
from metering.app.ledger.one_by_one import OneByOne
from metering.app.prices.rerate import Rerated
from metering.app.prices.what_if import Answer
from metering.cli.auditing import changing
from metering.cli.options import (
    PeriodName,
    Tenant,
    ledgers_named,
    must_know,
    period_for,
    with_app,
)
from metering.cli.output import (
    AsJson,
    count,
    escape,
    plural,
    print_error,
    print_table,
    show,
    stdout,
    tokens,
)
from metering.core.basics.money import Amount, format_read
from metering.core.billing.what_if import Comparison
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.rerating import Scope
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file
from metering.documents.prices.repricing import RerateDocument, WhatIfDocument


def rerate(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this period, like 2026-11.")] = None,
    scope: Annotated[
        Scope,
        typer.Option(help="Only usage without a price, or all usage whose price has changed."),
    ] = Scope.ALL,
    apply: Annotated[
        bool, typer.Option("--apply", help="Append the corrections. Default: only list them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Re-rate usage whose price was missing or has been superseded.

    Entries are never edited. Each change is appended as a correction. Safe to repeat.

    Example:  metering prices rerate --tenant acme --period 2026-11 --apply
    """

    async def work(app: bootstrap.App) -> list[Rerated]:
        if tenant is not None:
            await must_know(app, tenant)
        chosen = await _chosen(app, tenant, period)
        done: list[Rerated] = []
        for ledger in chosen:
            with one_by_one.about(ledger):
                done.append(await app.rerate.ledger(ledger, scope, dry_run=not apply))
        one_by_one.settle()
        return done

    one_by_one = OneByOne()
    wanted = {"tenant": tenant, "period": period, "scope": scope.value}
    found = changing("prices.rerate", "ledgers", wanted, work) if apply else with_app(work)
    documents = [RerateDocument.model_validate(one) for one in found]
    show(documents, lambda: _print_rerated(documents, applied=apply), as_json=as_json)
    for fault in one_by_one.left_out.values():
        print_error(str(fault))
    if one_by_one.left_out:
        raise typer.Exit(1)


async def _chosen(app: bootstrap.App, tenant: str | None, period: str | None) -> list[LedgerId]:
    ledgers = await app.ledgers.ledgers(tenant)
    if period is None:
        return ledgers
    wanted = set(await ledgers_named(app, tenant, period))
    return [ledger for ledger in ledgers if ledger in wanted]


def _print_rerated(found: list[RerateDocument], *, applied: bool) -> None:
    rows = [
        [
            one.ledger,
            change.model or "(not named)",
            change.before or "no price",
            change.after,
            count(change.requests),
            change.difference,
        ]
        for one in found
        for change in one.changes
    ]
    if not rows:
        stdout().print("nothing to correct: every entry has the price of its time")
        return
    columns = ["ledger", "model", "old price", "new price", "requests", "difference"]
    print_table("Corrections" if applied else "Corrections to append", columns, rows, left=4)
    if applied:
        stdout().print(f"{plural(sum(one.corrected for one in found), 'correction')} appended")
    else:
        stdout().print("Nothing was written. Run with --apply to append the corrections.")


def whatif(  # noqa: PLR0913, PLR0917, each is an option of the command
    tenant: Tenant,
    period: PeriodName = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="MODEL=OTHER: price a model as another. Repeatable."),
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Charge under this plan.")] = None,
    prices: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A price file that takes precedence over published prices.",
        ),
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency of the price file.")] = "USD",
    pay_as_you_go: Annotated[
        bool,
        typer.Option("--pay-as-you-go", help="Price usage of provisioned units by the token."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Price TENANT's usage under other models, another plan or other prices, side by side.

    With its share of provisioned capacity so far, and what the comparison leaves out. Nothing is
    written.

    Example:  metering whatif acme --map gpt-4o=gpt-4o-mini --plan reseller
    """
    models = _models(mapping or [])

    async def ask(app: bootstrap.App) -> Answer:
        of = await period_for(app, tenant, period)
        rows = [] if prices is None else _rows(app, prices, currency)
        return await app.billing.what_if.ask(
            tenant, of, models=models, plan_id=plan, rows=rows, pay_as_you_go=pay_as_you_go
        )

    answer = with_app(ask)
    document = WhatIfDocument.of(answer)
    show(document, lambda: _print_answer(tenant, answer), as_json=as_json)


def _rows(app: bootstrap.App, path: Path, currency: str) -> list[NamedRow]:
    found = file_prices(path, currency, app.tenancy.prices.provider_of)
    return read_price_file(str(path), found.content)


def _models(mapping: list[str]) -> dict[str, str]:
    models: dict[str, str] = {}
    for text in mapping:
        model, equals, instead = text.partition("=")
        if not (model and equals and instead):
            raise typer.BadParameter(f"{text!r} must have the form MODEL=OTHER", param_hint="--map")
        models[model] = instead
    return models


def _print_answer(tenant: str, answer: Answer) -> None:
    rows = [_row(one, answer) for one in answer.comparisons]
    rows.append(_sum("charge of the period", answer, answer.actual.total, answer.other.total))
    if answer.accrued.shares:
        shares = answer.share, answer.other_share
        rows.append(_sum("provisioned, by the hour", answer, *shares))
        whole = answer.actual.total + answer.share, answer.other.total + answer.other_share
        rows.append(_sum("sum", answer, *whole))
    columns = ["model", "priced as", "requests", "tokens", "amount", "other amount", "difference"]
    print_table(
        f"{tenant}: {answer.currency} as charged, {answer.other_currency} under the other terms",
        columns,
        rows,
        left=2,
    )
    if answer.other.unpriced_requests:
        stdout().print(
            f"{plural(answer.other.unpriced_requests, 'request')} without a price, not in"
            " the other amount"
        )
    for text in answer.left_out:
        stdout().print(escape(f"left out: {text}"), soft_wrap=True)


def _sum(name: str, answer: Answer, amount: Amount, other: Amount) -> list[str]:
    known = answer.currency == answer.other_currency
    return [
        *(name, "", "", ""),
        format_read(amount, answer.currency),
        format_read(other, answer.other_currency),
        format_read(other - amount, answer.currency) if known else "",
    ]


def _row(one: Comparison, answer: Answer) -> list[str]:
    same = answer.currency == answer.other_currency
    known = one.amount is not None and one.other_amount is not None and same
    difference = (one.other_amount or 0) - (one.amount or 0)
    return [
        one.model or "(not named)",
        one.instead or "(not named)",
        count(one.line.requests),
        tokens(one.line.tokens),
        _text(one.amount, answer.currency),
        _text(one.other_amount, answer.other_currency),
        format_read(difference, answer.currency) if known else "unknown",
    ]


def _text(amount: Amount | None, currency: str) -> str:
    return "unknown" if amount is None else format_read(amount, currency)
