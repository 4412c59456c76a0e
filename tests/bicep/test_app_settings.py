"""The app settings in Bicep are those that the code reads."""

import re
from typing import Any, Final

from metering.adapters.cosmos.containers import CONTAINERS
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB
from metering.core.basics.instants import SECOND
from metering.local.system import APP_SETTINGS
from metering.settings.exports import ExportsContainer
from metering.settings.external import EXTERNAL
from metering.settings.http import IN_AZURE, PLATFORM_AUTH, Auth
from metering.settings.hubs import STORAGE_ACCOUNT, STORAGE_URI, HubNamespace
from metering.settings.settings import (
    SETTINGS,
    ApimService,
    CosmosStore,
    Webhook,
    read_settings,
)
from tests.bicep.bicep_text import (
    MODULES,
    Expression,
    modules,
    parameters,
    resources,
    variables,
)
from tests.functions import functions
from tools.bicep_syntax import BICEP

APP: Final = MODULES / "function-app.bicep"
MAIN: Final = BICEP / "main.bicep"
ALL: Final[dict[str, Any]] = {
    name: value
    for group in ("always", "whenReadingLogs", "whenSigningIn", "whenSuspending", "whenTelling")
    for name, value in variables(APP)[group].items()
}

#: Settings of Bicep that others read.
OF_OTHERS: Final = {
    "AzureWebJobsStorage__blobServiceUri": "the Functions host",
    "AzureWebJobsStorage__queueServiceUri": "the Functions host",
    "AzureWebJobsStorage__tableServiceUri": "the Functions host",
    "AzureWebJobsStorage__credential": "the Functions host",
    "AzureWebJobsStorage__clientId": "the Functions host",
    "PYTHON_ENABLE_OPENTELEMETRY": "the Functions worker",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the Functions host",
    "OTEL_TRACES_SAMPLER": "the Functions host, and Microsoft's distribution of OpenTelemetry",
    "OTEL_TRACES_SAMPLER_ARG": "the same",
    "AzureWebJobsDisableHomepage": "the Functions host",
    "AZURE_CLIENT_ID": "DefaultAzureCredential",
}


#: The hubs' connections, as bindings name them; AzureWebJobsStorage is the host's own.
_IN_AZURE: Final = {
    setting.name
    for setting in SETTINGS
    if "app" in setting.readers
    and not setting.is_local
    and setting not in {IN_AZURE, PLATFORM_AUTH, STORAGE_URI, STORAGE_ACCOUNT}
}


def _read_by_bindings() -> set[str]:
    found: set[str] = set()
    for binding in (one for bindings in functions().values() for one in bindings):
        for value in binding.values():
            found |= set(re.findall(r"%(\w+)%", str(value)))
        if "connection" in binding:
            parts = ("fullyQualifiedNamespace", "credential", "clientId")
            found |= {f"{binding['connection']}__{part}" for part in parts}
    return found


def test_every_setting_that_the_code_reads_is_set_and_every_one_that_is_set_is_read() -> None:
    bindings = _read_by_bindings()
    assert set(ALL) == _IN_AZURE | bindings | set(OF_OTHERS)
    assert bindings <= {setting.name for setting in SETTINGS if "host" in setting.readers} | {
        one.name for one in EXTERNAL
    }


_INVOICES: Final = {
    "series": "INV-",
    "since": "2026-11",
    "address": "1 Example Street|10115 Berlin",
    "taxId": "DE123456789",
    "paymentDays": "14",
    "taxes": "VAT=20",
    "taxRounding": "line",
    "reverseChargeNote": "",
}
_DIGEST: Final = {
    "mode": "weekly",
    "recipients": "finops@example.com",
    "mailEndpoint": "https://contoso.europe.communication.azure.com",
    "mailSender": "DoNotReply@mail.example.com",
}


def _filled(**parameters: str) -> dict[str, str]:
    """Return the settings as the app gets them, with sample values for parameters."""
    sign_in = variables(APP)["signIn"]
    known = {
        **{f"signIn.{name}": str(value) for name, value in sign_in.items()},
        **{f"invoices.{name}": value for name, value in _INVOICES.items()},
        **{f"digest.{name}": value for name, value in _DIGEST.items()},
        "environment().resourceManager": "https://management.azure.com/",
        "environment().authentication.loginEndpoint": "https://login.microsoftonline.com/",
        "tenant().tenantId": ID,
        "environment().suffixes.storage": "core.windows.net",
        **parameters,
    }

    def fill(value: str) -> str:
        if not isinstance(value, Expression):
            return value
        if value == "empty(logsHost) ? 'off' : logsHub":
            return known["logsHub"] if known["logsHost"] else "off"
        if not value.startswith("'"):
            return known[value]
        return re.sub(r"\$\{([\w.()]+)\}", lambda found: known[found[1]], value[1:-1])

    return {name: fill(value) for name, value in ALL.items()}


ID: Final = "11111111-2222-3333-4444-555555555555"
SERVICE: Final = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-gateway"
    "/providers/Microsoft.ApiManagement/service/apim-prod"
)


def test_the_app_can_read_what_bicep_writes() -> None:
    filled = _filled(
        hostAccountName="sthost",
        identityClientId="id",
        insightsConnectionString=f"InstrumentationKey={ID};IngestionEndpoint=https://in.example/",
        issuerName="Contoso IT",
        closeGrace="24h",
        closeWait="72h",
        rateLimit="300",
        deadLetterDays="90",
        deadLettersAnHour="1000",
        apiClientId=ID,
        usageHost="evhns-usage-prod.servicebus.windows.net",
        usageHub="usage",
        logsHost="evhns-logs-prod.servicebus.windows.net",
        logsHub="gateway-logs",
        consumerGroup="metering",
        cosmosAccount="cosmos-metering-prod-abc",
        databaseName="metering",
        unknownSubscription="reject",
        unknownDeployments="by_plan",
        unboundProducers="refuse",
        recoveryDelay="off",
        batchWait="2s",
        exportsUrl="https://stdata.blob.core.windows.net/exports",
        anchorsUrl="https://stdata.blob.core.windows.net/anchors",
        exportSchedule="chargeback=daily",
        suspendingServiceId=SERVICE,
        webhookUrl="https://alerts.example.com/metering",
        webhookSecretUri="https://vault.vault.azure.net/secrets/webhook",
    )
    assert filled["METERING_WEBHOOK_SECRET"] == (
        "@Microsoft.KeyVault(SecretUri=https://vault.vault.azure.net/secrets/webhook)"
    )
    # The platform puts the secret in the place of the reference.
    filled["METERING_WEBHOOK_SECRET"] = "whsec_" + "A" * 32
    settings = read_settings({**filled, "WEBSITE_AUTH_ENABLED": "True"})
    assert settings.store == CosmosStore(
        "https://cosmos-metering-prod-abc.documents.azure.com:443/", "metering"
    )
    assert settings.hubs == HubNamespace("evhns-usage-prod.servicebus.windows.net")
    assert settings.usage_hub == "usage"
    assert not settings.automatic_tenants
    assert settings.recovery_delay is None
    assert settings.batch_wait == 2 * SECOND
    assert settings.apim_service == ApimService(
        "11111111-2222-3333-4444-555555555555", "rg-gateway", "apim-prod"
    )
    assert isinstance(settings.webhook, Webhook)
    assert settings.exports == ExportsContainer("https://stdata.blob.core.windows.net/exports")
    assert settings.anchors == ExportsContainer("https://stdata.blob.core.windows.net/anchors")
    assert settings.export_schedule == "chargeback=daily"
    assert settings.digests.recipients == ("finops@example.com",)
    assert settings.http.auth == Auth(f"https://login.microsoftonline.com/{ID}/v2.0", ID, ID)
    assert settings.http.app_service_directory == ID


def test_what_a_parameter_allows_the_code_takes() -> None:
    declared = (parameters(APP)["unknownSubscription"].text or b"").decode()
    choices = re.findall(r"'(\w+)'", declared.partition("=")[0])
    assert choices == ["reject", "auto"]
    for choice in choices:
        read_settings({"METERING_UNKNOWN_SUBSCRIPTION": choice})
    for delay in ("15m", "off"):
        read_settings({"METERING_RECOVERY_DELAY": delay})
    assert modules(MAIN)["functionApp"][1]["recoveryDelay"] == "recoverUsage ? '15m' : 'off'"


def test_hubs_and_consumer_group_have_one_name_in_code_and_bicep() -> None:
    main = variables(MAIN)
    assert main["usageHub"] == USAGE_HUB == APP_SETTINGS["USAGE_HUB"]
    assert main["logsHub"] == LOGS_HUB == APP_SETTINGS["GATEWAY_LOGS_HUB"]
    groups = {APP_SETTINGS["USAGE_CONSUMER_GROUP"], APP_SETTINGS["GATEWAY_LOGS_CONSUMER_GROUP"]}
    assert groups == {main["consumerGroup"]}


def test_every_module_is_given_the_same_names() -> None:
    for name in ("usageHub", "logsHub", "consumerGroup", "databaseName", "captureContainer"):
        given = {
            module: params[name] for module, (_, params) in modules(MAIN).items() if name in params
        }
        assert len(given) >= 2, name
        assert set(given.values()) == {name}, given


def test_the_hubs_are_made_under_the_names_given_with_a_reader_for_the_app() -> None:
    made = {
        name: found
        for file in ("usage-hub.bicep", "logs-namespace.bicep")
        for name, (_, found) in resources(MODULES / file).items()
    }
    assert (made["usage"]["name"], made["usage"]["parent"]) == ("usageHub", "usageNamespace")
    assert (made["logs"]["name"], made["logs"]["parent"]) == ("logsHub", "logsNamespace")
    for reader, hub in (("usageReader", "usage"), ("logsReader", "logs")):
        assert (made[reader]["name"], made[reader]["parent"]) == ("consumerGroup", hub)


def test_instances_are_kept_for_functions_that_exist() -> None:
    kept = [row["name"] for row in variables(BICEP / "main.prod.bicepparam")["alwaysReady"]]
    assert kept
    for name in kept:
        assert name == "http" or name.removeprefix("function:") in functions()


def test_the_database_is_not_named_like_a_container() -> None:
    assert variables(MAIN)["databaseName"] not in {container.name for container in CONTAINERS}
