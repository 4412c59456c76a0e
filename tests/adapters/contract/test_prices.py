"""PriceStore: a version keeps the content that it was first given."""

from collections.abc import Callable

from metering.bootstrap import Stores
from tests.builders import price_file

CONTENT = price_file({}, version="v2")


async def test_a_version_reads_back_as_it_was_put(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.prices.put_version("v2", CONTENT)
    assert await make_stores().prices.read_version("v2") == CONTENT


async def test_a_version_that_is_not_there_is_nothing(stores: Stores) -> None:
    assert await stores.prices.read_version("v2") is None


async def test_putting_the_same_again_is_no_other_content(stores: Stores) -> None:
    assert await stores.prices.put_version("v2", CONTENT)
    assert await stores.prices.put_version("v2", CONTENT)


async def test_another_content_under_the_name_is_answered_and_not_written(stores: Stores) -> None:
    assert await stores.prices.put_version("v2", CONTENT)
    assert not await stores.prices.put_version("v2", CONTENT + b" ")
    assert await stores.prices.read_version("v2") == CONTENT


async def test_a_list_of_thousands_of_prices_fits(stores: Stores) -> None:
    rows = [{"model": f"model-{number}"} for number in range(3_000)]
    content = price_file(*rows, version="v3")
    assert await stores.prices.put_version("v3", content)
    assert await stores.prices.read_version("v3") == content
