"""Who may do what: exactly what the code needs, in one file."""

import re
from pathlib import Path
from typing import Final

from tests.bicep.bicep_text import MODULES, resources, text_of, variables
from tools.bicep_syntax import BICEP

ROLES: Final = MODULES / "roles.bicep"
CODE: Final = Path(__file__).parents[2] / "metering"

#: Microsoft's ids of the built-in roles (learn.microsoft.com/azure/role-based-access-control).
BUILT_IN: Final = {
    "eventHubsDataReceiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "eventHubsDataSender": "2b629674-e913-4c01-ae53-ef4638d8f975",
    "storageBlobDataOwner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "storageBlobDataContributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "storageBlobDataReader": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
    "storageQueueDataContributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "storageTableDataContributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    "monitoringMetricsPublisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "cognitiveServicesOpenAiUser": "5e0bd9bd-7b93-4f28-af87-19fc36ad61bd",
    "cognitiveServicesUser": "a97b65f3-24c7-4388-baec-2e87135dc908",
    "keyVaultSecretsUser": "4633458b-17de-408a-b874-0445c86b69e6",
}

#: Everything that anybody but an operator may do, and what in the code needs it.
NEEDED: Final = {
    ("onUsage", "eventHubsDataReceiver", "app"),  # the trigger of ingest_usage
    ("onUsage", "eventHubsDataSender", "app"),  # join_usage publishes complete events
    ("onUsage", "eventHubsDataSender", "gateway"),  # log-to-eventhub in emit-usage.xml
    ("onLogs", "eventHubsDataReceiver", "app"),  # the trigger of join_usage
    ("onHostAccount", "storageBlobDataOwner", "app"),  # the Functions host
    ("onHostAccount", "storageQueueDataContributor", "app"),  # the Functions host
    ("onHostAccount", "storageTableDataContributor", "app"),  # the Functions host
    ("onCapture", "storageBlobDataContributor", "capture"),  # Capture
    ("onExports", "storageBlobDataContributor", "app"),  # exports of statements
    ("onAnchors", "storageBlobDataContributor", "app"),  # anchors, which nobody can change
    ("onInsights", "monitoringMetricsPublisher", "app"),  # telemetry without a key
    ("onModels", "cognitiveServicesOpenAiUser", "gateway"),  # openai.xml signs in
    ("onModels", "cognitiveServicesUser", "gateway"),  # anthropic.xml signs in
    ("onVault", "keyVaultSecretsUser", "app"),  # METERING_WEBHOOK_SECRET
    ("onCosmos", "cosmosContributor", "app"),  # the store
}
OF_OPERATORS: Final = {
    ("operatorsSend", "eventHubsDataSender"),  # metering replay, the smoke test
    ("operatorsListen", "eventHubsDataReceiver"),  # metering status and close: ends of partitions
    ("operatorsRead", "storageBlobDataReader"),  # Capture files, exports, anchors, checkpoints
    ("operatorsOnCosmos", "cosmosReader"),
    ("operatorsOnCosmos", "cosmosContributor"),
}


def _rows() -> set[tuple[str, str, str]]:
    text = text_of(ROLES)
    found = set()
    for table, content in re.findall(r"^var (on\w+) = (.*?)\n\n", text, re.MULTILINE | re.DOTALL):
        for row in re.findall(r"\{ role: (.+), who: (\w+) \}", content):
            for role in re.findall(r"roles\.(\w+)|(cosmos[RC]\w+)", row[0]):
                found.add((table, role[0] or role[1], row[1]))
    return found


def test_the_code_has_the_roles_that_it_needs_and_no_other() -> None:
    assert _rows() == NEEDED


def test_operators_have_the_roles_that_their_commands_need_and_no_other() -> None:
    lines = re.findall(r"^var (operators\w+) = (.*)$", text_of(ROLES), re.MULTILINE)
    found = {
        (table, role)
        for table, content in lines
        for role in re.findall(r"(?:roles\.)?((?:eventHubs|storage|monitoring|cosmos)\w+)", content)
    }
    assert found == OF_OPERATORS


def test_the_ids_of_roles_are_microsofts() -> None:
    assert variables(ROLES)["roles"] == BUILT_IN
    assert variables(ROLES)["cosmosReader"] == "00000000-0000-0000-0000-000000000001"
    assert variables(ROLES)["cosmosContributor"] == "00000000-0000-0000-0000-000000000002"


def test_every_table_of_roles_is_assigned_somewhere() -> None:
    text = text_of(ROLES)
    for table in {row[0] for row in NEEDED}:
        assert len(re.findall(rf"\? \[\] : {table}\)", text)) == 1, table


def test_suspending_needs_what_the_adapter_says_and_no_more() -> None:
    assert variables(ROLES)["subscriptionState"] == [
        "Microsoft.ApiManagement/service/subscriptions/read",
        "Microsoft.ApiManagement/service/subscriptions/write",
    ]
    adapter = (CODE / "adapters" / "azure" / "apim.py").read_text(encoding="utf-8")
    assert "Microsoft.ApiManagement/service/subscriptions/read and /write" in adapter
    # What it calls: get and list need read, update needs write.
    assert set(re.findall(r"client\.(\w+\.\w+)\(", adapter)) == {
        "subscription.get",
        "subscription.list",
        "subscription.update",
    }


def test_no_other_file_gives_a_role() -> None:
    for path in BICEP.rglob("*.bicep"):
        if path != ROLES:
            for kind, _ in resources(path).values():
                assert "Authorization/role" not in kind, path
                assert "sqlRole" not in kind, path


def test_an_assignment_is_named_by_what_it_says_so_that_a_second_deployment_is_the_same() -> None:
    for name, (kind, assignment) in resources(ROLES).items():
        if "ssignments@" in kind:
            named = re.fullmatch(r"guid\((\w+)\.id, (.+), (.+)\)", assignment["name"])
            assert named is not None, name
            assert "rincipal" in named[2], name
            place = "parent" if "sqlRole" in kind else "scope"
            assert assignment[place] == named[1], name
