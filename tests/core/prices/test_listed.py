"""Price rows as they follow each other."""

from metering.core.prices.listed import listed_prices
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_file import read_price_file
from tests.builders import NOW, price_book, price_row
from tests.builders import price_file as file_of


def book() -> PriceBook:
    made = price_book(
        {"effective_from": "2026-01-01T00:00:00Z"},
        {"effective_from": "2026-11-01T00:00:00Z"},
        {"effective_from": "2026-12-01T00:00:00Z"},
    )
    later = file_of(price_row(effective_from="2026-12-01T00:00:00Z"), version="v2")
    return made.with_version(read_price_file("v2", later))


def test_each_row_is_replaced_in_force_or_scheduled() -> None:
    found = listed_prices(book().rows.values(), NOW)
    # Of the two from December the later published one counts; the other never will.
    told = [(one.row.version, one.state) for one in found]
    assert told == [
        ("v1", "replaced"),
        ("v1", "in_force"),
        ("v1", "replaced"),
        ("v2", "scheduled"),
    ]
    november, december = found[1], found[3]
    assert (november.until, november.before) == (december.row.effective_from, found[0].row)
    assert (december.until, december.before) == (None, november.row)
