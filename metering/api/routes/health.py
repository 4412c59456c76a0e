"""Liveness and readiness of the process."""

from metering.api.parameters import TheApp
from metering.api.routers import for_everybody
from metering.core.basics.instants import SECOND
from metering.documents.installation import Alive, Readiness

router = for_everybody("health")


@router.get("/health")
async def health() -> Alive:
    """Return 200 while the process answers."""
    return Alive()


@router.get("/health/live")
async def live() -> Alive:
    """Return 200 while the process answers."""
    return Alive()


@router.get("/health/ready")
async def ready(app: TheApp) -> Readiness:
    """Return whether the store answers, and how late counting and delivery are."""
    found = await app.readiness.check()
    hub_lag = found.hub.lag
    return Readiness(
        status="behind" if found.is_behind else "ready",
        effects_lag_s=found.effects_lag // SECOND,
        hub_lag_s=None if hub_lag is None else hub_lag // SECOND,
    )
