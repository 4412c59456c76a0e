"""`metering cost`: what an installation of a given load needs and costs, on paper."""

from decimal import Decimal
from typing import Annotated

import typer

from metering.cli.output import AsJson, print_table, show
from metering.core.installation.cost_model import Load, Tier, cost_of, limits_of, need_of
from metering.documents.installation import CostDocument


def cost(
    requests_per_second: Annotated[
        float, typer.Option(min=0.1, max=100_000, help="Requests per second at the peak.")
    ] = 100,
    streamed: Annotated[
        float, typer.Option(min=0, max=1, help="The part of them that is streamed.")
    ] = 0.3,
    gateway: Annotated[
        Tier, typer.Option(help="A new gateway of this tier, or one that exists.")
    ] = "existing",
    request_cost: Annotated[
        float, typer.Option(min=0, help="What the tokens of a request cost, in US dollars.")
    ] = 0.0035,
    as_json: AsJson = False,
) -> None:
    """Estimate what an installation needs and costs in a month, and which limit comes first.

    List prices in US dollars, East US; docs/sizing.md has each step, the sources and what is left
    out. The share compares with what the tokens cost; the default is 1,000 tokens in and 100 out
    of gpt-4o.

    Example:  metering cost --requests-per-second 1000 --streamed 0.7
    """
    load = Load(Decimal(str(requests_per_second)), Decimal(str(streamed)))
    needed, costs = need_of(load), cost_of(load, gateway)
    limits = list(limits_of(load.streamed))
    document = CostDocument.of(load, needed, costs, limits, Decimal(str(request_cost)))
    show(document, lambda: _print(document), as_json=as_json)


def _print(found: CostDocument) -> None:
    rows = [(name.replace("_", " "), f"{value:,}") for name, value in found.needs.items()]
    title = f"Needed for {found.requests_per_second} requests/s at the peak"
    print_table(title, ["what", "number"], rows)
    rows = [(name, f"{Decimal(value):,}") for name, value in found.costs.items()]
    rows.append(("total", f"{Decimal(found.total):,}"))
    rows.append(("for a million requests", found.per_million))
    rows.append(("share of what the tokens cost, %", found.share_percent))
    print_table("US dollars a month", ["item", "amount"], rows)
    limits = [(one.limit, f"{one.requests_per_second:,}", one.next_step) for one in found.limits]
    print_table("Limits on paper", ["limit", "requests/s", "next step"], limits)
