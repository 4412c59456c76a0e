"""The rows of a price source that a book does not have. Pure."""

from metering.adapters.prices.price_import import PriceImport, with_lines
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_changes import price_changes
from metering.core.prices.price_file import read_price_file


def differing_rows(found: PriceImport, book: PriceBook) -> bytes | None:
    """Return the price file of the rows that differ from a book; None where none does."""
    changes = price_changes(book, read_price_file(found.version, found.content))
    keep = [change.kind != "same" for change in changes]
    return with_lines(found.content, keep) if any(keep) else None
