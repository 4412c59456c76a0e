"""What a price file would change: new, same, a later price, or another past."""

from fractions import Fraction
from typing import Any, Final

import pytest

from metering.core.prices.price_changes import Change, price_changes
from metering.core.prices.price_file import read_price_file
from tests.builders import price_book, price_file

START: Final = "2026-01-01T00:00:00Z"
LATER: Final = "2026-06-01T00:00:00Z"
EARLIER: Final = "2025-06-01T00:00:00Z"
DEARER: Final = {"input": "5", "output": "10"}


def change(known: list[dict[str, Any]], row: dict[str, Any]) -> Change:
    """Return what one row would change in a book of `known` rows."""
    rows = read_price_file("new.json", price_file(row))
    (found,) = price_changes(price_book(*known), rows)
    return found


KNOWN: Final = {
    "effective_from": START,
    "per_million_tokens": {"input": "2.5", "output": "10"},
}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        pytest.param({}, "same", id="the same row"),
        pytest.param({"effective_from": LATER}, "same", id="the same price, said again later"),
        pytest.param(
            {"effective_from": LATER, "per_million_tokens": DEARER},
            "changed_later",
            id="another price from a later day on",
        ),
        pytest.param(
            {"per_million_tokens": DEARER}, "conflict", id="another price of the same day"
        ),
        pytest.param({"effective_from": EARLIER}, "new", id="a price of before the first one"),
        pytest.param({"model": "gpt-9"}, "new", id="another model"),
        pytest.param({"deployment_type": "data_zone"}, "new", id="another deployment type"),
        pytest.param({"service_tier": "batch"}, "new", id="another tier"),
        pytest.param(
            {"context_tier": "long", "context_above_tokens": 272_000}, "new", id="long context"
        ),
        pytest.param(
            {"region": "eastus2"}, "same", id="a region of the price that is known for any"
        ),
        pytest.param(
            {"region": "eastus2", "per_million_tokens": DEARER},
            "changed_later",
            id="a region with a price of its own",
        ),
        pytest.param(
            {"per_million_tokens": {"input": "2.5", "output": "10", "cached_read": "1"}},
            "conflict",
            id="one more bucket",
        ),
    ],
)
def test_a_row_is_new_the_same_a_later_price_or_another_past(
    row: dict[str, Any], kind: str
) -> None:
    assert change([KNOWN], {**KNOWN, **row}).kind == kind


def test_another_limit_of_the_long_context_is_another_price() -> None:
    long = {**KNOWN, "context_tier": "long", "context_above_tokens": 272_000}

    assert change([KNOWN, long], {**long, "context_above_tokens": 200_000}).kind == "conflict"


def test_a_change_names_the_buckets_that_differ_with_old_new_and_ratio() -> None:
    found = change([KNOWN], {**KNOWN, "effective_from": LATER, "per_million_tokens": DEARER})

    # 2.5 and 5 per million are 2,500,000 and 5,000,000 x 10^-12 a token. An image in the prompt
    # has no price of its own and costs what the rest of it costs.
    assert [(bucket.bucket, bucket.old, bucket.new, bucket.ratio) for bucket in found.buckets] == [
        ("input", 2_500_000, 5_000_000, Fraction(2)),
        ("input_image", 2_500_000, 5_000_000, Fraction(2)),
    ]
    assert found.old is not None
    assert found.old.effective_from < found.row.effective_from


@pytest.mark.parametrize(
    ("price", "implausible"),
    [
        # From 2.5.
        ("249.999999", False),
        ("250", True),
        ("2500", True),
        ("0.025", True),
        ("0.025001", False),
        ("0", True),
    ],
)
def test_a_price_that_moves_a_hundredfold_is_implausible(price: str, implausible: bool) -> None:  # noqa: FBT001
    prices = {"input": price, "output": "10"}
    found = change([KNOWN], {**KNOWN, "effective_from": LATER, "per_million_tokens": prices})

    assert found.buckets[0].is_implausible is implausible


def test_a_price_that_there_was_not_has_no_ratio_and_is_not_implausible() -> None:
    found = change([], {**KNOWN, "model": "gpt-9"})

    assert found.kind == "new"
    assert found.old is None
    assert {bucket.ratio for bucket in found.buckets} == {None}
    assert not any(bucket.is_implausible for bucket in found.buckets)


def test_a_row_counts_once_under_all_its_names() -> None:
    rows = read_price_file("new.json", price_file({"aliases": ["gpt-4o-2024-11-20", "gpt-4o-x"]}))

    assert len(price_changes(price_book(), rows)) == 1
