"""RegistryStore: one sequence of records, appended to by many and edited by nobody."""

from collections.abc import Callable

from metering.bootstrap import Stores
from metering.core.tenancy.record import Record
from tests.builders import NOW


def record(number: int) -> Record:
    return Record("subject", f"sub-{number}", "acme", 0, NOW + number)


async def test_records_read_back_in_the_order_they_were_appended(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    for number in range(12):
        assert await stores.registry.append_record(record(number), number)
    assert await make_stores().registry.read_records(0) == [record(n) for n in range(12)]
    assert await stores.registry.read_records(9) == [record(n) for n in range(9, 12)]


async def test_where_nothing_was_appended_there_is_nothing_to_read(stores: Stores) -> None:
    assert await stores.registry.read_records(0) == []
    assert await stores.registry.append_record(record(0), 0)
    assert await stores.registry.read_records(1) == []


async def test_a_place_that_is_taken_is_answered_and_nothing_is_written(stores: Stores) -> None:
    assert await stores.registry.append_record(record(0), 0)
    assert not await stores.registry.append_record(record(1), 0)
    assert await stores.registry.read_records(0) == [record(0)]
