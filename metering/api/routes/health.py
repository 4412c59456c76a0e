"""Whether the process lives, and whether it can serve."""

from typing import Literal

from pydantic import Field

from metering.api.parameters import TheApp
from metering.api.routers import for_everybody
from metering.api.shapes.plain import Shape
from metering.core.basics.instants import SECOND

router = for_everybody("health")


class Alive(Shape):
    """It lives."""

    status: Literal["alive"] = "alive"


class ReadyShown(Shape):
    """It can serve."""

    status: Literal["ready", "behind"] = Field(
        description="behind: it serves, and what should happen by itself is late."
    )
    effects_lag_s: int = Field(description="How long the oldest effect has been due.")
    hub_lag_s: int | None = Field(
        description="All that was published longer ago is counted; null: not known (yet)."
    )


@router.get("/health")
async def health() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/health/live")
async def live() -> Alive:
    """Say that the process answers."""
    return Alive()


@router.get("/health/ready")
async def ready(app: TheApp) -> ReadyShown:
    """Say that the store answers, and how late things are; 503 where it does not."""
    found = await app.readiness.check()
    hub_lag = found.hub.lag
    return ReadyShown(
        status="behind" if found.is_behind else "ready",
        effects_lag_s=found.effects_lag // SECOND,
        hub_lag_s=None if hub_lag is None else hub_lag // SECOND,
    )
