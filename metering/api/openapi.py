"""The OpenAPI document, with the parts that all routes share."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from metering.api.guard import GuardedRoute
from metering.api.problems import MEDIA_TYPE
from metering.core.usage.event import BusinessOutcomeEvent, LlmUsageEvent, MeterUsageEvent

PATH: Final = "/api/openapi.json"
SCHEMAS: Final = "#/components/schemas/"
EVENTS: Final = (LlmUsageEvent, MeterUsageEvent, BusinessOutcomeEvent)
_ABOUT: Final = (
    "Balances, usage, terms and their history. Amounts are decimal strings in the currency of the"
    " tenant's plan. Times are RFC 3339 in UTC. The end of a period is exclusive."
)
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:metering:problem:not-found"]},
        "title": {"type": "string", "examples": ["Not Found"]},
        "status": {"type": "integer", "examples": [404]},
        "detail": {"type": "string", "examples": ["Not found."]},
        "errors": {
            "type": "array",
            "description": "The invalid fields.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


#: The response of every error of a route that says nothing else.
_A_PROBLEM: Final[dict[str, Any]] = {
    "description": "A problem (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": {"$ref": f"{SCHEMAS}Problem"}}},
}


def add_to(api: FastAPI) -> None:
    """Add problems and authentication to the OpenAPI document of an application."""

    def document() -> dict[str, Any]:
        if api.openapi_schema is None:
            api.openapi_schema = _document(api)
        return api.openapi_schema

    api.openapi = document  # type: ignore[method-assign]


def _document(api: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=api.title,
        version=api.version,
        openapi_version="3.1.0",
        description=_ABOUT,
        routes=api.routes,
    )
    public = {
        (route.path_format, method.lower())
        for route in api.routes
        if isinstance(route, GuardedRoute) and route.action is None
        for method in route.methods or ()
    }
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            # FastAPI's 422 is a problem like any other.
            operation["responses"].pop("422", None)
            operation["responses"].setdefault("default", _A_PROBLEM)
            if (path, method) in public:
                operation["security"] = []
    parts = made.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    schemas.update(_events())
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    made["security"] = [{"bearer": []}]
    return made


def _events() -> dict[str, Any]:
    """Return the schemas of the three kinds of events, by name, with what they refer to."""
    found: dict[str, Any] = {}
    for event in EVENTS:
        made = event.model_json_schema(ref_template=f"{SCHEMAS}{{model}}")
        found |= made.pop("$defs")
        found[event.__name__] = made
    return found
