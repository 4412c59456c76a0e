"""One module a resource, each with its routers; a new one is added here."""

from typing import Final

from fastapi import APIRouter

from metering.api.routes import (
    admission,
    alerts,
    balance,
    dead_letters,
    deployments,
    effects,
    events,
    grants,
    health,
    plans,
    prices,
    proofs,
    tenants,
    usage,
)

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    *balance.routers,
    *usage.routers,
    *alerts.routers,
    *grants.routers,
    grants.router,
    tenants.router,
    plans.router,
    prices.router,
    deployments.router,
    dead_letters.router,
    effects.router,
    proofs.router,
    admission.router,
    events.router,
)
