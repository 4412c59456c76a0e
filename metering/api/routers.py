"""Routers by audience. Routes about one tenant are served twice: for the tenant and by name."""

from typing import NamedTuple

from fastapi import APIRouter, Depends

from metering.api.export_guard import ExportRoute
from metering.api.guard import (
    AdmissionRoute,
    OperatorRoute,
    OwnRoute,
    PublicRoute,
    ReportRoute,
    TenantRoute,
)
from metering.api.parameters import must_know, names_subscription


class TenantRouters(NamedTuple):
    """`own`: `/api/me`, `named`: `/api/tenants/{tenant}`."""

    own: APIRouter
    named: APIRouter


def about_tenants(tag: str) -> TenantRouters:
    """Return the two routers for routes about one tenant.

    A route is one function under a decorator of each.
    """
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
            dependencies=[Depends(must_know)],
        ),
    )


def for_operators(tag: str) -> APIRouter:
    """Return a router for operators only."""
    return APIRouter(prefix="/api", tags=[tag], route_class=OperatorRoute)


def for_the_gateway(tag: str) -> APIRouter:
    """Return a router for the gateway."""
    return APIRouter(prefix="/api", tags=[tag], route_class=AdmissionRoute)


def for_producers(tag: str) -> APIRouter:
    """Return a router for producers of events."""
    return APIRouter(prefix="/api", tags=[tag], route_class=ReportRoute)


def for_exporters(tag: str) -> APIRouter:
    """Return a router for exporters of telemetry."""
    return APIRouter(prefix="/otlp", tags=[tag], route_class=ExportRoute)


def for_everybody(tag: str) -> APIRouter:
    """Return a router without authentication."""
    return APIRouter(prefix="/api", tags=[tag], route_class=PublicRoute)


def for_browsers() -> APIRouter:
    """Return a router for pages, which redirect to sign-in themselves."""
    return APIRouter(route_class=PublicRoute, include_in_schema=False)
