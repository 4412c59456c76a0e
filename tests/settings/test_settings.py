"""Settings: what the environment says, and which one is wrong."""

import base64
from pathlib import Path

import pytest

from metering.adapters.telemetry.log import LogNotifier
from metering.adapters.telemetry.webhook import WebhookNotifier
from metering.bootstrap import App
from metering.bootstrap.exports import scheduled_reports
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from metering.core.exports.delivery_manifest import Window
from metering.settings.exports import ExportsContainer, ExportsFolder
from metering.settings.hubs import HubNamespace
from metering.settings.settings import (
    ApimService,
    CosmosStore,
    SqliteStore,
    Webhook,
    read_settings,
)


def test_an_empty_environment_is_a_fresh_local_store_that_takes_anybody() -> None:
    settings = read_settings({})
    assert settings.store == SqliteStore(Path(".metering/metering.db"))
    assert settings.automatic_tenants
    assert settings.fixed_now is None


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:///a/b.db", "a/b.db"), ("sqlite:////srv/b.db", "/srv/b.db")]
)
def test_a_store_is_a_relative_or_an_absolute_path(url: str, path: str) -> None:
    assert read_settings({"METERING_STORE": url}).store == SqliteStore(Path(path))


@pytest.mark.parametrize("url", ["", "sqlite:///", "/tmp/b.db", "postgres://x"])  # noqa: S108
def test_what_is_no_store_is_refused_by_the_settings_name(url: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_STORE: "):
        read_settings({"METERING_STORE": url})


def test_a_tenants_file_is_the_whole_list_unless_told_otherwise() -> None:
    given = {"METERING_TENANTS": "tenants.yaml"}
    assert not read_settings(given).automatic_tenants
    given["METERING_UNKNOWN_SUBSCRIPTION"] = "auto"
    assert read_settings(given).automatic_tenants


def test_without_a_file_unknown_subscriptions_can_be_refused() -> None:
    assert not read_settings({"METERING_UNKNOWN_SUBSCRIPTION": "reject"}).automatic_tenants
    with pytest.raises(ConfigurationError, match="not one of auto, reject"):
        read_settings({"METERING_UNKNOWN_SUBSCRIPTION": "maybe"})


def test_the_clock_can_be_set_to_an_instant() -> None:
    now = "2026-11-20T12:00:00Z"
    assert read_settings({"METERING_NOW": now}).fixed_now == parse_instant(now)
    with pytest.raises(ConfigurationError, match="METERING_NOW: .* with a time zone"):
        read_settings({"METERING_NOW": "2026-11-20T12:00:00"})


def test_a_cosmos_account_is_named_by_account_and_database() -> None:
    store = read_settings({"METERING_STORE": "cosmos://contoso-metering/metering"}).store
    assert store == CosmosStore("https://contoso-metering.documents.azure.com:443/", "metering")


def test_unknown_subscriptions_are_refused_on_cosmos_unless_told_otherwise() -> None:
    given = {"METERING_STORE": "cosmos://contoso/metering"}
    assert not read_settings(given).automatic_tenants


def test_an_emulator_on_this_machine_is_named_by_host_and_port_and_needs_its_key() -> None:
    given = {"METERING_STORE": "cosmos://localhost:8081/metering", "METERING_COSMOS_KEY": "k"}
    assert read_settings(given).store == CosmosStore("http://localhost:8081", "metering", "k")
    with pytest.raises(ConfigurationError, match="METERING_COSMOS_KEY: is not set"):
        read_settings({"METERING_STORE": "cosmos://localhost:8081/metering"})


def test_a_key_or_plain_http_never_goes_to_another_machine() -> None:
    with pytest.raises(ConfigurationError, match="METERING_COSMOS_KEY: is for an emulator"):
        read_settings({"METERING_STORE": "cosmos://contoso/metering", "METERING_COSMOS_KEY": "k"})
    with pytest.raises(ConfigurationError, match="only an emulator on this machine"):
        read_settings({"METERING_STORE": "cosmos://example.com:8081/m", "METERING_COSMOS_KEY": "k"})


def test_azure_resource_manager_is_that_of_the_public_cloud_unless_told_otherwise() -> None:
    assert read_settings({}).arm_endpoint == "https://management.azure.com"
    other = "https://management.usgovcloudapi.net"
    assert read_settings({"METERING_ARM_ENDPOINT": other}).arm_endpoint == other


def test_without_settings_there_are_no_hubs_to_publish_to() -> None:
    settings = read_settings({})
    assert settings.hubs is None
    assert settings.usage_hub == "usage"


def test_a_namespace_is_named_as_in_an_identity_based_connection_of_functions() -> None:
    given = {
        "UsageHub__fullyQualifiedNamespace": "contoso.servicebus.windows.net",
        "USAGE_HUB": "metered",
    }
    settings = read_settings(given)
    assert settings.hubs == HubNamespace("contoso.servicebus.windows.net")
    assert settings.usage_hub == "metered"
    for wrong in ("contoso", "sb://contoso.servicebus.windows.net/", "a.b:5671"):
        with pytest.raises(ConfigurationError, match="fullyQualifiedNamespace: .* not the host"):
            read_settings({"UsageHub__fullyQualifiedNamespace": wrong})


def test_a_connection_string_is_for_an_emulator_on_this_machine_only() -> None:
    emulator = "SharedAccessKeyName=n;SharedAccessKey=k==;UseDevelopmentEmulator=true;"
    here = f"Endpoint=sb://localhost:5673;{emulator}"
    assert read_settings({"UsageHub": here}).hubs == HubNamespace("localhost:5673", here)
    for wrong in (
        f"Endpoint=sb://contoso.servicebus.windows.net;{emulator}",
        "Endpoint=sb://localhost;SharedAccessKeyName=n;SharedAccessKey=k",
        f"Endpoint=https://localhost;{emulator}",
        "nonsense",
    ):
        with pytest.raises(ConfigurationError, match="UsageHub: the value is not the connection"):
            read_settings({"UsageHub": wrong})


def test_a_hub_is_named_in_one_way() -> None:
    with pytest.raises(ConfigurationError, match="UsageHub: is set as well"):
        read_settings({"UsageHub": "x", "UsageHub__fullyQualifiedNamespace": "a.b"})


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("", 15 * MINUTE),
        ("20", 20 * MINUTE),
        ("90s", 90 * SECOND),
        ("30m", 30 * MINUTE),
        ("2h", 2 * HOUR),
        ("0", 0),
        ("off", None),
    ],
)
def test_the_recovery_delay_is_a_time_or_off(text: str, delay: int | None) -> None:
    assert read_settings({"METERING_RECOVERY_DELAY": text}).recovery_delay == delay
    assert read_settings({}).recovery_delay == 15 * MINUTE


@pytest.mark.parametrize("text", ["soon", "-1", "1d", "1.5h"])
def test_what_is_no_delay_is_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_RECOVERY_DELAY: "):
        read_settings({"METERING_RECOVERY_DELAY": text})


def test_exports_go_into_a_folder_unless_told_otherwise() -> None:
    default = ExportsFolder(Path(".metering/exports"))
    assert read_settings({}).exports == default
    assert read_settings({"METERING_EXPORTS": ""}).exports == default
    for text in ("/srv/out", "file:///srv/out"):
        assert read_settings({"METERING_EXPORTS": text}).exports == ExportsFolder(Path("/srv/out"))


def test_statements_are_sent_by_the_issuer_that_is_named() -> None:
    assert read_settings({"METERING_ISSUER": " "}).issuer == "LLM platform"
    assert read_settings({"METERING_ISSUER": " Contoso AG "}).issuer == "Contoso AG"


async def test_every_report_can_be_scheduled(tmp_path: Path) -> None:
    schedule = "chargeback=hourly,focus=daily,statement=monthly,costs=weekly"
    store = f"sqlite:///{tmp_path}/metering.db"
    app = App(read_settings({"METERING_STORE": store, "METERING_EXPORT_SCHEDULE": schedule}))
    assert await app.billing.scheduled_exports.run() == 0
    made = scheduled_reports(app.billing.reports)
    assert sorted(made) == ["chargeback", "costs", "focus", "statement", "statement-pdf"]
    for kind, report in made.items():
        window = Window("2026-11", (0, DAY)) if kind == "costs" else Window("2026-11")
        assert report.make(window, None).kind == kind
    assert made["costs"].make(Window("2026-11", (0, DAY)), "acme").tenant == "acme"
    await app.close()
    hourly = {"METERING_STORE": store, "METERING_EXPORT_SCHEDULE": "costs=hourly"}
    with pytest.raises(ConfigurationError, match="whole UTC days"):
        _ = App(read_settings(hourly)).billing.scheduled_exports


async def test_statements_are_in_no_table(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/metering.db"
    schedule = {"METERING_EXPORT_SCHEDULE": "statement=daily:parquet"}
    app = App(read_settings({"METERING_STORE": store, **schedule}))
    with pytest.raises(ConfigurationError, match="'statement=daily:parquet': statements are not"):
        _ = app.billing.scheduled_exports
    await app.close()


async def test_exports_go_to_a_container_by_its_url() -> None:
    url = "https://contosometering.blob.core.windows.net/exports"
    settings = read_settings({"METERING_EXPORTS": url})
    assert settings.exports == ExportsContainer(url)
    app = App(settings)
    assert app.billing.exports
    await app.close()
    here = "http://127.0.0.1:10000/devstoreaccount1/exports"
    assert read_settings({"METERING_EXPORTS": here}).exports == ExportsContainer(here, True)


@pytest.mark.parametrize(
    "text",
    [
        "file://srv/out",
        "file:///",
        "https://contosometering.blob.core.windows.net",
        "https://contosometering.blob.core.windows.net/exports/below",
        "https://contosometering.blob.core.windows.net/Exports",
        "https://blob.core.windows.net.example.com/exports",
        "https://contoso.blob.core.windows.net@example.com/exports",
        "http://contosometering.blob.core.windows.net/exports",
        "http://example.com:10000/devstoreaccount1/exports",
        "http://127.0.0.1:10000@example.com:1/devstoreaccount1/exports",
        "http://127.0.0.1/devstoreaccount1/exports",
        "http://127.0.0.1:99999/devstoreaccount1/exports",
        "http://127.0.0.1:10000/other/exports",
        "s3://bucket/exports",
    ],
)
def test_what_is_no_place_for_exports_is_refused_by_the_settings_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_EXPORTS: "):
        read_settings({"METERING_EXPORTS": text})


@pytest.mark.parametrize(
    "text",
    [
        "DefaultEndpointsProtocol=https;AccountName=contoso;AccountKey=hidden",
        "UseDevelopmentStorage=true;AccountKey=hidden",
        "https://contoso.blob.core.windows.net/exports?sv=1&sig=hidden",
    ],
)
def test_a_connection_string_for_exports_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_EXPORTS: the value is a conn") as raised:
        read_settings({"METERING_EXPORTS": text})
    assert "hidden" not in str(raised.value)


def test_a_schedule_of_exports_is_read_when_it_is_needed() -> None:
    assert App(
        read_settings({"METERING_EXPORT_SCHEDULE": "chargeback=daily"})
    ).billing.scheduled_exports
    app = App(read_settings({"METERING_EXPORT_SCHEDULE": "chargeback=often"}))
    with pytest.raises(ConfigurationError, match="METERING_EXPORT_SCHEDULE: 'chargeback=often'"):
        _ = app.billing.scheduled_exports


KEY = "whsec_" + base64.b64encode(b"k" * 32).decode()
WEBHOOK = {"METERING_WEBHOOK_URL": "https://example.com/hook", "METERING_WEBHOOK_SECRET": KEY}


def test_without_a_webhook_the_log_is_told_of_effects() -> None:
    empty = {"METERING_WEBHOOK_URL": "", "METERING_WEBHOOK_SECRET": ""}
    for given in ({}, empty):
        settings = read_settings(given)
        assert settings.webhook is None
        assert isinstance(App(settings).notifier, LogNotifier)


async def test_a_webhook_that_is_set_is_told_of_effects() -> None:
    app = App(read_settings(WEBHOOK))
    assert isinstance(app.notifier, WebhookNotifier)
    await app.close()


def test_several_secrets_are_separated_by_spaces() -> None:
    other = "whsec_" + base64.b64encode(b"o" * 64).decode()
    settings = read_settings({**WEBHOOK, "METERING_WEBHOOK_SECRET": f" {KEY}  {other} "})
    assert settings.webhook == Webhook(WEBHOOK["METERING_WEBHOOK_URL"], (b"k" * 32, b"o" * 64))


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8080/x", "http://127.0.0.1/x", "http://[::1]:1/", "https://e.org:1/?a=%2B"],
)
def test_a_webhook_is_https_or_on_this_machine(url: str) -> None:
    settings = read_settings({**WEBHOOK, "METERING_WEBHOOK_URL": url})
    assert settings.webhook is not None
    assert settings.webhook.url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hidden",
        "http://127.0.0.1.example.com/hidden",
        "ftp://localhost/hidden",
        "https:///hidden",
        "hidden",
        "https://user:hidden@example.com/",
        "https://example.com:99999/hidden",
        "https://example.com/hid den",
        "https://example.com/hidden\n",
        "https://exämple.com/hidden",
        "https://[hidden/",
    ],
)
def test_another_url_of_a_webhook_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_WEBHOOK_URL: ") as raised:
        read_settings({**WEBHOOK, "METERING_WEBHOOK_URL": url})
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    "secret",
    [
        "hidden",
        base64.b64encode(b"h" * 32).decode(),
        "whsec_",
        "whsec_hidden!",
        "whsec_ümläut",
        "whsec_" + base64.b64encode(b"h" * 23).decode(),
        "whsec_" + base64.b64encode(b"h" * 65).decode(),
        f"{KEY} hidden",
    ],
)
def test_another_form_of_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_WEBHOOK_SECRET: the value") as raised:
        read_settings({**WEBHOOK, "METERING_WEBHOOK_SECRET": secret})
    assert secret.removeprefix("whsec_") not in str(raised.value).split()
    assert "hidden" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_a_webhook_needs_both_its_url_and_its_secret() -> None:
    for name in WEBHOOK:
        for nothing in ("", " "):
            if (name, nothing) != ("METERING_WEBHOOK_URL", " "):
                with pytest.raises(ConfigurationError, match=f"{name}: is not set"):
                    read_settings({**WEBHOOK, name: nothing})


SERVICE = (
    "/subscriptions/00000000-0000-0000-0000-00000000aaaa/resourceGroups/rg-ai_(x).1"
    "/providers/Microsoft.ApiManagement/service/contoso-apim"
)


def test_suspension_is_off_unless_a_service_is_named() -> None:
    assert read_settings({}).apim_service is None
    assert App(read_settings({})).subscription_gate is None


@pytest.mark.parametrize("text", [SERVICE, SERVICE.replace("resourceGroups", "resourcegroups")])
async def test_a_service_is_named_by_its_resource_id(text: str) -> None:
    settings = read_settings({"METERING_APIM_SERVICE": text})
    assert settings.apim_service == ApimService(
        "00000000-0000-0000-0000-00000000aaaa", "rg-ai_(x).1", "contoso-apim"
    )
    app = App(settings)
    assert app.subscription_gate is not None
    await app.close()


@pytest.mark.parametrize(
    "text",
    [
        "contoso-apim",
        SERVICE + "/",
        SERVICE + "/subscriptions/x",
        SERVICE + "\n",
        SERVICE.replace("service", "services"),
        SERVICE.replace("contoso", "../../x"),
        SERVICE.replace("rg-ai", "a/b"),
    ],
)
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="METERING_APIM_SERVICE: "):
        read_settings({"METERING_APIM_SERVICE": text})
