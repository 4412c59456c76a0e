"""What an installation is, in one table: who reaches what, as whom, and through which network.

Each row is held against main.bicep and its modules, the roles, the policies and the code: a client
without a role or a way, a way without a name, or a closed door that somebody needs, turns one red.
"""

import re
from typing import Any, Final, NamedTuple

import pytest

from metering.adapters.hubs.host_checkpoints import CONTAINER as CHECKPOINTS
from tests.bicep.bicep_text import MODULES, modules, parameters, text_of, variables
from tools.bicep_syntax import BICEP

MAIN: Final = BICEP / "main.bicep"
ROLES: Final = MODULES / "roles.bicep"


class Way(NamedTuple):
    """A client of a resource of the installation."""

    client: str
    """app, gateway, capture, azure-monitor, operators, or the Functions host (app too)."""
    target: str
    """The endpoint in main.bicep that it comes through where the resource is closed."""
    role: str
    """The row of roles.bicep that lets it in: table, role; empty: by a key or a token."""
    why: str
    """A file, a colon, and the text in it that needs this way."""


WAYS: Final = [
    Way("app", "usage", "onUsage eventHubsDataReceiver", "metering/triggers/usage.py:%USAGE_HUB%"),
    Way(
        "app", "usage", "onUsage eventHubsDataSender", "metering/bootstrap/base.py:usage_publisher"
    ),
    Way(
        "gateway",
        "usage",
        "onUsage eventHubsDataSender",
        "bicep/policies/fragments/emit-usage.xml:log-to-eventhub",
    ),
    Way(
        "app",
        "logs",
        "onLogs eventHubsDataReceiver",
        "metering/triggers/gateway_logs.py:GATEWAY_LOGS",
    ),
    Way(
        "azure-monitor", "logs", "", "bicep/modules/gateway-logs.bicep:eventHubAuthorizationRuleId"
    ),
    Way(
        "app",
        "host-blob",
        "onHostAccount storageBlobDataOwner",
        "bicep/modules/function-app.bicep:AzureWebJobsStorage__blobServiceUri",
    ),
    Way(
        "app",
        "host-queue",
        "onHostAccount storageQueueDataContributor",
        "bicep/modules/function-app.bicep:AzureWebJobsStorage__queueServiceUri",
    ),
    Way(
        "app",
        "host-table",
        "onHostAccount storageTableDataContributor",
        "bicep/modules/function-app.bicep:AzureWebJobsStorage__tableServiceUri",
    ),
    Way(
        "app",
        "data-blob",
        "onExports storageBlobDataContributor",
        "bicep/modules/function-app.bicep:METERING_EXPORTS",
    ),
    Way(
        "app",
        "data-blob",
        "onAnchors storageBlobDataContributor",
        "bicep/modules/function-app.bicep:METERING_ANCHORS",
    ),
    Way(
        "capture",
        "data-blob",
        "onCapture storageBlobDataContributor",
        "bicep/modules/usage-hub.bicep:captureDescription",
    ),
    Way(
        "app",
        "cosmos",
        "onCosmos cosmosContributor",
        "bicep/modules/function-app.bicep:METERING_STORE",
    ),
    Way("gateway", "api", "", "bicep/policies/fragments/ask-admission.xml:/api/admission/"),
    Way("gateway", "api", "", "bicep/policies/apis/balance.xml:/api/me/balance"),
]

#: Endpoints: the group of the service and its private zone, as Microsoft lists them ("Private
#: endpoint private DNS zone values"), by the expression that main.bicep has for the domain.
ENDPOINTS: Final = {
    "cosmos": ("Sql", "privatelink.${domain.cosmos}"),
    "other-store": ("Sql", "privatelink.${domain.cosmos}"),
    "usage": ("namespace", "privatelink.${domain.hubs}"),
    "logs": ("namespace", "privatelink.${domain.hubs}"),
    "host-blob": ("blob", "privatelink.blob.${files}"),
    "host-queue": ("queue", "privatelink.queue.${files}"),
    "host-table": ("table", "privatelink.table.${files}"),
    "data-blob": ("blob", "privatelink.blob.${files}"),
    "api": ("sites", "privatelink.${domain.sites}"),
}
#: Modules with a door to the outside, the expression that shuts it, and the endpoints behind it.
DOORS: Final = {
    "hostStorage": ("!privateNetwork", {"host-blob", "host-queue", "host-table"}),
    "dataStorage": ("!privateNetwork", {"data-blob"}),
    "usageNamespace": ("!privateNetwork", {"usage"}),
    "logsNamespace": ("!privateNetwork", {"logs"}),
    "cosmos": ("!privateNetwork", {"cosmos"}),
    "functionApp": ("!privateApi", {"api"}),
}
#: How each client gets into the network; Azure Monitor and Capture are trusted services instead.
CLIENTS: Final = {
    "app": ("functionApp", "subnetId", "privateNetwork ? appSubnetId : ''"),
    "gateway": ("apiManagement", "subnetId", "privateNetwork ? gatewaySubnetId : ''"),
}
TRUSTED: Final = {
    "azure-monitor": ("logs-namespace.bicep", "trustedServiceAccessEnabled: true"),
    "capture": ("storage.bicep", "bypass: 'AzureServices'"),
}
CLOUDS: Final = {"AzureCloud", "AzureUSGovernment", "AzureChinaCloud"}


def _endpoints() -> dict[str, Any]:
    rows = variables(MAIN)
    names = ("always", "whenReadingLogs", "whenPrivateApi", "whenOtherStore")
    return {row["name"]: row for name in names for row in rows[name]}


def _bare(expression: str) -> str:
    return expression.strip("'")


def test_every_endpoint_has_the_group_and_the_zone_of_its_service() -> None:
    found = {name: (row["group"], _bare(row["zone"])) for name, row in _endpoints().items()}
    assert found == ENDPOINTS


def test_what_is_shut_to_the_outside_has_an_endpoint_and_nothing_else_has() -> None:
    shut: set[str] = set()
    for module, (source, given) in modules(MAIN).items():
        if "publicAccess" in parameters((BICEP / source).resolve()):
            condition, endpoints = DOORS[module]
            assert given["publicAccess"] == condition, module
            shut |= endpoints
    assert shut | {"other-store"} == set(ENDPOINTS)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.client} to {way.target} {way.role}")
def test_a_client_reaches_its_target_with_a_role_and_through_the_network(way: Way) -> None:
    file, text = way.why.split(":", 1)
    assert text in (BICEP.parent / file).read_text(encoding="utf-8")
    if way.role:
        table, role = way.role.split()
        lines = re.findall(rf"^var {table} = (.*?)\n\n", text_of(ROLES), re.MULTILINE | re.DOTALL)
        assert re.search(rf"{{ role: (?:roles\.)?{role}, who: {way.client} }}", lines[0])
    if way.client in TRUSTED:
        module, setting = TRUSTED[way.client]
        assert setting in text_of(MODULES / module)
        return
    module, parameter, expression = CLIENTS[way.client]
    assert modules(MAIN)[module][1][parameter] == expression
    assert way.target in ENDPOINTS


def test_every_endpoint_has_a_client() -> None:
    assert {way.target for way in WAYS} | {"other-store"} == set(ENDPOINTS)


def test_an_existing_gateway_outside_the_network_is_refused_before_anything_is_changed() -> None:
    checks = {row["text"].partition(":")[0]: row["fails"] for row in variables(MAIN)["checks"]}
    assert checks["gatewayReachesNetwork"] == (
        "privateNetwork && !empty(apiManagementId) && !gatewayReachesNetwork"
    )
    main = text_of(MAIN)
    assert "var checkedName = empty(faults) ? environmentName : fail(join(faults, '; '))" in main
    # Every name has the checked one in it, so nothing is made where a check fails.
    assert "var suffix = toLower('${checkedName}-${unique}')" in main
    prod = text_of(BICEP / "main.prod.bicepparam")
    assert "readEnvironmentVariable('METERING_GATEWAY_REACHES_NETWORK', 'false')" in prod


def test_the_gateway_gets_the_role_on_every_account_that_a_backend_names() -> None:
    main = variables(MAIN)
    assert "openAiModels" in main["openAiAccounts"]
    assert "anthropicModels" in main["anthropicAccounts"]
    source, given = modules(MAIN)["rolesAtModels"]
    assert source == "modules/roles.bicep"
    assert given["gatewayPrincipalId"] == "apiManagement.outputs.principalId"
    types = text_of(MODULES / "types.bicep")
    # A backend cannot be named without its account.
    assert re.search(r"type modelBackend = \{.*?\n  accountId: string\n", types, re.DOTALL)


def test_every_cloud_has_its_domains() -> None:
    domains = variables(MAIN)["domains"]
    assert set(domains) == CLOUDS
    assert {tuple(sorted(each)) for each in domains.values()} == {("cosmos", "hubs", "sites")}
    for path in [MAIN, *MODULES.glob("*.bicep")]:
        text = re.sub(r"//.*|@description\(.*\)|metadata .*", "", text_of(path))
        text = text.replace(str(domains), "")
        rows = re.sub(r"var domains = \{.*?\n\}", "", text, flags=re.DOTALL)
        found = re.findall(r"[\w.]*\.(?:azure\.com|windows\.net|azurewebsites\.net)", rows)
        # Audiences of models are parameters, with the public cloud's as default.
        assert set(found) <= {"cognitiveservices.azure.com", "ai.azure.com"}, path


def test_names_are_known_before_the_deployment() -> None:
    """`what-if` cannot look into a module whose names come from another module's outputs."""
    for module, (_, given) in modules(MAIN).items():
        for parameter, value in given.items():
            named = parameter.endswith(("Name", "NamespaceId", "applicationInsightsId"))
            assert not (named and ".outputs." in str(value)), (module, parameter)


#: What Azure refuses to do for two at once.
ONE_AT_A_TIME: Final = [
    ("cosmos.bicep", "resource each"),
    ("roles.bicep", "resource cosmosAssignments"),
    ("product-apis.bicep", "resource links"),
    ("llm-apis.bicep", "module links"),
    ("balance-api.bicep", "module links"),
]


@pytest.mark.parametrize(("file", "declaration"), ONE_AT_A_TIME)
def test_what_locks_its_parent_is_made_one_at_a_time(file: str, declaration: str) -> None:
    assert f"@batchSize(1)\n{declaration} " in text_of(MODULES / file)


@pytest.mark.parametrize("file", ["usage-namespace.bicep", "logs-namespace.bicep"])
def test_zones_of_hubs_are_asked_for_at_creation(file: str) -> None:
    assert "zoneRedundant: true" in text_of(MODULES / file)


def test_a_second_region_may_be_added_later() -> None:
    # A change of regions together with another property is refused.
    assert "enableAutomaticFailover: true" in text_of(MODULES / "cosmos.bicep")


@pytest.mark.parametrize(
    "variable",
    [
        "METERING_APIM_ID",
        "METERING_SECOND_LOCATION",
        "METERING_BUDGET_START",
        "METERING_OPENAI_MODELS",
        "METERING_ANTHROPIC_MODELS",
        "METERING_API_CLIENT_ID",
        "METERING_ALERT_EMAIL",
        "METERING_OPERATORS_GROUP",
        "METERING_PUBLISHER_EMAIL",
    ],
)
def test_production_leaves_nothing_out_in_silence(variable: str) -> None:
    prod = text_of(BICEP / "main.prod.bicepparam")
    assert f"readEnvironmentVariable('{variable}')" in prod
    assert variable in (BICEP.parent / "docs/operations.md").read_text(encoding="utf-8")


def test_http_answers_more_than_one_request_at_a_time() -> None:
    declared = (parameters(MODULES / "function-app.bicep")["httpConcurrency"].text or b"").decode()
    # The platform gives Python one.
    assert int(declared.rpartition("= ")[2]) >= 16
    assert "perInstanceConcurrency: httpConcurrency" in text_of(MODULES / "function-app.bicep")


def test_guard_rails_are_on_in_production() -> None:
    prod = variables(BICEP / "main.prod.bicepparam")
    assert prod["locks"] is True
    assert prod["audit"] == "control"
    assert prod["budgetAmount"] > 0
    for file in ("cosmos.bicep", "storage.bicep"):
        assert "level: 'CanNotDelete'" in text_of(MODULES / file)


def test_an_operator_gets_every_setting_that_status_and_close_need() -> None:
    """As `metering status` reads them: hubs, the host's checkpoints, anchors, and the store."""
    main = variables(MAIN)
    assert main["checkpointsContainer"] == CHECKPOINTS
    host_storage = modules(MAIN)["hostStorage"][1]
    assert "checkpointsContainer" in host_storage["containerNames"]
    always = " ".join(str(one) for one in main["forEveryOperator"])
    assert re.findall(r"([A-Za-z]\w+)=", always) == [
        "METERING_STORE",
        "UsageHub__fullyQualifiedNamespace",
        "AzureWebJobsStorage__blobServiceUri",
        "METERING_ANCHORS",
    ]
    logs = str(main["forReadersOfLogs"])
    assert "GatewayLogsHub__fullyQualifiedNamespace=" in logs
    assert "GATEWAY_LOGS_HUB=off" in logs
