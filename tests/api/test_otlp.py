"""Telemetry over HTTP: the unmodified OpenTelemetry SDK exports, and what it counts is billed."""

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import Counter, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from metering.core.basics.instants import HOUR, MINUTE
from metering.core.basics.money import format_amount
from metering.documents.exporters import KEY_HEADER
from metering.settings.http import Http
from metering.settings.settings import Settings, SqliteStore
from tests.api.served import Served
from tests.builders import NOW, price_rows

KEY = "k" * 43
OTHER = "o" * 43
TOKENS = "azure.ai_gateway.client.token.usage"
METRICS = "/otlp/v1/metrics"
NANO = 1_000
COUNTS = (("prompt_tokens", 1000), ("completion_tokens", 100), ("total_tokens", 1100))


@pytest.fixture
async def exporter(api: Served) -> str:
    """Return the key of an exporter that reports aggregates."""
    api.app.tenancy.committed = price_rows({"aliases": ["gpt-4o-2024-11-20"]})
    await api.app.tenancy.set_exporter("ai-gateway")
    await api.app.tenancy.add_exporter_key("ai-gateway", KEY, 0)
    return KEY


def export(*points: tuple[str, int], start: int = NOW - HOUR, end: int = NOW - MINUTE) -> bytes:
    """Return an export in JSON: cumulative counts by the kind of token."""
    points = points or COUNTS
    rows = [
        {
            "asInt": str(value),
            "startTimeUnixNano": str(start * NANO),
            "timeUnixNano": str(end * NANO),
            "attributes": [
                {"key": name, "value": {"stringValue": text}}
                for name, text in (
                    ("gen_ai.token.type", kind),
                    ("gen_ai.request.model", "fast"),
                    ("gen_ai.response.model", "gpt-4o-2024-11-20"),
                    ("azure.ai_gateway.api_key_id", "sub-1"),
                )
            ],
        }
        for kind, value in points
    ]
    data = {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": rows}
    metrics = [{"name": TOKENS, "sum": data}]
    return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}).encode()


async def send(
    api: Served, content: bytes, path: str = METRICS, key: str | None = KEY, **headers: str
) -> Any:
    given = {"content-type": "application/json"} | ({KEY_HEADER: key} if key else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.ask("POST", path, content=content, headers=given | named)


@pytest.mark.usefixtures("exporter")
async def test_an_export_is_in_the_balance_marked_as_a_sum(api: Served) -> None:
    for _ in range(2):
        answer = await send(api, export())
        assert (answer.status_code, answer.content) == (200, b"{}")
    balance = await api.get("/api/me/balance", api.tenant())
    # 1,000 x 2.5 + 100 x 10 per million.
    assert balance["amount"] == "0.0035"
    assert balance["evidence"]["aggregate"] == 1
    (row,) = (await api.get("/api/me/requests", api.tenant()))["requests"]
    assert (row["evidence"], row["model"]) == ("aggregate", "gpt-4o")
    packed = await send(api, gzip.compress(export()), content_encoding="gzip")
    assert packed.status_code == 200
    assert (await api.get("/api/me/balance", api.tenant()))["amount"] == "0.0035"


@pytest.mark.usefixtures("exporter")
async def test_what_cannot_be_counted_is_said_and_the_rest_counts(api: Served) -> None:
    late = export(("prompt_tokens", 5), end=NOW + HOUR)
    both = json.loads(export())
    both["resourceMetrics"] += json.loads(late)["resourceMetrics"]
    answer = await send(api, json.dumps(both).encode())
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedDataPoints"] == "1"
    assert "ahead of the clock" in answer.json()["partialSuccess"]["errorMessage"]
    assert (await api.get("/api/me/balance", api.tenant()))["amount"] == "0.0035"


@pytest.mark.usefixtures("exporter")
async def test_spans_and_logs_are_taken_and_count_nothing(api: Served) -> None:
    for signal in ("traces", "logs"):
        answer = await send(api, b"{}", f"/otlp/v1/{signal}")
        assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.usefixtures("exporter")
async def test_an_error_is_a_status_in_the_encoding_of_the_request(api: Served) -> None:
    for content, headers, status in (
        (b"{", {}, 400),
        (b"abc", {"content_encoding": "gzip"}, 400),
        (b"{}", {"content_encoding": "br"}, 415),
        (b"x" * (4 * 1_048_576 + 1), {}, 413),
    ):
        answer = await send(api, content, **headers)
        assert answer.status_code == status
    refused = await send(api, b"{}", content_type="text/plain")
    assert (refused.status_code, "x-protobuf" in refused.json()["message"]) == (415, True)
    binary = await send(api, b"\xff", content_type="application/x-protobuf")
    assert binary.headers["content-type"] == "application/x-protobuf"
    assert "not an export of metrics" in Status.FromString(binary.content).message
    missing = await send(api, b"{}", "/otlp/v1/profiles")
    assert missing.status_code == 404


@pytest.mark.usefixtures("exporter")
async def test_a_caller_needs_a_valid_key(api: Served) -> None:
    assert (await send(api, b"{}", key=None)).status_code == 401
    assert (await send(api, b"{}", key=OTHER)).status_code == 401
    await api.app.tenancy.add_exporter_key("ai-gateway", OTHER, HOUR)
    for key in (KEY, OTHER):
        assert (await send(api, b"{}", key=key)).status_code == 200
    with api.at("2026-11-21"):
        assert (await send(api, b"{}", key=KEY)).status_code == 401
        assert (await send(api, b"{}", key=OTHER)).status_code == 200
    await api.app.tenancy.revoke_exporter_keys("ai-gateway")
    assert (await send(api, b"{}", key=OTHER)).status_code == 401


@pytest.mark.usefixtures("exporter")
async def test_an_app_of_entra_may_be_an_exporter(api: Served) -> None:
    signed = {"authorization": f"Bearer {api.producer()}"}
    refused = await send(api, b"{}", key=None, **signed)
    assert (refused.status_code, "not authorised" in refused.json()["message"]) == (403, True)
    app = "app:00000000-0000-0000-0000-000000000001"
    await api.app.tenancy.set_exporter("ai-gateway", identity=app)
    assert (await send(api, export(), key=None, **signed)).status_code == 200
    assert (await api.get("/api/me/balance", api.tenant()))["amount"] == "0.0035"


async def test_an_exporter_of_requests_has_no_aggregates(api: Served) -> None:
    await api.app.tenancy.set_exporter("apps", reports="requests")
    await api.app.tenancy.add_exporter_key("apps", KEY, 0)
    assert (await send(api, export())).status_code == 200
    assert (await api.get("/api/me/balance", api.tenant()))["requests"] == 0


async def test_operators_set_exporters_and_see_a_key_once(api: Served) -> None:
    path = "/api/exporters/ai-gateway"
    made = await api.ask("PUT", path, api.operator(), json={})
    assert (made.status_code, made.json()["reports"]) == (200, "aggregates")
    first = (await api.ask("POST", f"{path}/keys", api.operator())).json()
    assert first["header"] == KEY_HEADER
    assert first["former_until"] is None
    second = (await api.ask("POST", f"{path}/keys?overlap_hours=1", api.operator())).json()
    assert second["former_until"] == "2026-11-20T13:00:00Z"
    listed = (await api.get("/api/exporters", api.operator()))["items"]
    assert [one["exporter"] for one in listed] == ["ai-gateway"]
    assert [key["hash"] for key in listed[0]["keys"]] == [first["hash"], second["hash"]]
    assert first["key"] not in json.dumps(listed)
    audit = json.dumps(await api.get("/api/audit", api.operator()))
    assert "exporter.rotate" in audit
    assert first["key"] not in audit
    assert (await send(api, b"{}", key=second["key"])).status_code == 200
    assert (await api.ask("DELETE", f"{path}/keys", api.operator())).status_code == 204
    assert (await send(api, b"{}", key=second["key"])).status_code == 401
    other = await api.ask("PUT", path, api.operator(), json={"reports": "requests"})
    assert other.json()["reports"] == "requests"
    assert (await api.ask("PUT", path, api.tenant(), json={})).status_code == 403
    bad = await api.ask("PUT", "/api/exporters/UP", api.operator(), json={})
    assert bad.status_code == 422


class TestOpenTelemetry:
    """The SDK of OpenTelemetry as the exporter, at the time of the machine."""

    @pytest.fixture
    def settings(self, tmp_path: Path, http: Http) -> Settings:
        return Settings(SqliteStore(tmp_path / "store.db"), automatic_tenants=False, http=http)

    @pytest.mark.parametrize(
        "temporality", [AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE]
    )
    @pytest.mark.usefixtures("exporter")
    async def test_its_counters_are_billed_once(
        self, api: Served, temporality: AggregationTemporality
    ) -> None:
        sending = OTLPMetricExporter(
            endpoint=f"{api.url}{METRICS}",
            headers={KEY_HEADER: KEY},
            compression=Compression.Gzip,
            preferred_temporality={Counter: temporality},
        )
        reader = PeriodicExportingMetricReader(sending, export_interval_millis=3_600_000)
        provider = MeterProvider([reader], Resource.create({"service.name": "apim-gateway"}))
        counter = provider.get_meter("gateway").create_counter(TOKENS)
        of = {
            "gen_ai.request.model": "fast",
            "gen_ai.response.model": "gpt-4o-2024-11-20",
            "azure.ai_gateway.api_key_id": "sub-1",
        }
        for _ in range(3):
            counter.add(1000, {**of, "gen_ai.token.type": "prompt_tokens"})
            counter.add(100, {**of, "gen_ai.token.type": "completion_tokens"})
            assert await asyncio.to_thread(provider.force_flush)
        await asyncio.to_thread(provider.shutdown)
        period = await api.app.read.present_period("acme")
        balance = await api.app.read.balance("acme", period)
        # 3,000 x 2.5 + 300 x 10 per million.
        assert format_amount(balance.amount) == "0.0105"
        assert balance.total.aggregates >= 1
