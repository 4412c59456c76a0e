"""The OpenAPI document, and requests made up from it by each kind of caller."""

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from metering import bootstrap
from metering.app.hubs.batch import Message
from metering.core.tenancy.access import Role
from metering.local.api import listener_on, local_api
from metering.settings.http import Http
from metering.settings.settings import Settings, SqliteStore
from tests.api.test_authorisation import PAGES, ROUTES
from tests.builders import NOW, body

#: Requests of each route and mode: who is let in gets further, so there is more to break.
EXAMPLES: Final = {"operator": 4, "tenant": 2, "gateway": 1, "producer": 1, "nobody": 1}
#: METERING_TEST_REQUESTS=50 looks longer.
MORE: Final = int(os.environ.get("METERING_TEST_REQUESTS", "0"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


class Site:
    """An API in a thread of its own: schemathesis asks from this one."""

    def __init__(self, folder: Path) -> None:
        self.url = ""
        self.app = bootstrap.App(
            Settings(
                SqliteStore(folder / "store.db"),
                automatic_tenants=True,
                fixed_now=NOW,
                http=Http(rate_limit=None),
            )
        )
        self._up, self._stop = threading.Event(), asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        odd = body(id="r-2", data__model="gpt-99", data__use_case="über / \x07")
        bodies = [body(), odd, b"nonsense", body(id="r-3", subject="a b")]
        await self.app.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)])
        async with local_api(self.app, listener_on(0)) as self.url:
            self._up.set()
            await self._stop.wait()
        await self.app.close()

    def __enter__(self) -> Self:
        """Start, and wait until it is up."""
        self._thread.start()
        self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        self._loop.close()

    def token(self, name: str) -> str:
        issuer = self.app.sign_in.development_issuer
        if name == "tenant":
            return issuer.token(tenant="sub-1")
        return issuer.token(roles=frozenset({Role[name.upper()]}))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def schema(site: Site) -> Any:
    return schemathesis.openapi.from_url(f"{site.url}/api/openapi.json")


def test_it_is_openapi_3_1_and_has_every_route(schema: Any) -> None:
    document = schema.raw_schema
    assert document["openapi"].startswith("3.1")
    assert document["components"]["securitySchemes"]["bearer"]["bearerFormat"] == "JWT"
    described = {
        (method.upper(), path) for path, ways in document["paths"].items() for method in ways
    }
    wanted = {
        (method, path.replace(":path", ""))
        for (method, path), kind in ROUTES.items()
        if kind != PAGES
    }
    assert described == wanted - {("GET", "/api/openapi.json")}


def test_every_route_says_what_it_does_and_how_it_refuses(schema: Any) -> None:
    for path, ways in schema.raw_schema["paths"].items():
        for method, operation in ways.items():
            assert operation["description"].endswith("."), (path, method)
            problem = operation["responses"]["default"]["content"]
            exports = {"application/x-protobuf", "application/json"}
            forms = exports if path.startswith("/otlp/") else {"application/problem+json"}
            assert problem.keys() == forms
            assert "422" not in operation["responses"]


def test_a_repeated_post_and_the_data_of_every_event_are_described(schema: Any) -> None:
    document = schema.raw_schema
    for made in ("grants", "adjustments"):
        answers = document["paths"][f"/api/tenants/{{tenant}}/{made}"]["post"]["responses"]
        assert {"200", "201"} <= set(answers)
    events = document["paths"]["/api/events"]["post"]["requestBody"]["content"]
    items = events["application/cloudevents-batch+json"]["schema"]["items"]["oneOf"]
    schemas = document["components"]["schemas"]
    data = {}
    for one in items:
        found = schemas[one["$ref"].rpartition("/")[2]]["properties"]
        data[found["type"]["const"]] = schemas[found["data"]["$ref"].rpartition("/")[2]]
    assert set(data) == {"llm.usage.v1", "meter.usage.v1", "business.outcome.v1"}
    assert {"usage", "status", "tokens"} <= data["llm.usage.v1"]["properties"].keys()
    assert data["meter.usage.v1"]["properties"]["quantity"]["type"] == "string"
    assert data["business.outcome.v1"]["properties"]["count"]["type"] == "integer"
    assert data["business.outcome.v1"]["properties"]["quantity"]["not"] == {}


@pytest.mark.parametrize("name", ["operator", "tenant", "gateway", "producer", "nobody"])
def test_no_made_up_request_breaks_the_schema(site: Site, schema: Any, name: str) -> None:
    headers = {} if name == "nobody" else {"Authorization": f"Bearer {site.token(name)}"}
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:
            how = settings(_SETTINGS, max_examples=MORE or EXAMPLES[name])
            _ask_for(operation.as_strategy(generation_mode=mode), how, site.url, headers)


_SETTINGS: Final = settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def _ask_for(cases: Any, how: settings, url: str, headers: dict[str, str]) -> None:
    """Ask for one thing in ways made up from its description, or in ways that break it."""

    @how
    @given(cases)
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=url, headers=headers, checks=CHECKS, timeout=10)

    # What takes nothing cannot be asked for wrongly.
    with suppress(Unsatisfiable):
        ask()
