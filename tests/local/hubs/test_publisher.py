"""The system on one machine gives the app its publisher; elsewhere the settings do."""

import json
import sqlite3
from pathlib import Path

import pytest

from metering.adapters.clock import SystemClock
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import format_instant
from metering.core.calendars.periods import month_of
from metering.local.functions.worker import InvocationFailed
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.publisher import EmbeddedPublisher
from metering.local.system import local_system
from metering.settings.hubs import HubNamespace
from metering.settings.settings import Settings, SqliteStore
from tests.doubles.event_hubs import EventHubsPeer

pytest_plugins = ["tests.doubles.event_hubs.fixtures"]


def usage_event(app: App) -> bytes:
    return json.dumps(
        {
            "specversion": "1.0",
            "type": "llm.usage.v1",
            "source": "/apim/test",
            "id": "r-1",
            "time": format_instant(app.clock.now()),
            "subject": "acme",
            "data": {
                "model": "gpt-4o-2024-11-20",
                "deployment_type": "global",
                "status": 200,
                "tokens": "final",
                "usage": {"prompt_tokens": 10, "completion_tokens": 1, "total_tokens": 11},
            },
        }
    ).encode()


async def test_what_the_app_publishes_on_one_machine_comes_back_to_it_and_counts_once(
    tmp_path: Path,
) -> None:
    app = App(Settings(SqliteStore(tmp_path / "store.db")))

    def fail(function: str, error: InvocationFailed) -> None:
        pytest.fail(f"{function}: {error}")

    async with local_system(app, "test", fail) as system:
        event = usage_event(app)
        await app.usage_publisher.publish([(event, "acme")])
        await app.usage_publisher.publish([(event, "acme")])
        await system.host.drain()
        balance = await app.read.balance("acme", month_of(app.clock.now()))
        assert balance.total.requests == 1
        assert balance.head.diagnostics.duplicates == 1


async def test_elsewhere_the_app_publishes_to_the_hubs_of_its_settings(
    tmp_path: Path, event_hubs_peer: EventHubsPeer
) -> None:
    hubs = HubNamespace("127.0.0.1", event_hubs_peer.connection_string)
    app = App(Settings(SqliteStore(tmp_path / "store.db"), hubs=hubs))
    await app.usage_publisher.publish([(b"1", "acme")])
    await app.publisher("other").publish([(b"2", "acme")])
    await app.close()
    await app.usage_publisher.publish([(b"3", "acme")])
    await app.close()
    assert [event.body for event in event_hubs_peer.events("usage")] == [b"1", b"3"]
    assert [event.body for event in event_hubs_peer.events("other")] == [b"2"]


def test_without_settings_there_is_nothing_to_publish_to(tmp_path: Path) -> None:
    app = App(Settings(SqliteStore(tmp_path / "store.db")))
    with pytest.raises(ConfigurationError, match="UsageHub__fullyQualifiedNamespace: is not set"):
        _ = app.usage_publisher


async def test_a_hub_whose_file_cannot_be_written_is_retryable(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub.db", SystemClock().now)
    hub.declare("usage")
    with sqlite3.connect(tmp_path / "hub.db") as other:
        other.execute("DROP TABLE events")
    other.close()
    with pytest.raises(RetryableError, match="hub usage: no such table"):
        await EmbeddedPublisher(hub, "usage").publish([(b"1", "acme")])
    hub.close()
