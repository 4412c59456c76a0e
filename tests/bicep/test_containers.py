"""The containers in Bicep are those of the code."""

from typing import Any

import pytest

from metering.adapters.cosmos.containers import CONTAINERS, DEAD_LETTERS, TTL_BY_ITEM, Container
from tests.bicep.bicep_text import MODULES, resources, variables

COSMOS = MODULES / "cosmos.bicep"
ROWS: dict[str, Any] = {row["name"]: row for row in variables(COSMOS)["containers"]}


def test_bicep_makes_every_container_and_no_other() -> None:
    assert list(ROWS) == [container.name for container in CONTAINERS]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda container: container.name)
def test_a_container_has_the_key_the_index_and_the_time_to_live_of_the_code(
    container: Container,
) -> None:
    row = ROWS[container.name]
    assert row["partitionKey"] == container.partition_key
    assert tuple(row["indexed"]) == container.indexed
    assert row["defaultTtl"] == (container.default_ttl or 0)
    assert row["defaultTtl"] in {0, TTL_BY_ITEM, DEAD_LETTERS.default_ttl}


def test_only_what_a_row_names_is_indexed() -> None:
    kind, each = resources(COSMOS)["each"]
    assert kind.startswith("Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@")
    resource = each["properties"]["resource"]
    assert resource["indexingPolicy"]["excludedPaths"] == [{"path": "/*"}]
    assert "for path in container.indexed" in resource["indexingPolicy"]["includedPaths"]
    assert "'${path}/?'" in resource["indexingPolicy"]["includedPaths"]
    assert resource["partitionKey"]["paths"] == "[container.partitionKey]" or resource[
        "partitionKey"
    ]["paths"] == ["container.partitionKey"]


def test_one_region_writes_and_a_session_reads_its_own_writes() -> None:
    account = resources(COSMOS)["account"][1]["properties"]
    assert account["enableMultipleWriteLocations"] is False
    assert account["consistencyPolicy"] == {"defaultConsistencyLevel": "Session"}
    assert account["backupPolicy"]["type"] == "Continuous"
