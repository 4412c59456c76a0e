"""Each setting is declared once: its errors, its example and what the doctor knows follow."""

import base64
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from metering import bootstrap
from metering.bootstrap import app as bootstrap_app
from metering.core.basics.errors import ConfigurationError
from metering.local.functions.worker import FunctionsWorker, WorkerFailed
from metering.local.system import app_dir
from metering.settings import settings as settings_module
from metering.settings.external import EXTERNAL
from metering.settings.settings import SETTINGS, Unknown, read_settings, unknown_settings
from tools.bicep_syntax import BICEP
from tools.settings_page import PAGE, page

BY_NAME = {setting.name: setting for setting in SETTINGS}
EMULATOR = "cosmos://localhost:8081/metering"
GUID = "11111111-2222-3333-4444-555555555555"
HUBS = {"UsageHub__fullyQualifiedNamespace": "contoso.servicebus.windows.net"}
LOCAL_HUB = "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k"
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
SIGN_IN = {
    "METERING_AUTH_ISSUER": f"https://login.microsoftonline.com/{GUID}/v2.0",
    "METERING_AUTH_AUDIENCE": GUID,
    "METERING_AUTH_TENANT": GUID,
}
#: The settings that an example needs beside it.
OTHERS: Mapping[str, Mapping[str, str]] = {
    "METERING_COSMOS_KEY": {"METERING_STORE": EMULATOR},
    "METERING_WEBHOOK_URL": {"METERING_WEBHOOK_SECRET": SECRET},
    "METERING_WEBHOOK_SECRET": {"METERING_WEBHOOK_URL": "https://example.com/hook"},
    "METERING_MAIL_ENDPOINT": {"METERING_MAIL_SENDER": "ada@example.com"},
    "METERING_APP_SERVICE_AUTH": SIGN_IN,
    **{name: {k: v for k, v in SIGN_IN.items() if k != name} for name in SIGN_IN},
    **dict.fromkeys(
        [
            "USAGE_CONSUMER_GROUP",
            "GATEWAY_LOGS_HUB",
            "GATEWAY_LOGS_CONSUMER_GROUP",
            "GatewayLogsHub__fullyQualifiedNamespace",
            "GatewayLogsHub",
            "AzureWebJobsStorage",
            "AzureWebJobsStorage__accountName",
            "AzureWebJobsStorage__blobServiceUri",
        ],
        HUBS,
    ),
}
#: A command that prints one, so that nobody shares the secret of an example.
MADE = {"METERING_WEBHOOK_SECRET"}
WRONG = [
    ("METERING_STORE", "postgres://x", {}),
    ("METERING_STORE", "sqlite:///", {}),
    ("METERING_STORE", "cosmos://elsewhere:8081/metering", {}),
    ("METERING_COSMOS_KEY", "", {"METERING_STORE": EMULATOR}),
    ("METERING_UNKNOWN_SUBSCRIPTION", "perhaps", {}),
    ("METERING_UNKNOWN_DEPLOYMENTS", "perhaps", {}),
    ("METERING_UNBOUND_PRODUCERS", "perhaps", {}),
    ("METERING_NOW", "yesterday", {}),
    ("METERING_ARM_ENDPOINT", "http://example.com", {}),
    ("METERING_ARM_ENDPOINT", "https://[", {}),
    ("UsageHub__fullyQualifiedNamespace", "https://contoso", {}),
    ("UsageHub", LOCAL_HUB, {}),
    ("UsageHub", "Endpoint=sb://[;UseDevelopmentEmulator=true", {}),
    ("USAGE_HUB", "a hub", {}),
    ("USAGE_CONSUMER_GROUP", "a group", HUBS),
    ("GatewayLogsHub__fullyQualifiedNamespace", "contoso", HUBS),
    ("GatewayLogsHub", LOCAL_HUB, HUBS),
    ("GATEWAY_LOGS_HUB", "a hub", HUBS),
    ("GATEWAY_LOGS_CONSUMER_GROUP", "x" * 51, HUBS),
    ("AzureWebJobsStorage", "AccountName=contoso;AccountKey=k", HUBS),
    ("AzureWebJobsStorage__accountName", "Contoso", HUBS),
    ("AzureWebJobsStorage__blobServiceUri", "https://example.com", HUBS),
    ("METERING_ANCHORS", "ftp://x", {}),
    ("METERING_EXPORTS", "ftp://x", {}),
    ("METERING_EXPORTS", "https://x?sig=1", {}),
    ("METERING_RECOVERY_DELAY", "soon", {}),
    ("METERING_BATCH_WAIT", "1m", {}),
    ("METERING_INVOICE_SERIES", "INV-2", {}),
    ("METERING_INVOICES_SINCE", "2026", {}),
    ("METERING_ISSUER_ADDRESS", "one||three", {}),
    ("METERING_ISSUER_ADDRESS", "|".join("x" * 9), {}),
    ("METERING_ISSUER_TAX_ID", "x" * 41, {}),
    ("METERING_PAYMENT_DAYS", "366", {}),
    ("METERING_TAXES", "VAT", {}),
    ("METERING_TAX_ROUNDING", "up", {}),
    ("METERING_REVERSE_CHARGE_NOTE", " ", {}),
    ("METERING_CLOSE_GRACE", "off", {}),
    ("METERING_CLOSE_WAIT", "1d", {}),
    ("METERING_WEBHOOK_URL", "http://example.com/", OTHERS["METERING_WEBHOOK_URL"]),
    ("METERING_WEBHOOK_URL", "", OTHERS["METERING_WEBHOOK_URL"]),
    ("METERING_WEBHOOK_SECRET", "", OTHERS["METERING_WEBHOOK_SECRET"]),
    ("METERING_WEBHOOK_SECRET", "secret", OTHERS["METERING_WEBHOOK_SECRET"]),
    ("METERING_APIM_SERVICE", "contoso", {}),
    ("METERING_PRICE_REFRESH", "daily", {}),
    ("METERING_DIGEST", "daily", {}),
    ("METERING_DIGEST_RECIPIENTS", "ada@example.com,", {}),
    ("METERING_DIGEST_RECIPIENTS", ",".join(f"a{n}@example.com" for n in range(21)), {}),
    ("METERING_MAIL_ENDPOINT", "http://example.com", OTHERS["METERING_MAIL_ENDPOINT"]),
    ("METERING_MAIL_ENDPOINT", "https://example.com/x", OTHERS["METERING_MAIL_ENDPOINT"]),
    ("METERING_MAIL_SENDER", "nobody", {}),
    ("METERING_MAIL_SENDER", "a@example.com,b@example.com", {}),
    ("METERING_MAIL_SENDER", "", {"METERING_MAIL_ENDPOINT": "https://c.communication.azure.com"}),
    ("METERING_TELEMETRY", "yes", {}),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "x", {}),
    ("APPLICATIONINSIGHTS_CONNECTION_STRING", "", {"METERING_TELEMETRY": "azure"}),
    *[(name, "", others) for name, others in OTHERS.items() if name in SIGN_IN],
    ("METERING_AUTH_ISSUER", "http://example.com", OTHERS["METERING_AUTH_ISSUER"]),
    ("METERING_AUTH_AUDIENCE", "api://metering", OTHERS["METERING_AUTH_AUDIENCE"]),
    ("METERING_AUTH_TENANT", "common", OTHERS["METERING_AUTH_TENANT"]),
    ("METERING_APP_SERVICE_AUTH", "yes", {}),
    ("METERING_RATE_LIMIT", "many", {}),
    ("METERING_DEAD_LETTER_DAYS", "0", {}),
    ("METERING_DEAD_LETTER_DAYS", "3651", {}),
    ("METERING_DEAD_LETTERS_AN_HOUR", "0", {}),
]
#: A variable as parameter files and scripts write it.
_NAME = re.compile(r"\bMETERING(?:_[A-Z]+)+\b")
#: Any text is a value, or the value is checked by what uses it.
NEVER_WRONG = {
    "METERING_TENANTS",
    "METERING_EXPORT_SCHEDULE",
    "METERING_ISSUER",
    "WEBSITE_INSTANCE_ID",
    "WEBSITE_AUTH_ENABLED",
}


@pytest.mark.parametrize(("name", "wrong", "others"), WRONG)
def test_a_wrong_setting_is_refused_by_name_with_its_example(
    name: str, wrong: str, others: Mapping[str, str]
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings({**others, name: wrong})
    assert str(raised.value).startswith(f"{name}: ")
    assert str(raised.value).endswith(f"; example: {BY_NAME[name].example}")
    assert len(str(raised.value)) < 400


def test_every_setting_has_a_wrong_value_in_this_table() -> None:
    assert {name for name, *_ in WRONG} == set(BY_NAME) - NEVER_WRONG


@pytest.mark.parametrize("name", sorted(set(BY_NAME) - MADE))
def test_the_example_of_a_setting_is_accepted(name: str) -> None:
    setting = BY_NAME[name]
    with_it = {**OTHERS.get(name, {}), name: setting.example}
    if name in {"UsageHub", "GatewayLogsHub", "AzureWebJobsStorage"}:
        assert setting.is_secret
    read_settings(with_it)


def test_an_error_repeats_a_value_only_up_to_a_length() -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_settings({"METERING_UNKNOWN_SUBSCRIPTION": "x" * 10_000})
    assert len(str(raised.value)) < 400


#: Without the key of an emulator, for which any text is a value.
SECRETS = {setting.name for setting in SETTINGS if setting.is_secret} - {"METERING_COSMOS_KEY"}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_an_error_never_repeats_a_value_that_may_hold_a_secret(name: str) -> None:
    others = OTHERS.get(name, {})
    with pytest.raises(ConfigurationError) as raised:
        read_settings({**others, name: "hidden://hidden"})
    assert str(raised.value).startswith(f"{name}: the value ")
    assert "hidden" not in str(raised.value)


class Recorded(dict[str, str]):
    """An environment that records which variables are read."""

    def __init__(self, given: Mapping[str, str], read: set[str]) -> None:
        super().__init__(given)
        self.seen = read

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.seen.add(key)
        return super().get(key, default)


def names_read(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return every variable that reading the settings asks for, whatever is set."""
    read: set[str] = set()
    for given in ({}, HUBS, {"METERING_WEBHOOK_SECRET": SECRET, **OTHERS["METERING_COSMOS_KEY"]}):
        monkeypatch.setattr(os, "environ", Recorded(given, read))
        try:
            read_settings()
        except ConfigurationError:
            continue
    return read


def test_the_doctor_knows_every_setting_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read = names_read(monkeypatch)
    monkeypatch.undo()
    assert read == set(BY_NAME)
    assert unknown_settings(dict.fromkeys(read, "x")) == []
    assert unknown_settings({one.name: "x" for one in EXTERNAL}) == []


def test_only_settings_are_read_from_the_environment_and_only_here() -> None:
    """Other modules of the package get the settings, and not the environment."""
    package = Path(settings_module.__file__).parents[1]
    readers = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "os.environ" in path.read_text(encoding="utf-8")
    ]
    assert readers == ["settings/settings.py"]


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("METERING_STOER", "METERING_STORE"),
        ("METERING_CLOSE_GRACES", "METERING_CLOSE_GRACE"),
        ("metering_store", "METERING_STORE"),
        ("UsageHub__FullyQualifiedNamespace", "UsageHub__fullyQualifiedNamespace"),
        ("METERING_NOTHING_LIKE_IT", None),
    ],
)
def test_the_doctor_suggests_the_setting_that_was_meant(name: str, suggestion: str | None) -> None:
    assert unknown_settings({name: "x"}) == [Unknown(name, suggestion)]


def test_variables_of_others_and_empty_ones_are_not_the_doctors_concern() -> None:
    assert unknown_settings({"METERING_EMPTY": "", "OTHER": "x", "USAGE": "x"}) == []


def test_every_variable_of_the_deployment_is_declared() -> None:
    """Operators export them, and then run commands: the doctor must not call them unknown."""
    declared = {one.name for one in EXTERNAL} | set(BY_NAME)
    files = [*BICEP.glob("*.bicepparam"), *BICEP.glob("scripts/*.sh")]
    used = {name for path in files for name in _NAME.findall(path.read_text(encoding="utf-8"))}
    assert len(used) > 10
    assert used <= declared


def test_the_tables_in_the_documentation_are_those_of_the_declarations() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make settings`"


def test_publishing_without_a_hub_names_the_setting_with_an_example() -> None:
    with pytest.raises(ConfigurationError, match="UsageHub__.*contoso.serv"):
        bootstrap.App(read_settings({})).publisher("usage")


@pytest.fixture
def fresh_process() -> Iterator[None]:
    """Let the next function read its settings anew, as after a start."""
    before = list(bootstrap_app._current)  # noqa: SLF001, what a process begins with
    bootstrap_app._current.clear()  # noqa: SLF001
    yield
    bootstrap_app._current[:] = before  # noqa: SLF001


@pytest.mark.usefixtures("fresh_process")
async def test_the_function_app_does_not_start_with_a_wrong_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("METERING_STORE", "postgres://x")
    with pytest.raises(WorkerFailed, match="METERING_STORE: 'postgres://x' .*; example: cosm"):
        await FunctionsWorker.start(app_dir())
