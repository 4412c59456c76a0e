"""An independent sum of the demo's tokens and amounts, without the code that it checks.

Plain Decimal arithmetic straight from the trace, the rule and the price file as JSON. It must not
import anything of metering.core but instants.
"""

import json
from collections.abc import Iterable
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final, NamedTuple

from metering.local.demo.traffic import Request

#: The files that have prices of the demo's models for its day.
_PRICE_FILES: Final = ("azure-retail-2026-08-11.json", "anthropic-2026-11-30.json")
_MILLION: Final = Decimal(1_000_000)


class TenantSum(NamedTuple):
    """The expected totals of one tenant."""

    requests: int
    prompt_tokens: int
    output_tokens: int
    unpriced: int
    amount: Decimal


def sum_by_tenant(requests: Iterable[Request]) -> dict[str, TenantSum]:
    """Return the expected totals of every tenant of the demo."""
    prices = [
        row
        for name in _PRICE_FILES
        for row in json.loads((files("metering") / "prices" / name).read_text())["prices"]
    ]
    tenants = json.loads((files("metering") / "local/demo/sample/tenants.json").read_text())
    markups = {plan["id"]: Decimal(plan.get("markup", 0)) for plan in tenants["plans"]}
    payer = {
        subscription: (tenant["id"], 1 + markups.get(tenant["plan"], Decimal(0)))
        for tenant in tenants["tenants"]
        for subscription in tenant["subscriptions"]
    }
    sums: dict[str, TenantSum] = {}
    for request in requests:
        tenant, factor = payer[request.subscription]
        before = sums.get(tenant, TenantSum(0, 0, 0, 0, Decimal(0)))
        list_amount = _list_amount(request, prices)
        sums[tenant] = TenantSum(
            before.requests + 1,
            before.prompt_tokens + request.row.prompt_tokens,
            before.output_tokens + request.row.output_tokens,
            before.unpriced + (list_amount is None),
            before.amount + (list_amount or 0) * factor,
        )
    return sums


def _list_amount(request: Request, prices: list[dict[str, Any]]) -> Decimal | None:
    row = _price_row(request, prices)
    if row is None:
        return None
    price = {name: Decimal(text) / _MILLION for name, text in row.items()}
    cached = request.cached_tokens
    return (
        (request.row.prompt_tokens - cached) * price["input"]
        + cached * price.get("cached_read", Decimal(0))
        + request.row.output_tokens * price["output"]
    )


def _price_row(request: Request, prices: list[dict[str, Any]]) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for row in prices:
        if (
            request.model.served in {row["model"], *row["aliases"]}
            and row["deployment_type"] == request.model.deployment_type
            and row["service_tier"] == "standard"
            and row["context_tier"] is None
            and row["region"] in {None, "eastus2"}
        ):
            found = row["per_million_tokens"]
            if row["region"] == "eastus2":
                return found
    return found
