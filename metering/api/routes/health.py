"""Whether the process lives, and whether it can serve."""

from metering.api.routers import for_everybody
from metering.api.shapes.plain import Shape

router = for_everybody("health")


class Alive(Shape):
    """It lives."""

    status: str = "alive"


@router.get("/health")
@router.get("/health/live")
async def live() -> Alive:
    """Say that the process answers."""
    return Alive()
