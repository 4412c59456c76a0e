"""`metering prices coverage` and `unpriced`: priced and unpriced models and requests."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Annotated

import typer

from metering import bootstrap
from metering.app.prices.explain_unpriced import Unpriced
from metering.cli.options import ledgers_named, must_know, with_app
from metering.cli.output import AsJson, count, print_table, show, stdout
from metering.core.basics.wording import plural
from metering.core.prices.coverage import Covered, SourceAge, age_text, covered, source_ages
from metering.documents.prices.coverage import (
    CoverageDocument,
    CoveredModel,
    LeftOutMeters,
    PriceSourceAge,
    UnpricedUsage,
)


def coverage(
    limit: Annotated[int, typer.Option(min=1, help="Reasons and examples to show.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Show, for the models that Azure lists, whether they are priced, and why not.

    Ways are deployment types and service tiers. A price by region needs the event, or the
    registry, to name the region. After the models come the meters of Azure's feed without a price
    row, by reason, and the age of each source.

    Example:  metering prices coverage
    """
    # The feed's snapshot takes a second to read: other commands do not wait for it.
    from metering.adapters.prices.azure_models import MODELS  # noqa: PLC0415
    from metering.adapters.prices.azure_retail import bundled_azure_prices  # noqa: PLC0415

    listed = bundled_azure_prices()
    models = {model.name for _, known in MODELS for model in known.values()}
    models |= {row.model for row in listed.rows}

    async def ask(app: bootstrap.App) -> tuple[list[Covered], list[SourceAge]]:
        await app.tenancy.refresh()
        book, now = app.tenancy.prices, app.clock.now()
        return covered(book, models, now), source_ages(book, now)

    found, ages = with_app(ask)
    document = CoverageDocument(
        models=[CoveredModel.of(one) for one in found],
        left_out=_left_out(listed.skipped, limit),
        sources=[PriceSourceAge.of(age) for age in ages],
    )
    show(document, lambda: _print_coverage(document, ages, limit), as_json=as_json)


def _left_out(skipped: Iterable[tuple[str, str]], limit: int) -> list[LeftOutMeters]:
    """Return the meters without a price row by reason, the most frequent reason first."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for meter, reason in skipped:
        groups[reason].append(meter)
    return [
        LeftOutMeters(reason=reason, meters=len(names), examples=names[:limit])
        for reason, names in sorted(groups.items(), key=lambda one: (-len(one[1]), one[0]))
    ]


def _print_coverage(document: CoverageDocument, ages: list[SourceAge], limit: int) -> None:
    _print_models(document.models)
    print_table(
        "Meters of the feed without a price row",
        ["reason", "for example", "meters"],
        [[one.reason, one.examples[0], count(one.meters)] for one in document.left_out[:limit]],
        left=2,
    )
    for age in ages:
        stdout().print(f"{age.name}: {age_text(age)}")


def _print_models(found: list[CoveredModel]) -> None:
    rows = [
        [
            one.model,
            "no" if not one.priced else "reported" if one.reported else "yes",
            ", ".join(one.ways) or "-",
            one.reason or (f"by region: {', '.join(one.by_region)}" if one.by_region else ""),
        ]
        for one in found
    ]
    print_table(
        f"{count(sum(one.priced for one in found))} of {plural(len(found), 'model')}"
        f" {'has' if len(found) == 1 else 'have'} a price",
        ["model", "priced", "ways", "reason or region"],
        rows,
        left=4,
    )


def unpriced(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    period: Annotated[str | None, typer.Option(help="Only this period, like 2026-11.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the requests that were counted and have no price, by reason.

    Example:  metering prices unpriced --tenant acme --period 2026-11
    """

    async def ask(app: bootstrap.App) -> list[Unpriced]:
        if tenant is not None:
            await must_know(app, tenant)
        ledgers = await app.ledgers.ledgers(tenant)
        if period is not None:
            wanted = set(await ledgers_named(app, tenant, period))
            ledgers = [ledger for ledger in ledgers if ledger in wanted]
        return [one for ledger in ledgers for one in await app.explain_unpriced.ledger(ledger)]

    documents = [UnpricedUsage.model_validate(one) for one in with_app(ask)]

    def table() -> None:
        if not documents:
            stdout().print("every request with known counts has a price")
            return
        print_table(
            "Requests without a price",
            ["ledger", "model", "reason", "requests"],
            [[one.ledger, one.model or "-", one.reason, count(one.requests)] for one in documents],
            left=3,
        )

    show(documents, table, as_json=as_json)
