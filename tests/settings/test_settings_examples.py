"""A wrong setting stops whoever needs it, by its name, with an example that would do."""

import base64
import re
from collections.abc import Iterator

import pytest

from metering import bootstrap
from metering.bootstrap import app as bootstrap_app
from metering.core.basics.errors import ConfigurationError
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.hubs.hub import HubEvent
from metering.local.system import app_dir
from metering.settings.settings import read_settings, unknown_settings
from tests.builders import NOW, body

EMULATOR = "cosmos://localhost:8081/metering"
URL = {"METERING_WEBHOOK_URL": "https://example.com/hook"}
SECRET = {"METERING_WEBHOOK_SECRET": "whsec_" + base64.b64encode(b"k" * 32).decode()}
APIM = (
    "/subscriptions/00000000-0000-0000-0000-00000000aaaa/resourceGroups/rg"
    "/providers/Microsoft.ApiManagement/service/contoso"
)
INSIGHTS = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://HOST/"
LOCAL_HUB = "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k"

#: The setting, what is wrong with it, what else is set, and the example that is to be told.
WRONG = [
    ("METERING_STORE", "postgres://x", {}, "sqlite:///.metering/metering.db"),
    ("METERING_STORE", "sqlite:///", {}, "cosmos://account/database"),
    ("METERING_STORE", "cosmos://elsewhere:8081/metering", {}, ""),
    ("METERING_COSMOS_KEY", "", {"METERING_STORE": EMULATOR}, "c2VjcmV0"),
    ("METERING_COSMOS_KEY", "x", {"METERING_STORE": "cosmos://account/database"}, ""),
    ("METERING_UNKNOWN_SUBSCRIPTION", "perhaps", {}, "auto"),
    ("METERING_UNKNOWN_SUBSCRIPTION", "perhaps", {}, "reject"),
    ("METERING_NOW", "yesterday", {}, "2026-10-16T23:00:00Z"),
    ("METERING_ARM_ENDPOINT", "http://example.com", {}, "https://management.azure.com"),
    ("METERING_GRAPH_ENDPOINT", "graph", {}, "https://graph.microsoft.com"),
    (
        "UsageHub__fullyQualifiedNamespace",
        "https://contoso",
        {},
        "contoso.servicebus.windows.net",
    ),
    ("UsageHub", LOCAL_HUB, {}, ""),
    ("USAGE_HUB", "a hub", {}, "usage"),
    ("METERING_EXPORTS", "ftp://x", {}, ""),
    ("METERING_EXPORTS", "https://x?sig=1", {}, ""),
    ("METERING_RECOVERY_DELAY", "soon", {}, "15m"),
    ("METERING_RECOVERY_DELAY", "soon", {}, "off"),
    ("METERING_WEBHOOK_URL", "http://example.com/", SECRET, "https://example.com/hook"),
    ("METERING_WEBHOOK_URL", "", SECRET, "https://example.com/hook"),
    ("METERING_WEBHOOK_SECRET", "", URL, ""),
    ("METERING_WEBHOOK_SECRET", "secret", URL, ""),
    ("METERING_APIM_SERVICE", "contoso", {}, ""),
    ("METERING_TELEMETRY", "yes", {}, "console"),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "x", {}, INSIGHTS),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "", {"METERING_TELEMETRY": "azure"}, INSIGHTS),
]


#: A file, what reports there are, and a name that may be any: whoever needs them looks.
OF_THE_HUBS = {"UsageHub", "UsageHub__fullyQualifiedNamespace"}
"""Read in settings/hubs.py, whose own tests go through the others."""
CHECKED_LATER = {"METERING_TENANTS", "METERING_EXPORT_SCHEDULE", "METERING_ISSUER"}


@pytest.mark.parametrize(("name", "wrong", "others", "example"), WRONG)
def test_a_wrong_setting_is_refused_by_name_with_an_example_that_would_do(
    name: str, wrong: str, others: dict[str, str], example: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings({**others, name: wrong})
    assert str(raised.value).startswith(f"{name}: ")
    assert len(str(raised.value)) < 400
    assert example in str(raised.value)
    if example:
        read_settings({**others, name: example})


def test_every_setting_of_the_environment_is_in_the_table() -> None:
    source = (app_dir() / "metering" / "settings/settings.py").read_text()
    read = set(re.findall(r'given\.get\("(\w+)"', source)) - CHECKED_LATER
    assert read == {name for name, *_ in WRONG} - OF_THE_HUBS


def test_an_example_of_an_api_management_service_is_taken() -> None:
    assert read_settings({"METERING_APIM_SERVICE": APIM}).apim_service is not None


def test_publishing_without_a_hub_names_the_setting_with_an_example() -> None:
    with pytest.raises(ConfigurationError, match="UsageHub__.*: write it like contoso.serv"):
        bootstrap.App(read_settings({})).publisher("usage")


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """Let the next function read its settings anew, as after a start."""
    before = list(bootstrap_app._current)  # noqa: SLF001, what a process begins with
    bootstrap_app._current.clear()  # noqa: SLF001
    yield
    bootstrap_app._current[:] = before  # noqa: SLF001


@pytest.mark.usefixtures("fresh_process")
async def test_the_function_app_starts_and_stops_at_first_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("METERING_STORE", "postgres://x")
    worker = await FunctionsWorker.start(app_dir())
    with pytest.raises(InvocationFailed, match="METERING_STORE: .* write it like sqlite:///"):
        await worker.invoke_event_hub("ingest_usage", [HubEvent(body(), "s", 0, "0", NOW)], "0")


def test_the_doctor_knows_every_setting_that_is_read() -> None:
    source = (app_dir() / "metering" / "settings/settings.py").read_text()
    read = {name for name in re.findall(r'given\.get\("(\w+)"', source) if "METERING_" in name}
    assert unknown_settings(dict.fromkeys(read, "x")) == []
    assert unknown_settings({"METERING_STOER": "x", "METERING_EMPTY": "", "OTHER": "x"}) == [
        "METERING_STOER"
    ]
