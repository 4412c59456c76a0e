"""`metering prices rerate` and `metering whatif`: real usage under other prices."""

from pathlib import Path
from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.adapters.prices.operator_file import file_prices
from metering.app.prices.rerate import Rerated
from metering.app.prices.what_if import Answer
from metering.cli.options import (
    PeriodName,
    Tenant,
    ledgers_named,
    must_know,
    period_for,
    with_app,
)
from metering.cli.output import AsJson, count, print_json, print_table, stdout, tokens
from metering.core.basics.money import Amount, format_amount
from metering.core.billing.what_if import Comparison
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.rerating import Scope
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file


def rerate(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this period, like 2026-11.")] = None,
    scope: Annotated[
        Scope, typer.Option(help="Only what has no price, or all that has another one now.")
    ] = Scope.ALL,
    apply: Annotated[
        bool, typer.Option("--apply", help="Append the corrections; without it, only say which.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Rate usage again whose price was missing or has been superseded for its time.

    Nothing is edited: every change is a correction beside the entry that it corrects. Doing it
    twice changes nothing.

    Example:  metering prices rerate --tenant acme --period 2026-11 --apply
    """

    async def work(app: bootstrap.App) -> list[Rerated]:
        if tenant is not None:
            await must_know(app, tenant)
        chosen = await _chosen(app, tenant, period)
        return [await app.rerate.ledger(ledger, scope, dry_run=not apply) for ledger in chosen]

    found = with_app(work)
    if as_json:
        print_json([_rerated_json(one) for one in found])
        return
    _print_rerated(found, applied=apply)


async def _chosen(app: bootstrap.App, tenant: str | None, period: str | None) -> list[LedgerId]:
    ledgers = await app.ledgers.ledgers(tenant)
    if period is None:
        return ledgers
    wanted = set(await ledgers_named(app, tenant, period))
    return [ledger for ledger in ledgers if ledger in wanted]


def _rerated_json(one: Rerated) -> dict[str, Any]:
    return {
        "ledger": str(one.ledger),
        "corrected": one.corrected,
        "changes": [
            {
                "model": change.model,
                "before": change.before,
                "after": change.after,
                "requests": change.requests,
                "difference": format_amount(change.difference),
            }
            for change in one.repricings
        ],
    }


def _print_rerated(found: list[Rerated], *, applied: bool) -> None:
    rows = [
        [
            str(one.ledger),
            change.model or "(not named)",
            change.before or "no price",
            change.after,
            count(change.requests),
            format_amount(change.difference),
        ]
        for one in found
        for change in one.repricings
    ]
    if not rows:
        stdout().print("every entry has the price of its time: nothing to correct")
        return
    columns = ["ledger", "model", "was rated by", "now", "requests", "difference"]
    print_table("Corrections" if applied else "What would be corrected", columns, rows, left=4)
    if applied:
        stdout().print(f"{count(sum(one.corrected for one in found))} corrections appended")
    else:
        stdout().print("nothing was written: add --apply to append the corrections")


def whatif(
    tenant: Tenant,
    period: PeriodName = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", help="MODEL=OTHER: price one model as another; may be repeated."),
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Charge by this plan.")] = None,
    prices: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Prices above all that are published."),
    ] = None,
    currency: Annotated[str, typer.Option(help="The currency that those must be in.")] = "USD",
    as_json: AsJson = False,
) -> None:
    """Price TENANT's real usage under other models, another plan or other prices, side by side.

    Nothing is written.

    Example:  metering whatif acme --map gpt-4o=gpt-4o-mini --plan reseller
    """
    models = _models(mapping or [])

    async def ask(app: bootstrap.App) -> Answer:
        of = await period_for(app, tenant, period)
        rows = [] if prices is None else _rows(app, prices, currency)
        return await app.billing.what_if.ask(tenant, of, models=models, plan_id=plan, rows=rows)

    answer = with_app(ask)
    if as_json:
        print_json(_answer_json(answer))
    else:
        _print_answer(tenant, answer)


def _rows(app: bootstrap.App, path: Path, currency: str) -> list[NamedRow]:
    found = file_prices(path, currency, app.tenancy.prices.provider_of)
    return read_price_file(str(path), found.content)


def _models(mapping: list[str]) -> dict[str, str]:
    models: dict[str, str] = {}
    for text in mapping:
        model, equals, instead = text.partition("=")
        if not (model and equals and instead):
            raise typer.BadParameter(f"{text!r} is not MODEL=OTHER", param_hint="--map")
        models[model] = instead
    return models


def _text(amount: Amount | None) -> str:
    return "unknown" if amount is None else format_amount(amount)


def _answer_json(answer: Answer) -> dict[str, Any]:
    return {
        "models": [
            {
                "model": one.model,
                "priced_as": one.instead,
                "requests": one.line.requests,
                "amount": None if one.amount is None else format_amount(one.amount),
                "other_amount": (
                    None if one.other_amount is None else format_amount(one.other_amount)
                ),
                "other_unpriced": one.other.unpriced,
            }
            for one in answer.comparisons
        ],
        "total": {"currency": answer.currency, "amount": format_amount(answer.actual.total)},
        "other_total": {
            "currency": answer.other_currency,
            "amount": format_amount(answer.other.total),
            "unpriced_requests": answer.other.unpriced_requests,
        },
    }


def _print_answer(tenant: str, answer: Answer) -> None:
    rows = [_row(one) for one in answer.comparisons]
    totals = format_amount(answer.actual.total), format_amount(answer.other.total)
    rows.append(["what the period comes to", "", "", "", *totals, ""])
    columns = ["model", "priced as", "requests", "tokens", "amount", "instead", "difference"]
    print_table(
        f"{tenant}: {answer.currency} as it is, {answer.other_currency} instead",
        columns,
        rows,
        left=2,
    )
    if answer.other.unpriced_requests:
        stdout().print(
            f"{count(answer.other.unpriced_requests)} requests would have no price:"
            " not in the amount"
        )


def _row(one: Comparison) -> list[str]:
    known = one.amount is not None and one.other_amount is not None
    difference = (one.other_amount or 0) - (one.amount or 0)
    return [
        one.model or "(not named)",
        one.instead or "(not named)",
        count(one.line.requests),
        tokens(one.line.tokens),
        _text(one.amount),
        _text(one.other_amount),
        format_amount(difference) if known else "unknown",
    ]
