"""One module a resource, each with its routers; a new one is added here."""

from typing import Final

from fastapi import APIRouter

from metering.api.routes import (
    adjustments,
    admission,
    alerts,
    balance,
    changes,
    dead_letters,
    deployments,
    effects,
    events,
    grants,
    health,
    overview,
    periods,
    plans,
    prices,
    proofs,
    quotas,
    requests,
    statements,
    stops,
    tenants,
    unit_costs,
    usage,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    *changes.routers,
    *balance.routers,
    *usage.routers,
    *requests.routers,
    *unit_costs.routers,
    *alerts.routers,
    *grants.routers,
    *statements.routers,
    grants.router,
    adjustments.router,
    changes.router,
    overview.router,
    periods.router,
    tenants.router,
    stops.router,
    plans.router,
    quotas.router,
    prices.router,
    deployments.router,
    dead_letters.router,
    effects.router,
    proofs.router,
    admission.router,
    events.router,
)
