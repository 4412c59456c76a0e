"""The application behind the function: the same one, whoever serves it, and who may come in."""

import json

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from metering import bootstrap
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, MINUTE
from metering.core.calendars.dated import FOREVER
from metering.core.tenancy.access import Role
from metering.documents.exporters import KEY_HEADER
from metering.local.functions.http_messages import HttpRequest
from metering.local.functions.worker import FunctionsWorker
from metering.settings.http import Http
from tests.api.test_otlp import export
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


async def test_an_export_in_protobuf_is_counted_beside_the_protobuf_of_the_worker(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    await app.tenancy.map_subject("sub-1", "acme", None)
    await app.tenancy.set_exporter("ai-gateway")
    await app.tenancy.add_exporter_key("ai-gateway", "k" * 43, 0)
    now = app.clock.now()
    content = export(start=now - HOUR, end=now - MINUTE)
    request = HttpRequest(
        "POST",
        f"{SITE}/otlp/v1/metrics",
        {"content-type": "application/x-protobuf", KEY_HEADER: "k" * 43},
        body=json_format.Parse(content, ExportMetricsServiceRequest()).SerializeToString(),
    )
    for _ in range(2):
        answer = await worker.invoke_http("api", request)
        assert (answer.status, answer.body) == (200, b"")
    await app.publish_aggregates.due()
    assert await app.stores.aggregates.due(FOREVER, 10) == []
