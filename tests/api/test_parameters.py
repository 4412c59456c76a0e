"""What routes get handed."""

from inspect import isasyncgenfunction, iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from metering.api.routes import ROUTERS


def _asked_for(dependant: Dependant) -> list[Dependant]:
    return [one for part in dependant.dependencies for one in [part, *_asked_for(part)]]


def _runs_in_the_loop(call: object) -> bool:
    return iscoroutinefunction(call) or isasyncgenfunction(call)


def test_no_request_waits_for_a_thread() -> None:
    routes = [one for router in ROUTERS for one in router.routes if isinstance(one, APIRoute)]
    found = [(route.path, one.call) for route in routes for one in _asked_for(route.dependant)]
    assert len(found) > len(routes)
    assert [(path, call) for path, call in found if not _runs_in_the_loop(call)] == []
    assert [route.path for route in routes if not iscoroutinefunction(route.endpoint)] == []
