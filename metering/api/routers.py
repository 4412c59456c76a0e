"""Routers by who they are for. What is about one tenant has two: its own way, and operators'."""

from typing import NamedTuple

from fastapi import APIRouter, Depends

from metering.api.guard import (
    AdmissionRoute,
    OperatorRoute,
    OwnRoute,
    PublicRoute,
    ReportRoute,
    TenantRoute,
)
from metering.api.parameters import names_subscription, names_tenant


class TenantRouters(NamedTuple):
    """`own`: `/api/me`, `named`: `/api/tenants/{tenant}`."""

    own: APIRouter
    named: APIRouter


def about_tenants(tag: str) -> TenantRouters:
    """Return the two routers of what is about one tenant."""
    return TenantRouters(
        APIRouter(
            prefix="/api/me",
            tags=[tag],
            route_class=OwnRoute,
            dependencies=[Depends(names_subscription)],
        ),
        APIRouter(
            prefix="/api/tenants/{tenant}",
            tags=[tag],
            route_class=TenantRoute,
            dependencies=[Depends(names_tenant)],
        ),
    )


def for_operators(tag: str) -> APIRouter:
    """Return a router for operators alone."""
    return APIRouter(prefix="/api", tags=[tag], route_class=OperatorRoute)


def for_the_gateway(tag: str) -> APIRouter:
    """Return a router for the gateway."""
    return APIRouter(prefix="/api", tags=[tag], route_class=AdmissionRoute)


def for_producers(tag: str) -> APIRouter:
    """Return a router for whoever reports events."""
    return APIRouter(prefix="/api", tags=[tag], route_class=ReportRoute)


def for_everybody(tag: str) -> APIRouter:
    """Return a router for whoever asks."""
    return APIRouter(prefix="/api", tags=[tag], route_class=PublicRoute)


def for_browsers() -> APIRouter:
    """Return a router for pages: each finds out itself who looks, and leads others to sign in."""
    return APIRouter(route_class=PublicRoute, include_in_schema=False)
