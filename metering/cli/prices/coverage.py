"""`metering prices coverage` and `unpriced`: what has a price, what has none, and why."""

from collections import defaultdict
from typing import Annotated, Any

import typer

from metering import bootstrap
from metering.adapters.prices.azure_models import MODELS
from metering.adapters.prices.azure_retail import bundled_azure_prices
from metering.adapters.prices.price_import import PriceImport
from metering.app.prices.explain_unpriced import Unpriced
from metering.cli.options import ledgers_named, must_know, with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.basics.instants import format_instant
from metering.core.prices.coverage import Covered, SourceAge, covered, source_ages


def coverage(
    limit: Annotated[int, typer.Option(min=1, help="Reasons and examples to show.")] = 40,
    as_json: AsJson = False,
) -> None:
    """Show, for the models that Azure lists, whether they are priced, and why not.

    Ways are deployment types and service tiers. A price by region needs the event, or the
    registry, to name the region. After the models come the meters of Azure's feed that no price is
    made of, by reason, and the age of each source.

    Example:  metering prices coverage
    """
    listed = bundled_azure_prices()
    models = {model.name for _, known in MODELS for model in known.values()}
    models |= {row.model for row in listed.rows}

    async def ask(app: bootstrap.App) -> tuple[list[Covered], list[SourceAge]]:
        await app.tenancy.refresh()
        book, now = app.tenancy.prices, app.clock.now()
        return covered(book, models, now), source_ages(book, now)

    found, ages = with_app(ask)
    reasons = _by_reason(listed)
    if as_json:
        print_json(
            {
                "models": [_covered_json(one) for one in found],
                "left_out": [
                    {"reason": reason, "meters": len(names), "examples": names[:limit]}
                    for reason, names in reasons
                ],
                "sources": [age_json(age) for age in ages],
            }
        )
        return
    _print_models(found)
    print_table(
        "Meters of the feed that no price is made of",
        ["reason", "for example", "meters"],
        [[reason, names[0], count(len(names))] for reason, names in reasons[:limit]],
        left=2,
    )
    for age in ages:
        stdout().print(age_text(age))


def _by_reason(listed: PriceImport) -> list[tuple[str, list[str]]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for what, reason in listed.skipped:
        groups[reason].append(what)
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def _covered_json(one: Covered) -> dict[str, Any]:
    return {
        "model": one.model,
        "priced": one.why is None,
        "ways": list(one.ways),
        "by_region": list(one.by_region),
        "reported": one.is_reported,
        "reason": one.why,
    }


def _print_models(found: list[Covered]) -> None:
    rows = [
        [
            one.model,
            "no" if one.why is not None else "reported" if one.is_reported else "yes",
            ", ".join(one.ways) or "-",
            one.why or (f"by region: {', '.join(one.by_region)}" if one.by_region else ""),
        ]
        for one in found
    ]
    priced = sum(one.why is None for one in found)
    print_table(
        f"{count(priced)} of {count(len(found))} models have a global standard price",
        ["model", "priced", "ways", "why, or where"],
        rows,
        left=4,
    )


def age_json(age: SourceAge) -> dict[str, Any]:
    """Return the age of a source."""
    return {
        "source": age.name,
        "rows": age.rows,
        "retrieved": None if age.retrieved is None else format_instant(age.retrieved)[:10],
        "age_days": age.days,
        "old": age.is_old,
    }


def age_text(age: SourceAge) -> str:
    """Return the age of a source in words."""
    if age.retrieved is None:
        return f"{age.name}: {count(age.rows)} prices, of no stated day"
    day = format_instant(age.retrieved)[:10]
    return f"{age.name}: {count(age.rows)} prices, read on {day}, {count(age.days or 0)} days ago"


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

    found = with_app(ask)
    if as_json:
        print_json(
            [
                {
                    "ledger": str(one.ledger),
                    "model": one.model,
                    "reason": one.reason,
                    "requests": one.requests,
                    "last_seen": format_instant(one.last_seen),
                }
                for one in found
            ]
        )
        return
    if not found:
        stdout().print("every request with known counts has a price")
        return
    print_table(
        "Requests without a price",
        ["ledger", "model", "reason", "requests"],
        [[str(one.ledger), one.model or "-", one.reason, count(one.requests)] for one in found],
        left=3,
    )
