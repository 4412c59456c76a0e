"""Counts of dead letters in Cosmos DB: their cost, and letters from before there were counts."""

from collections.abc import Callable

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import DEAD_LETTERS
from metering.adapters.cosmos.dead_letters import CosmosDeadLetters
from metering.adapters.cosmos.prepare import prepare
from metering.core.basics.instants import DAY
from tests.adapters.contract.test_dead_letters import letter
from tests.builders import NOW
from tests.doubles.cosmos import CosmosPeer

type Connect = Callable[[], CosmosAccount]


async def test_letters_of_the_version_before_counts_are_counted_once(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    old = [{**letter(f"a{n}")._asdict(), "body": "", "received": NOW} for n in range(40)]
    await account.create_all(DEAD_LETTERS, old)
    store = CosmosDeadLetters(account, 90 * DAY)
    await store.put([letter("b1")])
    for _ in range(2):
        assert (await store.count_dead_letters()).kept == {"not_json": 41}
    before = len(peer.requests)
    await store.count_dead_letters()
    spent = sum(one.charge for one in peer.requests[before:])
    # 2.3 for the query, and 1 for each of two small documents: not one of the letters is read.
    assert spent <= 2 * 4.3


async def test_letters_lapse_by_the_setting_and_their_counts_with_them(
    connect: Connect, peer: CosmosPeer
) -> None:
    account = connect()
    await prepare(account)
    store = CosmosDeadLetters(account, 30 * DAY)
    await store.put([letter("a1"), letter("a2", received=NOW - 40 * DAY)])
    documents = peer.documents("metering", "dead_letters")
    # 30 days of 86,400 seconds; the mark that counting has begun stays.
    assert {document["ttl"] for document in documents} == {2_592_000}
    assert (await store.count_dead_letters(NOW - 30 * DAY)).kept == {"not_json": 1}


async def test_a_count_that_a_crash_left_behind_is_put_right_by_a_recount(
    connect: Connect,
) -> None:
    account = connect()
    await prepare(account)
    store = CosmosDeadLetters(account, 90 * DAY)
    await store.put([letter("a1")])
    await store.count_dead_letters()
    await account.create_all(DEAD_LETTERS, [{**letter("a2")._asdict(), "body": ""}])
    assert (await store.count_dead_letters()).kept == {"not_json": 1}
    await store.recount_dead_letters()
    assert (await store.count_dead_letters()).kept == {"not_json": 2}


async def test_a_recount_brings_down_what_was_counted_too_high_and_keeps_what_was_only_counted(
    connect: Connect,
) -> None:
    account = connect()
    await prepare(account)
    store = CosmosDeadLetters(account, 90 * DAY)
    gone = [letter("a1", code="too_old"), letter("a2", received=NOW - 2 * DAY)]
    await store.put([*gone, letter("a3")])
    await store.count_only({"too_old": 5}, NOW)
    await store.count_dead_letters()
    async with account.container(DEAD_LETTERS) as container:
        for one in gone:
            await container.delete_item(one.id, partition_key=one.id)
    for _ in range(2):
        await store.recount_dead_letters()
        assert await store.count_dead_letters() == ({"not_json": 1}, {"too_old": 5})
