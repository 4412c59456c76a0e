"""Which models a book prices, why others have no price, and how old each source is."""

from metering.core.basics.instants import DAY, parse_instant
from metering.core.prices.coverage import OLD_PRICES, age_text, covered, source_ages
from metering.core.prices.price_book import PriceBook, PriceKey
from metering.core.prices.price_file import read_price_file
from tests.builders import AT, NOW, price_book, price_file

READ = parse_instant("2026-11-20T00:00:00Z")


def test_each_source_has_the_age_of_its_newest_reading() -> None:
    (age,) = source_ages(price_book(), READ + 110 * DAY)

    assert (age.name, age.rows, age.days, age.is_old) == ("a test", 1, 110, True)
    assert age_text(age) == "1 price, read on 2026-11-20, 110 days ago"
    (young,) = source_ages(price_book(), READ + OLD_PRICES)
    assert not young.is_old


def test_reported_rows_and_rows_of_the_future_have_no_age() -> None:
    reported = price_file(version="r").replace(b'"via": ""', b'"via": "", "basis": "reported"')
    later = price_file({"effective_from": "2027-01-01T00:00:00Z"}, version="l")
    book = PriceBook(read_price_file("r", reported), read_price_file("l", later))

    assert source_ages(book, AT) == []


def test_a_source_that_names_no_day_says_so() -> None:
    undated = price_file({}).replace(b'"retrieved": "2026-11-20"', b'"retrieved": "unknown"')
    (age,) = source_ages(PriceBook(read_price_file("u", undated)), AT)

    assert (age.days, age.is_old, age_text(age)) == (None, False, "1 price, date unknown")


def test_a_model_is_covered_in_the_ways_that_have_a_price() -> None:
    book = price_book(
        {},
        {"deployment_type": "regional", "region": "eastus2"},
        {"model": "far", "deployment_type": "data_zone"},
        {"model": "later", "effective_from": "2027-01-01T00:00:00Z"},
    )
    near, far, unknown, later = (
        covered(book, ["gpt-4o", "far", "later", "nothing"], NOW)[1::-1]
        + (covered(book, ["later", "nothing"], NOW)[::-1])
    )

    assert (near.model, near.why, near.by_region) == ("gpt-4o", None, ("regional/standard",))
    assert near.ways == ("global/standard", "regional/standard")
    assert far.why == (
        "no price is known for far in deployment type global: prices exist for data_zone"
    )
    assert (unknown.ways, unknown.why) == ((), "no price is known for nothing")
    assert later.why == "the first known price of later is of 2027-01-01"


def test_a_meter_that_is_not_of_tokens_needs_no_price_of_them() -> None:
    meters = [{"meter": "whisper", "unit": "second", "deployment_type": "global"}]
    book = PriceBook(read_price_file("m", price_file(meters=meters)))

    (one,) = covered(book, ["whisper"], NOW)
    assert (one.ways, one.why, one.is_reported) == (("global/per second",), None, False)


def test_the_reason_names_the_first_dimension_without_a_price() -> None:
    book = price_book(
        *[{"deployment_type": "regional", "region": f"region{n}"} for n in range(8)],
        {"model": "two", "provider": "openai"},
        {"model": "two", "provider": "fireworks"},
    )

    def why(name: str | None = "gpt-4o", **changes: str) -> str:
        key = PriceKey(**({"deployment_type": "regional"} | changes))
        assert name is None or book.find(name, NOW, key) is None
        return book.why_unknown(name, NOW, key)

    assert why(None) == "the request names no model"
    assert why() == (
        "the price of gpt-4o depends on the region, and the request names none: prices exist for"
        " region0, region1, region2, region3, region4, region5 and 2 more"
    )
    assert why(region="mars").startswith("no price is known for gpt-4o in region mars: ")
    assert why(currency="EUR") == (
        "no price is known for gpt-4o in currency EUR: prices exist for USD"
    )
    assert (
        why(unit="second") == "no price is known for gpt-4o in unit second: prices exist for token"
    )
    assert why("two", deployment_type="global") == (
        "several providers sell two, and none is named: prices exist for fireworks, openai"
    )
