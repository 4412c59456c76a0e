"""`metering reconcile --platform-estimate`: aggregates beside the platform's estimate."""

import typer

from metering import bootstrap
from metering.app.ledger.one_by_one import OneByOne
from metering.cli.options import with_app
from metering.cli.output import count, plural, print_table, show, stdout, tell_left_out
from metering.core.basics.money import format_read
from metering.core.reconciliation.variance import Variance
from metering.documents.left_out import left_out
from metering.documents.platform_estimate import VarianceDocument

_COLUMNS = ("day", "model", "tokens", "unpriced", "ours", "platform", "difference", "no price")


def compare_estimate(first: str | None, last: str | None, *, as_json: bool) -> None:
    """Print the comparison of these days; exit status 1 if a ledger cannot be read."""
    if first is None or last is None:
        raise typer.BadParameter("give both days", param_hint="--from, --to")
    days = (first, last)
    one_by_one = OneByOne()

    async def work(app: bootstrap.App) -> Variance:
        return await app.billing.platform_estimate.compare(*days, one_by_one)

    variance = with_app(work)
    without = left_out(one_by_one.left_out)
    document = VarianceDocument.of(variance, without)
    show(document, lambda: _print(variance, document), as_json=as_json)
    tell_left_out(one.reason for one in without)
    if without:
        raise typer.Exit(1)


def _print(variance: Variance, document: VarianceDocument) -> None:
    rows = [
        [
            *(cell.day, cell.model or "(not named)", count(line.tokens)),
            count(line.unpriced_tokens),
            *(
                "not exported" if amount is None else format_read(amount, document.currency)
                for amount in (line.ours, line.estimate, line.difference)
            ),
            count(line.price_missing),
        ]
        for cell, line in variance.sorted()
    ]
    print_table("Aggregates at list price, USD", _COLUMNS, rows, left=2)
    stdout().print(
        f"{plural(len(rows), 'line')}; `no price` counts points that the platform left out"
    )
