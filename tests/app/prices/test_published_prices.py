"""Published prices: in force for every process, never edited, never changing the past unsaid."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.prices.publish_prices import Consent, PublishPrices
from metering.core.basics.errors import ConfigurationError, InvariantBroken, RetryableError
from metering.core.basics.instants import MINUTE, format_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from tests.builders import AT, NOW, body, price_file

type System = Any

LATER = format_instant(NOW + 6 * MINUTE)
CHEAPER = {"input": "2", "output": "10"}


def publishing(system: System) -> PublishPrices:
    return PublishPrices(system.tenancy, system.clock)


async def amount(system: System, **changes: Any) -> str:
    await system.ingest.batch([Message(body(**changes), "0", 0)])
    balance = await system.read.balance("sub-1", month_of(AT))
    return format_amount(balance.amount)


async def test_a_published_version_is_in_force_in_every_process_of_the_store(
    make_system: Any,
) -> None:
    one, other = make_system(), make_system()
    await other.tenancy.refresh()
    await publishing(one).publish("f", price_file({"model": "new"}, version="v2"), supersede=False)
    # 1,000 x 2.5 + 100 x 10 a million
    assert await amount(other, data__model="new") == "0.0035"


async def test_publishing_again_changes_nothing(system: System) -> None:
    content = price_file({"model": "new"}, version="v2")
    await publishing(system).publish("f.json", content, supersede=False)
    version = system.tenancy.directory.version
    await publishing(system).publish("f.json", content, supersede=False)
    assert system.tenancy.directory.version == version


@pytest.mark.parametrize("supersede", [False, True])
async def test_a_version_is_never_edited(system: System, *, supersede: bool) -> None:
    await publishing(system).publish(
        "f", price_file({"model": "new"}, version="v2"), supersede=False
    )
    other = price_file({"model": "new", "aliases": ["x"]}, version="v2")
    with pytest.raises(ConfigurationError, match="prices v2: .* under another name"):
        await publishing(system).publish("f", other, supersede=supersede)


async def test_a_version_that_comes_with_the_package_is_never_edited(system: System) -> None:
    with pytest.raises(ConfigurationError, match="prices v1: a version of this name is in force"):
        await publishing(system).publish("f", price_file({"model": "new"}), supersede=False)


async def test_no_caller_may_publish_over_a_version_of_the_package(system: System) -> None:
    await system.tenancy.refresh()
    with pytest.raises(ConfigurationError, match="prices v1: a version of this name is in force"):
        await system.tenancy.publish_prices("v1", price_file({"model": "new"}))


async def test_a_price_may_change_from_the_soonest_on(system: System) -> None:
    content = price_file({"effective_from": LATER, "per_million_tokens": CHEAPER}, version="v2")
    published = await publishing(system).publish("f", content, supersede=False)
    assert [change.kind for change in published.changes] == ["changed_later"]
    # The price of AT is as it was: 1,000 x 2.5 + 100 x 10 a million
    assert await amount(system) == "0.0035"


@pytest.mark.parametrize("start", ["2026-01-01T00:00:00Z", "2026-11-01T00:00:00Z"])
async def test_a_price_of_past_usage_changes_only_where_it_is_said_to_have_been_wrong(
    system: System, start: str
) -> None:
    content = price_file({"effective_from": start, "per_million_tokens": CHEAPER}, version="v2")
    with pytest.raises(ConfigurationError, match="would change the price of past usage: gpt-4o/"):
        await publishing(system).publish("f", content, supersede=False)
    assert await amount(system) == "0.0035"
    await publishing(system).publish("f", content, supersede=True)
    # another request: 1,000 x 2 + 100 x 10 a million = 0.003
    assert await amount(system, id="r-2") == "0.0065"


async def test_a_bucket_that_had_no_price_may_get_one_for_the_past(system: System) -> None:
    prices = {"input": "2.5", "cached_read": "1.25", "output": "10", "cache_write": "3"}
    content = price_file({"per_million_tokens": prices}, version="v2")
    await publishing(system).publish("f", content, supersede=False)
    assert await amount(system) == "0.0035"


async def test_only_the_first_of_many_refused_rows_are_named(system: System) -> None:
    rows = [
        {"service_tier": tier, "effective_from": "2026-02-01T00:00:00Z"}
        for tier in ("standard", "batch", "priority", "flex")
    ]
    first = price_file(*({**row, "effective_from": "2026-01-01T00:00:00Z"} for row in rows[1:]))
    await publishing(system).publish("f", first.replace(b'"v1"', b'"v2"'), supersede=False)
    dearer = [{**row, "per_million_tokens": {"input": "9"}} for row in rows]
    with pytest.raises(ConfigurationError, match="and 1 more: "):
        await publishing(system).publish("f", price_file(*dearer, version="v3"), supersede=False)


async def test_what_the_book_cannot_take_is_refused_and_stops_nobody(system: System) -> None:
    clash = price_file({"model": "other", "aliases": ["gpt-4o-2024-11-20"]}, version="v2")
    with pytest.raises(ConfigurationError, match="gpt-4o-2024-11-20 is a name of gpt-4o and"):
        await publishing(system).publish("f", clash, supersede=True)
    assert await amount(system) == "0.0035"


async def stored(system: System, sql: str, *values: object) -> None:
    await system.database.write(lambda connection: connection.execute(sql, values))


async def test_announced_prices_that_are_not_there_yet_are_waited_for(make_system: Any) -> None:
    one, other = make_system(), make_system()
    content = price_file({"model": "a"}, version="v2")
    await publishing(one).publish("f", content, supersede=False)
    await stored(one, "DELETE FROM price_versions")
    with pytest.raises(RetryableError, match="prices v2: announced, but not readable yet"):
        await other.tenancy.refresh()
    # Nothing was half taken over: with the content back it goes on.
    assert await one.prices.put_version("v2", content)
    assert await amount(other, data__model="a") == "0.0035"


async def test_prices_that_were_changed_in_the_store_stop_whoever_reads_them(
    make_system: Any,
) -> None:
    one, other = make_system(), make_system()
    await publishing(one).publish("f", price_file({"model": "a"}, version="v2"), supersede=False)
    forged = price_file({"model": "a", "per_million_tokens": {"input": "0"}}, version="v2")
    await stored(one, "UPDATE price_versions SET content = ?", forged)
    with pytest.raises(InvariantBroken, match="prices v2: the content has changed since"):
        await other.tenancy.refresh()


async def test_a_name_whose_content_was_stored_by_another_is_refused(system: System) -> None:
    await system.prices.put_version("v2", price_file({"model": "b"}, version="v2"))
    content = price_file({"model": "a"}, version="v2")
    with pytest.raises(ConfigurationError, match="prices v2: another content was stored"):
        await publishing(system).publish("f", content, supersede=False)


async def test_two_processes_that_publish_the_same_publish_it_once(make_system: Any) -> None:
    one, other = make_system(), make_system()
    await one.tenancy.refresh()
    await other.tenancy.refresh()
    content = price_file({"model": "a"}, version="v2")
    await one.tenancy.publish_prices("v2", content)
    await other.tenancy.publish_prices("v2", content)
    assert len(await system_records(one)) == 1


async def system_records(system: System) -> list[Any]:
    return [record for record in await system.registry.read_records(0) if record.kind == "prices"]


async def test_every_reason_to_refuse_a_version_is_known_beforehand(system: System) -> None:
    dear = {"per_million_tokens": {"input": "2500", "output": "10"}}
    other = {"model": "other", "aliases": ["gpt-4o"], "effective_from": LATER}
    content = price_file(dear, other, version="v2")
    found = await publishing(system).refusals("f", content, Consent(jumps=False))

    jump, past, clash = (reason.partition(": ")[2] for reason in found)
    row = "gpt-4o/global/any/standard: "
    assert jump.startswith(f"{row}the price changed a hundredfold")
    assert past.startswith(f"would change the price of past usage: {row}")
    assert clash == "gpt-4o is a name of gpt-4o and, in v2, of other"
    assert len(await publishing(system).refusals("f", content, Consent(supersede=True))) == 1
