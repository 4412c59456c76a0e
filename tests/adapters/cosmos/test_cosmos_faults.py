"""Cosmos DB that is not as it should be: one line that names the setting or the resource."""

import asyncio
from collections.abc import Callable

import pytest
from azure.core.exceptions import HttpResponseError
from azure.cosmos import PartitionKey
from azure.cosmos.aio import CosmosClient
from azure.cosmos.exceptions import CosmosBatchOperationError, CosmosHttpResponseError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import CONTAINERS
from metering.adapters.cosmos.ledger import CosmosLedgers, refusal
from metering.adapters.cosmos.prepare import prepare
from metering.adapters.cosmos.refusals import translated
from metering.adapters.cosmos.registry import CosmosRegistry
from metering.core.basics.errors import (
    ConfigurationError,
    HeadMovedError,
    LedgerBroken,
    NewerVersionError,
    PartitionFullError,
    RetryableError,
    TooLargeError,
)
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import plan_commit
from metering.core.ledger.head import Head
from metering.core.tenancy.record import Record
from tests.builders import AT, NOW, rating, usage
from tests.doubles.cosmos import CosmosPeer, Fault, RequestInfo

LEDGER = LedgerId("acme", month_of(AT).start)


type Connect = Callable[..., CosmosAccount]


async def test_init_makes_what_is_missing_and_says_what_it_did(connect: Connect) -> None:
    account = connect()
    first = await prepare(account)
    assert first[0] == "database metering: created"
    assert "container ledgers: created, partition key /ledger" in first
    assert await prepare(account) == [
        "database metering: already exists",
        *(f"container {container.name}: already exists" for container in CONTAINERS),
    ]


async def test_who_may_use_data_and_create_nothing_is_told_that_all_is_there(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)

    def refuse(request: RequestInfo) -> Fault | None:
        # A database is created by a request that names none.
        creates = request.kind == "metadata" and not request.database
        return Fault(what="fail_before", status=403, substatus=5300) if creates else None

    peer.faults.schedule(refuse)
    done = await prepare(account)
    assert done[0] == "database metering: already exists"
    assert len(done) == 1 + len(CONTAINERS)


async def test_only_what_is_queried_is_indexed_and_what_lapses_has_a_time_to_live(
    connect: Connect, peer: CosmosPeer
) -> None:
    await prepare(connect())
    async with CosmosClient(peer.url, peer.key) as client:
        database = client.get_database_client("metering")
        for container in CONTAINERS:
            found = await database.get_container_client(container.name).read()
            paths = [entry["path"] for entry in found["indexingPolicy"]["includedPaths"]]
            assert paths == [f"{path}/?" for path in container.indexed]
            # 90 days for dead letters; documents of streams and aggregates say so themselves.
            by_item = dict.fromkeys(("registers", "pending", "aggregates"), -1)
            lapse = {**by_item, "dead_letters": 7_776_000}
            assert found.get("defaultTtl") == lapse.get(container.name)


async def test_a_wrong_key_is_named(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_COSMOS_HEALTH_CHECK_MAX_RETRIES", "0")
    with pytest.raises(ConfigurationError, match="METERING_COSMOS_KEY is not this account's key"):
        await CosmosLedgers(connect(key="YSB3cm9uZyBrZXk=")).read_head(LEDGER)


async def test_a_key_that_is_no_key_is_named(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match="METERING_COSMOS_KEY is not valid base64"):
        await CosmosLedgers(connect(key="abc")).read_head(LEDGER)


async def test_an_endpoint_where_nobody_listens_is_named(connect: Connect) -> None:
    with pytest.raises(RetryableError, match="store http://127.0.0.1:9 .*no connection"):
        await CosmosLedgers(connect(endpoint="http://127.0.0.1:9")).read_head(LEDGER)


async def test_a_database_that_is_not_there_is_named(connect: Connect) -> None:
    with pytest.raises(ConfigurationError, match="metering/ledgers: does not exist.*metering init"):
        await CosmosLedgers(connect()).read_head(LEDGER)


async def test_a_container_that_is_not_there_is_not_an_empty_one(
    connect: Connect, peer: CosmosPeer
) -> None:
    async with CosmosClient(peer.url, peer.key) as client:
        await client.create_database("metering")
    with pytest.raises(ConfigurationError, match="metering/ledgers: does not exist"):
        await CosmosLedgers(connect()).ledgers()


async def test_a_container_with_another_partition_key_is_named(
    connect: Connect, peer: CosmosPeer
) -> None:
    async with CosmosClient(peer.url, peer.key) as client:
        database = await client.create_database("metering")
        await database.create_container("ledgers", PartitionKey(path="/tenant"))
    wanted = "its partition key is /tenant, not /ledger"
    with pytest.raises(ConfigurationError, match=f"metering/ledgers: {wanted}"):
        await CosmosLedgers(connect()).read_head(LEDGER)
    with pytest.raises(ConfigurationError, match=f"container ledgers: {wanted}"):
        await prepare(connect())


async def test_an_identity_without_permission_is_told_which_role_it_needs(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    peer.faults.add(Fault(what="fail_before", kind="read", status=403, substatus=5301))
    with pytest.raises(ConfigurationError, match="no permission.*data contributor"):
        await CosmosLedgers(account).read_head(LEDGER)


async def test_throttling_is_waited_out_as_long_as_the_service_says(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    peer.faults.add(Fault(what="throttle", kind="read", times=3))
    assert await CosmosLedgers(account).read_head(LEDGER) is None
    peer.faults.add(Fault(what="throttle", kind="read", times=50))
    with pytest.raises(RetryableError, match="status 429"):
        await CosmosLedgers(account).read_head(LEDGER)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(what="succeed_then_time_out", kind="batch", hold_s=0),
        Fault(what="drop_connection", kind="batch"),
        Fault(what="fail_before", kind="batch", status=500),
        Fault(what="fail_before", kind="batch", status=408),
    ],
    ids=lambda fault: f"{fault.what} {fault.status}",
)
async def test_an_unknown_outcome_is_retryable_and_sent_once(
    connect: Connect, peer: CosmosPeer, fault: Fault
) -> None:
    account = connect()
    await prepare(account)
    peer.faults.add(fault)
    commit = plan_commit(Head(LEDGER), {}, [usage()], rating(), NOW)
    with pytest.raises(RetryableError) as raised:
        await CosmosLedgers(account).commit(commit)
    assert not isinstance(raised.value, HeadMovedError)
    assert len([request for request in peer.requests if request.kind == "batch"]) == 1


async def test_a_remembered_head_of_a_ledger_that_was_restored_is_forgotten(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    ledgers = CosmosLedgers(account)
    first = plan_commit(Head(LEDGER), {}, [usage("a")], rating(), NOW)
    lost = plan_commit(first.head, {}, [usage("b")], rating(), NOW)
    for commit in (first, lost):
        await ledgers.commit(commit)
    remembered = await ledgers.read_head(LEDGER)
    assert remembered is not None
    assert remembered.head == lost.head
    # The store goes back to page 1, and another process commits two pages after it.
    async with CosmosClient(peer.url, peer.key) as client:
        container = client.get_database_client("metering").get_container_client("ledgers")
        await container.delete_item("page-00000002", str(LEDGER))
    other = CosmosLedgers(account)
    second = plan_commit(first.head, {}, [usage("c")], rating(), NOW)
    third = plan_commit(second.head, {}, [usage("d")], rating(), NOW)
    for commit in (second, third):
        await other.commit(commit)
    with pytest.raises(LedgerBroken, match="page 3 does not follow the page before it"):
        await ledgers.read_head(LEDGER)
    restored = await ledgers.read_head(LEDGER)
    assert restored is not None
    assert restored.head == third.head


async def test_another_hash_stops_a_ledger_and_a_newer_schema_is_left_to_a_newer_version(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    ledgers = CosmosLedgers(account)
    await ledgers.commit(plan_commit(Head(LEDGER), {}, [usage()], rating(), NOW))
    async with CosmosClient(peer.url, peer.key) as client:
        container = client.get_database_client("metering").get_container_client("ledgers")
        for path, fault, complaint in [
            ("/committed", LedgerBroken, "does not match its hash"),
            ("/schema", NewerVersionError, "a page: written by a newer version"),
        ]:
            patch = [{"op": "set", "path": path, "value": 3}]
            await container.patch_item("page-00000001", str(LEDGER), patch)
            with pytest.raises(fault, match=complaint):
                await ledgers.read_page(LEDGER, 1)
        await container.patch_item("head", str(LEDGER), patch)
        with pytest.raises(NewerVersionError, match="its head: written by a newer version"):
            await CosmosLedgers(account).read_head(LEDGER)


async def test_records_end_before_one_that_a_lagging_query_lacks(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    registry = CosmosRegistry(account)
    records = [Record("subject", f"sub-{number}", "acme", 0, NOW) for number in range(3)]
    for number, record in enumerate(records):
        assert await registry.append_record(record, number)
    peer.faults.add(Fault(what="lagging_query", container="registry", item="record-00000002"))
    # A caller goes on from the number of records that it has: behind a hole it would miss one.
    assert await registry.read_records(0) == records[:1]
    assert await registry.read_records(1) == records[1:]
    peer.faults.add(Fault(what="lagging_query", container="registry", lag=2))
    assert await registry.read_records(0) == records[:1]


def test_a_refusal_of_an_effect_is_the_fault_of_its_ledger_and_no_lost_race() -> None:
    commit = plan_commit(Head(LEDGER), {}, [usage(model="gpt-99")], rating(), NOW)
    assert len(commit.effects) == 1
    for index, kind in [(0, HeadMovedError), (1, LedgerBroken), (2, LedgerBroken)]:
        error = CosmosBatchOperationError(  # type: ignore[no-untyped-call]
            error_index=index, headers={}, status_code=409
        )
        assert type(refusal(error, commit)) is kind


@pytest.mark.parametrize(
    ("status", "substatus", "kind", "complaint"),
    [
        (413, 0, TooLargeError, "more bytes than one request may have"),
        (403, 1014, PartitionFullError, "a logical partition has its 20 GB"),
        (403, 3, RetryableError, "another region takes the writes now"),
        (403, 0, ConfigurationError, "the identity needs the Cosmos DB data contributor role"),
        (404, 1002, RetryableError, "a replica is behind this session"),
        (404, 1003, ConfigurationError, "does not exist"),
        (400, 0, RetryableError, "status 400"),
    ],
)
@pytest.mark.parametrize("shape", ["request", "batch"])
def test_every_refusal_has_its_owner(
    status: int, substatus: int, kind: type[Exception], complaint: str, shape: str
) -> None:
    refused: HttpResponseError
    if shape == "batch":
        results = [{"statusCode": 424}, {"statusCode": status, "subStatusCode": substatus}]
        refused = CosmosBatchOperationError(  # type: ignore[no-untyped-call]
            error_index=1, headers={}, status_code=status, operation_responses=results
        )
    else:
        refused = CosmosHttpResponseError(  # type: ignore[no-untyped-call]
            status_code=status, message="no", sub_status=substatus
        )
    found = translated(refused, "here")
    assert type(found) is kind
    assert complaint in str(found)


async def test_a_full_partition_is_the_fault_of_its_ledger(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    ledgers = CosmosLedgers(account)
    first = plan_commit(Head(LEDGER), {}, [usage("a")], rating(), NOW)
    await ledgers.commit(first)
    for kind in ("create", "replace"):
        full = Fault(what="fail_before", kind=kind, status=403, substatus=1014)
        peer.faults.add(full)
    commit = plan_commit(first.head, {}, [usage("b")], rating(), NOW)
    with pytest.raises(LedgerBroken, match="a logical partition has its 20 GB"):
        await ledgers.commit(commit)
    known = {first.pages[0].slot: {first.pages[0].entries[0].key: (first.pages[0], 0)}}
    again = plan_commit(first.head, known, [usage("a")], rating(), NOW)
    with pytest.raises(LedgerBroken, match="a logical partition has its 20 GB"):
        await ledgers.commit(again)
    assert await ledgers.commit(commit) is None  # type: ignore[func-returns-value]


async def test_requests_that_come_together_share_one_client(connect: Connect) -> None:
    account = connect()
    clients = await asyncio.gather(*(account.client() for _ in range(8)))
    assert len({id(client) for client in clients}) == 1
