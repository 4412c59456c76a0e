"""Which hubs tell how far usage has been counted, and how long closing waits: the settings."""

import pytest

from metering.adapters.hubs.progress import EventHubsProgress
from metering.app.hubs.hub_lag import NoHubs
from metering.bootstrap import App
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, SECOND
from metering.settings.hubs import HostStorage, HubNamespace, Readers
from metering.settings.settings import read_settings

USAGE = {"UsageHub__fullyQualifiedNamespace": "contoso.servicebus.windows.net"}
LOGS = {"GatewayLogsHub__fullyQualifiedNamespace": "contoso-logs.servicebus.windows.net"}
STORAGE = {"AzureWebJobsStorage__accountName": "contosohost"}
LOCAL = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=k==;"
    "BlobEndpoint=http://127.0.0.1:10123/devstoreaccount1;"
)


def storage(**given: str) -> HostStorage | None:
    named = {f"AzureWebJobsStorage{name}": value for name, value in given.items()}
    return read_settings({**USAGE, **named}).readers.host_storage


async def test_with_hubs_their_checkpoints_tell_how_far_usage_has_been_counted() -> None:
    app = App(read_settings({**USAGE, **LOGS, **STORAGE}))
    assert isinstance(app.hub_progress, EventHubsProgress)
    await app.close()


def test_without_hubs_nothing_is_on_its_way() -> None:
    assert isinstance(App(read_settings({})).hub_progress, NoHubs)


def test_what_reads_the_hubs_is_named_as_in_the_triggers() -> None:
    assert read_settings({**USAGE, **LOGS, **STORAGE}).readers == Readers(
        "metering",
        HubNamespace("contoso-logs.servicebus.windows.net"),
        "gateway-logs",
        "metering",
        HostStorage("https://contosohost.blob.core.windows.net"),
    )
    named = {
        "USAGE_CONSUMER_GROUP": "u",
        "GATEWAY_LOGS_HUB": "logs",
        "GATEWAY_LOGS_CONSUMER_GROUP": "l",
    }
    assert read_settings({**USAGE, **named}).readers == Readers("u", None, "logs", "l", None)


@pytest.mark.parametrize(
    ("given", "lacks"),
    [
        ({**USAGE, **STORAGE}, "GatewayLogsHub__fullyQualifiedNamespace"),
        ({**USAGE, **LOGS}, "AzureWebJobsStorage__accountName"),
    ],
)
def test_half_of_the_hubs_are_no_answer(given: dict[str, str], lacks: str) -> None:
    app = App(read_settings(given))
    with pytest.raises(ConfigurationError, match=f"{lacks}: is not set"):
        _ = app.hub_progress


def test_a_machine_without_hubs_may_have_any_storage_setting() -> None:
    given = {"AzureWebJobsStorage": "AccountName=contoso;AccountKey=k"}
    assert read_settings(given).readers == Readers()


def test_the_hosts_storage_is_named_as_in_an_identity_based_connection_of_functions() -> None:
    assert storage() is None
    government = "https://contoso.blob.core.usgovcloudapi.net"
    assert storage(__blobServiceUri=f"{government}/") == HostStorage(government)
    for wrong in ("contoso", "https://contoso.queue.core.windows.net", "http://x.blob.core.a.b"):
        with pytest.raises(ConfigurationError, match="AzureWebJobsStorage__blobServiceUri: "):
            storage(__blobServiceUri=wrong)
    for wrong in ("Contoso", "a", "contoso.blob"):
        with pytest.raises(ConfigurationError, match="AzureWebJobsStorage__accountName: "):
            storage(__accountName=wrong)


def test_a_connection_string_of_the_storage_is_for_an_emulator_on_this_machine_only() -> None:
    default = HostStorage("http://127.0.0.1:10000/devstoreaccount1", True)
    assert read_settings({**USAGE, "AzureWebJobsStorage": LOCAL}).readers.host_storage == (
        HostStorage("http://127.0.0.1:10123/devstoreaccount1", True)
    )
    here = {"AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    assert read_settings({**USAGE, **here}).readers.host_storage == default


@pytest.mark.parametrize(
    "text",
    [
        "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=hidden",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://hidden.example.com",
        LOCAL.replace("127.0.0.1", "hidden.example.com"),
        LOCAL.replace("127.0.0.1:10123", "127.0.0.1"),
        LOCAL.replace("127.0.0.1:10123", "127.0.0.1:hidden"),
        LOCAL.replace("127.0.0.1", "127.0.0.1:1@hidden"),
        LOCAL.replace("http://", "https://"),
        LOCAL.replace("/devstoreaccount1", "/hidden"),
        "hidden",
    ],
)
def test_any_other_connection_string_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="AzureWebJobsStorage: the value is not") as raised:
        read_settings({**USAGE, "AzureWebJobsStorage": text})
    assert "hidden" not in str(raised.value)


def test_the_hosts_storage_is_named_in_one_way() -> None:
    given = {**USAGE, **STORAGE, "AzureWebJobsStorage": "UseDevelopmentStorage=true"}
    with pytest.raises(ConfigurationError, match="AzureWebJobsStorage: is set as well"):
        read_settings(given)


def test_the_hub_of_the_logs_is_read_like_the_other() -> None:
    with pytest.raises(ConfigurationError, match="GatewayLogsHub: the value is not the conn"):
        read_settings({**USAGE, "GatewayLogsHub": "nonsense"})


def test_closing_waits_a_day_and_three_more_unless_told_otherwise() -> None:
    settings = read_settings({})
    assert (settings.close_grace, settings.close_wait) == (DAY, 3 * DAY)
    given = {"METERING_CLOSE_GRACE": "36h", "METERING_CLOSE_WAIT": "90"}
    settings = read_settings(given)
    assert (settings.close_grace, settings.close_wait) == (36 * HOUR, 90 * MINUTE)
    assert read_settings({"METERING_CLOSE_WAIT": "0s"}).close_wait == 0 * SECOND


@pytest.mark.parametrize("setting", ["METERING_CLOSE_GRACE", "METERING_CLOSE_WAIT"])
@pytest.mark.parametrize("text", ["soon", "-1", "1d", "off"])
def test_what_is_no_time_is_refused_by_the_settings_name(setting: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{setting}: "):
        read_settings({setting: text})


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("500ms", 0.5), ("2s", 2), ("10s", 10), ("10000ms", 10)]
)
def test_the_wait_after_a_batch_is_a_short_time(text: str, seconds: float) -> None:
    assert read_settings({"METERING_BATCH_WAIT": text}).batch_wait == seconds * SECOND


@pytest.mark.parametrize("text", ["11s", "1m", "10001ms", "2", "1.5s", "-1s", "soon", "off"])
def test_a_wait_that_is_too_long_or_no_time_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_BATCH_WAIT: "):
        read_settings({"METERING_BATCH_WAIT": text})


def test_the_wait_pays_where_the_store_charges_by_the_request() -> None:
    assert read_settings({}).batch_wait == 0
    cosmos = {"METERING_STORE": "cosmos://contoso/metering"}
    assert read_settings(cosmos).batch_wait == 2 * SECOND
    assert read_settings({**cosmos, "METERING_BATCH_WAIT": "0"}).batch_wait == 0
