"""The application behind the function: the same one, whoever serves it, and who may come in."""

import json

import pytest

from metering import bootstrap
from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.access import Role
from metering.local.functions.http_messages import HttpRequest
from metering.local.functions.worker import FunctionsWorker
from metering.settings.http import Http
from tests.triggers.test_admission import signed_in
from tests.triggers.watching import World

SITE = "https://metering.example"


async def test_a_change_goes_through_with_its_headers_and_body(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    headers = {**signed_in(app, Role.OPERATOR), "Content-Type": "application/json"}
    made = await worker.invoke_http(
        "api", HttpRequest("PUT", f"{SITE}/api/plans/pro", headers, body=b'{"markup": "0.2"}')
    )
    assert (made.status, made.headers["etag"]) == (200, '"r1"')
    stale = {**headers, "If-Match": '"r0"'}
    again = await worker.invoke_http(
        "api", HttpRequest("PUT", f"{SITE}/api/plans/pro", stale, body=b"{}")
    )
    assert (again.status, json.loads(again.body)["status"]) == (412, 412)


async def test_where_nobody_set_up_sign_in_nobody_gets_in(
    worker: FunctionsWorker, app: bootstrap.App, caplog: pytest.LogCaptureFixture
) -> None:
    token = app.sign_in.development_issuer.token(roles=frozenset({Role.OPERATOR}))
    headers = {"Authorization": f"Bearer {token}"}
    answer = await worker.invoke_http("api", HttpRequest("GET", f"{SITE}/api/tenants", headers))
    assert (answer.status, b"METERING" in answer.body) == (503, False)
    assert "METERING_AUTH_ISSUER" in caplog.text
    health = await worker.invoke_http("api", HttpRequest("GET", f"{SITE}/api/health"))
    assert health.status == 200


def test_in_azure_the_development_issuer_is_never_taken(app: bootstrap.App) -> None:
    there = bootstrap.App(app.settings._replace(http=Http(in_azure=True)))
    with pytest.raises(ConfigurationError, match="WEBSITE_INSTANCE_ID"):
        there.sign_in.listens_on_loopback()
    with pytest.raises(ConfigurationError, match="WEBSITE_INSTANCE_ID"):
        _ = there.sign_in.development_issuer


async def test_requests_are_measured_and_only_faults_of_ours_count_as_failures(
    world: World,
) -> None:
    await world.worker.invoke_http("api", HttpRequest("GET", f"{SITE}/api/health"))
    await world.worker.invoke_http("api", HttpRequest("GET", f"{SITE}/nowhere"))
    # Nothing says whose tokens to believe, which is a fault of ours.
    token = world.app.sign_in.development_issuer.token(roles=frozenset({Role.OPERATOR}))
    headers = {"Authorization": f"Bearer {token}"}
    await world.worker.invoke_http("api", HttpRequest("GET", f"{SITE}/api/tenants", headers))
    figures = world.figures()
    assert figures["metering.function.duration_ms function=api outcome=ok"] == 2
    assert figures["metering.function.duration_ms function=api outcome=failed"] == 1
