"""The dashboard: pages for people over the public API."""

from metering.api.dashboard.pages import router
from metering.api.dashboard.signing_in import router as sign_in_router

ROUTERS = (router, sign_in_router)

__all__ = ["ROUTERS"]
