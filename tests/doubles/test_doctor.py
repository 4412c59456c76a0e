"""`metering doctor` against the doubles: it finds each missing resource and says what to do."""

import base64
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient

from metering.adapters.azure import identity_probe
from metering.adapters.azure.identity_probe import probe_identity
from metering.adapters.clock import SystemClock
from metering.adapters.cosmos.probe import CosmosProbe
from metering.bootstrap import stores_for
from metering.bootstrap.doctor import examine
from metering.core.basics.instants import MINUTE
from metering.core.installation.finding import Finding
from metering.settings.settings import CosmosStore, SqliteStore
from tests.doubles.arm import ArmPeer
from tests.doubles.arm.api_management import SERVICE_ID, put_service
from tests.doubles.cosmos import CosmosPeer
from tests.doubles.cosmos.faults import Fault
from tests.doubles.event_hubs import LEAKS_OF_THE_CLIENT, EventHubsPeer
from tests.doubles.event_hubs import Fault as HubFault
from tests.systems import MovableClock

pytest_plugins = ["tests.doubles.cosmos.fixtures", "tests.doubles.event_hubs.fixtures"]

type Settings = dict[str, str]


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


def failed(findings: list[Finding]) -> list[str]:
    """Return the failed findings; each has a remedy."""
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    return [finding.check for finding in findings if finding.state == "fail"]


@pytest.fixture
async def cosmos(cosmos_peer: CosmosPeer) -> Settings:
    """Return the settings of a prepared store."""
    stores = stores_for(CosmosStore(cosmos_peer.url, "metering", cosmos_peer.key))
    await stores.prepare()
    await stores.close()
    address = cosmos_peer.url.removeprefix("http://")
    return {
        "METERING_STORE": f"cosmos://{address}/metering",
        "METERING_COSMOS_KEY": cosmos_peer.key,
    }


async def test_a_fresh_machine_is_well_and_stays_as_it_is(tmp_path: Path) -> None:
    found = await examine({"METERING_STORE": f"sqlite:///{tmp_path}/new/store.db"})
    assert failed(found) == []
    assert by_check(found)["store"].detail.endswith("will be created on first use")
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_a_store_that_is_in_use_is_well(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    stores = stores_for(SqliteStore(path))
    await stores.prepare()
    await stores.close()
    assert failed(await examine({"METERING_STORE": f"sqlite:///{path}"})) == []


async def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"not a database" * 100)
    found = await examine({"METERING_STORE": f"sqlite:///{path}"})
    assert failed(found) == ["store"]
    assert str(path) in by_check(found)["store"].detail


async def test_a_damaged_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    stores = stores_for(SqliteStore(path))
    await stores.prepare()
    await stores.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA writable_schema = ON")
        file.execute("PRAGMA journal_mode = DELETE")
        file.execute("CREATE INDEX spare ON heads(tenant)")
        file.execute("DELETE FROM sqlite_schema WHERE name = 'spare'")
    found = by_check(await examine({"METERING_STORE": f"sqlite:///{path}"}))
    assert found["store"].state == "fail"
    assert "damaged" in found["store"].detail


async def test_a_folder_that_may_not_be_written_to_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as root, which may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert failed(await examine({"METERING_STORE": f"sqlite:///{tmp_path}/x.db"})) == ["store"]


async def test_a_wrong_setting_is_all_that_is_told() -> None:
    found = await examine({"METERING_STORE": "postgres://x", "METERING_STOER": "x"})
    assert failed(found) == ["settings"]
    assert "METERING_STORE: 'postgres://x'" in found[0].detail
    assert found[1].check == "setting METERING_STOER"


async def test_a_setting_that_nobody_reads_is_worth_a_word(tmp_path: Path) -> None:
    given = {"METERING_STORE": f"sqlite:///{tmp_path}/x.db", "METERING_TELEMTRY": "off"}
    found = by_check(await examine(given))
    assert found["setting METERING_TELEMTRY"].state == "warn"


async def test_a_file_of_tenants_is_read_and_not_taken_over(tmp_path: Path) -> None:
    path, tenants = tmp_path / "store.db", tmp_path / "tenants.json"
    given = {"METERING_STORE": f"sqlite:///{path}", "METERING_TENANTS": str(tenants)}
    assert failed(await examine(given)) == ["settings"]
    tenants.write_text('{"tenants": [{"id": "acme", "subscriptions": ["a"]}]}')
    found = await examine(given)
    assert failed(found) == []
    assert not path.exists()


async def test_a_store_in_the_cloud_that_is_ready_is_well(cosmos: Settings) -> None:
    found = await examine(cosmos)
    assert failed(found) == []
    checks = by_check(found)
    assert checks["container ledgers"].detail == "by /ledger"
    assert checks["permission to write"].state == checks["clock"].state == "ok"
    assert checks["hub"].state == "warn"


async def test_a_container_that_lacks_is_named(
    cosmos: Settings, cosmos_client: CosmosClient
) -> None:
    await cosmos_client.get_database_client("metering").delete_container("pending")
    found = await examine(cosmos)
    assert failed(found) == ["container pending"]
    assert "metering init" in by_check(found)["container pending"].remedy


async def test_a_container_by_another_partition_key_is_named(
    cosmos: Settings, cosmos_client: CosmosClient
) -> None:
    database = cosmos_client.get_database_client("metering")
    await database.delete_container("prices")
    await database.create_container("prices", PartitionKey(path="/version"))
    found = await examine(cosmos)
    assert failed(found) == ["container prices"]
    assert "its partition key is /version, not /id" in by_check(found)["container prices"].detail


async def test_a_container_without_its_time_to_live_is_worth_a_word(
    cosmos: Settings, cosmos_client: CosmosClient
) -> None:
    database = cosmos_client.get_database_client("metering")
    await database.delete_container("pending")
    await database.create_container("pending", PartitionKey(path="/request_id"))
    found = by_check(await examine(cosmos))
    assert found["container pending"].state == "warn"


@pytest.mark.parametrize(("kind", "what"), [("read", "read"), ("delete", "write")])
async def test_a_permission_that_lacks_is_named(
    cosmos: Settings, cosmos_peer: CosmosPeer, kind: Any, what: str
) -> None:
    forbidden = Fault(
        what="fail_before", kind=kind, container="rollups", item="metering-doctor", status=403
    )
    cosmos_peer.faults.add(forbidden)
    found = await examine(cosmos)
    assert failed(found) == [f"permission to {what}"]
    assert "Data Contributor" in by_check(found)[f"permission to {what}"].remedy


async def test_a_wrong_key_is_named(cosmos: Settings) -> None:
    cosmos["METERING_COSMOS_KEY"] = base64.b64encode(b"another").decode()
    found = await examine(cosmos)
    assert "container ledgers" in failed(found)
    assert "METERING_COSMOS_KEY is not this account's key" in found[3].detail


async def test_an_account_out_of_reach_is_named() -> None:
    given = {"METERING_STORE": "cosmos://127.0.0.1:9/metering", "METERING_COSMOS_KEY": "c2VjcmV0"}
    assert failed(await examine(given)) == ["store"]


async def test_a_clock_that_is_off_is_named(cosmos: Settings, cosmos_peer: CosmosPeer) -> None:
    assert cosmos
    clock = MovableClock(SystemClock().now() + 2 * MINUTE)
    probe = CosmosProbe(cosmos_peer.url, "metering", cosmos_peer.key, clock)
    found = await probe.run()
    assert failed(found) == ["clock"]
    assert by_check(found)["clock"].detail.endswith("s ahead of the store's")


async def test_a_hub_that_is_ready_is_well(tmp_path: Path, event_hubs_peer: EventHubsPeer) -> None:
    found = await examine(hub(tmp_path, event_hubs_peer))
    assert failed(found) == []
    assert by_check(found)["hub usage"].detail == "4 partitions"
    assert event_hubs_peer.publications() == []


def hub(folder: Path, peer: EventHubsPeer, name: str = "usage") -> Settings:
    return {
        "METERING_STORE": f"sqlite:///{folder}/store.db",
        "UsageHub": peer.connection_string,
        "USAGE_HUB": name,
    }


@pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)
async def test_a_hub_that_is_not_there_is_named(
    tmp_path: Path, event_hubs_peer: EventHubsPeer
) -> None:
    found = await examine(hub(tmp_path, event_hubs_peer, "metered"))
    assert failed(found) == ["hub metered"]


@pytest.mark.filterwarnings(LEAKS_OF_THE_CLIENT)
async def test_a_hub_that_lets_nobody_in_is_named(
    tmp_path: Path, event_hubs_peer: EventHubsPeer
) -> None:
    event_hubs_peer.add(HubFault("unauthorised", times=9))
    found = await examine(hub(tmp_path, event_hubs_peer))
    assert failed(found) == ["hub usage"]
    assert "Azure Event Hubs Data Sender" in by_check(found)["hub usage"].remedy
    event_hubs_peer.clear()


@pytest.fixture(scope="module")
def arm() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        yield peer


async def test_a_gateway_that_is_not_there_or_not_ours_is_named(
    tmp_path: Path, arm: ArmPeer
) -> None:
    given = {
        "METERING_STORE": f"sqlite:///{tmp_path}/x.db",
        "METERING_APIM_SERVICE": SERVICE_ID,
        "METERING_ARM_ENDPOINT": arm.url,
    }
    assert failed(await examine(given)) == ["gateway"]
    put_service(arm)
    assert failed(await examine(given)) == []


class _Identity(BaseHTTPRequestHandler):
    """The identity endpoint of App Service."""

    status = 200

    def do_GET(self) -> None:
        token = {"access_token": "t", "expires_on": "4102444800", "resource": "r"}
        body = json.dumps(token if self.status == 200 else {"statusCode": self.status}).encode()
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (400, "fail")])
async def test_an_identity_signs_in_or_is_told_not_to(
    monkeypatch: pytest.MonkeyPatch, status: int, state: str
) -> None:
    handler = type("Handler", (_Identity,), {"status": status})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        finding = await probe_identity("https://eventhubs.azure.net")
        server.shutdown()
        thread.join()
    assert finding.state == state
    assert finding.state == "ok" or "az login" in finding.remedy


async def test_in_azure_each_service_is_signed_in_to(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Refused:
        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None:
            pass

        async def get_token(self, scope: str) -> None:
            asked.append(scope)
            raise TimeoutError

    monkeypatch.setattr(identity_probe, "DefaultAzureCredential", Refused)
    given = {
        "METERING_STORE": "cosmos://no-account-of-anybody/metering",
        "UsageHub__fullyQualifiedNamespace": "no-namespace.invalid",
    }
    monkeypatch.setattr("metering.bootstrap.doctor._store", _nothing)
    monkeypatch.setattr("metering.bootstrap.doctor._hub", _nothing)
    monkeypatch.setattr("metering.bootstrap.doctor.Checkup", _NoCheckup)
    assert len(failed(await examine(given))) == 2
    assert asked == [
        "https://no-account-of-anybody.documents.azure.com/.default",
        "https://eventhubs.azure.net/.default",
    ]


async def _nothing(*_: object) -> list[Finding]:
    return []


class _NoCheckup:
    def __init__(self, *_: object, **__: object) -> None:
        pass

    async def run(self) -> list[Finding]:
        return []
