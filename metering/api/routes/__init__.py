"""One module a resource, each with its routers; a new one is added here."""

from typing import Final

from fastapi import APIRouter

from metering.api.routes import balance, health

ROUTERS: Final[tuple[APIRouter, ...]] = (
    health.router,
    *balance.routers,
)
