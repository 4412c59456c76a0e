"""Where telemetry goes: nowhere unless asked for, the console, or Application Insights."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from metering import bootstrap
from metering.core.basics.errors import ConfigurationError
from metering.ports import SILENT
from metering.settings.settings import AppInsights, Settings, SqliteStore, read_settings

KEY = "00000000-0000-0000-0000-00000000abcd"

_SEND = """
import asyncio, logging
from metering import bootstrap
app = bootstrap.current()
app.telemetry.add("metering.rollup.pages", 3)
app.telemetry.set("metering.close.overdue", 0)
app.telemetry.record("metering.batch.events", 7, {"function": "ingest_usage"})
with app.telemetry.span("ingest_usage", {"partition": "2"}) as span:
    span.note({"events": 1})
    app.alerts.alert("a fault of the test")
"""

_SLOW = """
import sys
from metering import bootstrap
import function_app
app = bootstrap.App(bootstrap.app.read_settings({}))
app.telemetry, app.alerts
slow = (["azure", "monitor"], ["opentelemetry", "sdk"])
print([name for name in sys.modules if name.split(".")[:2] in slow])
"""


def run(code: str, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={"PYTHONPATH": os.pathsep.join(sys.path), "HOME": str(folder), **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class _Ingestion(BaseHTTPRequestHandler):
    """Takes telemetry as Application Insights does."""

    taken: list[dict[str, object]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        if "/track" in self.path:
            self.taken.extend(json.loads(content))
        count = len(self.taken)
        answer = {"itemsReceived": count, "itemsAccepted": count, "errors": []}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def ingestion() -> Iterator[tuple[str, list[dict[str, object]]]]:
    taken: list[dict[str, object]] = []
    handler = type("Handler", (_Ingestion,), {"taken": taken})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", taken
        server.shutdown()
        thread.join()


def test_nothing_is_sent_and_nothing_imported_unless_it_is_asked_for(tmp_path: Path) -> None:
    done = run(_SLOW, tmp_path)
    assert (done.stderr, done.stdout) == ("", "[]\n")
    assert bootstrap.App(read_settings({})).telemetry is SILENT


def test_the_console_has_metrics_and_spans_on_standard_error(tmp_path: Path) -> None:
    done = run(_SEND, tmp_path, METERING_TELEMETRY="console")
    assert done.stdout == ""
    assert '"name": "metering.rollup.pages"' in done.stderr
    assert '"name": "ingest_usage"' in done.stderr
    assert "a fault of the test" in done.stderr


def test_application_insights_gets_metrics_spans_and_records_that_belong_together(
    tmp_path: Path, ingestion: tuple[str, list[dict[str, object]]]
) -> None:
    url, taken = ingestion
    done = run(
        _SEND,
        tmp_path,
        APPLICATIONINSIGHTS_CONNECTION_STRING=f"InstrumentationKey={KEY};IngestionEndpoint={url}",
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        # Otherwise a few traces a second are taken, by chance.
        OTEL_TRACES_SAMPLER="always_on",
    )
    assert done.returncode == 0, done.stderr
    sent = json.dumps(taken)
    for name, value in (("metering.rollup.pages", 3), ("metering.batch.events", 7)):
        assert f'"name": "{name}"' in sent
        assert f'"value": {value}' in sent
    spans = [one for one in taken if "ingest_usage" in json.dumps(one) and "Remote" in str(one)]
    (record,) = [one for one in taken if "a fault of the test" in json.dumps(one)]
    assert spans
    operations = {json.dumps(one["tags"]["ai.operation.id"]) for one in (*spans, record)}  # type: ignore[index]
    assert len(operations) == 1
    assert "metering" in json.dumps(record["tags"])


def test_commands_send_nothing_to_azure() -> None:
    app = bootstrap.App(Settings(SqliteStore(Path("x")), telemetry=AppInsights("x")))
    app.disable_telemetry()
    assert app.telemetry is SILENT
    app = bootstrap.App(Settings(SqliteStore(Path("x")), telemetry="console"))
    app.disable_telemetry()
    assert "telemetry" not in vars(app)


def test_a_connection_string_switches_it_on_and_a_choice_off() -> None:
    given = {"APPLICATIONINSIGHTS_CONNECTION_STRING": f"InstrumentationKey={KEY}"}
    found = read_settings(given).telemetry
    assert found == AppInsights(f"InstrumentationKey={KEY}")
    assert KEY not in repr(found)
    assert read_settings({**given, "METERING_TELEMETRY": "azure"}).telemetry == found
    assert read_settings({**given, "METERING_TELEMETRY": "off"}).telemetry == "off"
    assert read_settings({**given, "METERING_TELEMETRY": "console"}).telemetry == "console"
    assert read_settings({}).telemetry == "off"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"METERING_TELEMETRY": "yes"}, "METERING_TELEMETRY: 'yes' is not one of azure, console"),
        ({"METERING_TELEMETRY": "azure"}, "APPLICATIONINSIGHTS_CONNECTION_STRING: is not set"),
        (
            {"APPLICATIONINSIGHTS_CONNECTION_STRING": "hidden"},
            "APPLICATIONINSIGHTS_CONNECTION_STRING: the value is not the conn",
        ),
    ],
)
def test_what_is_no_telemetry_is_refused_by_name(given: dict[str, str], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as raised:
        read_settings(given)
    assert "hidden" not in str(raised.value)
