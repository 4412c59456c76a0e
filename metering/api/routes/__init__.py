"""One module a resource, each with its routers; a new one is added here."""

from typing import Final

from fastapi import APIRouter

from metering.api.routes import (
    adjustments,
    admission,
    alerts,
    balance,
    dead_letters,
    deployments,
    effects,
    events,
    evidence,
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
    *balance.routers,
    *usage.routers,
    *requests.routers,
    *unit_costs.routers,
    *alerts.routers,
    *grants.routers,
    *statements.routers,
    *evidence.routers,
    evidence.router,
    grants.router,
    adjustments.router,
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
