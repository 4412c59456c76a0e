"""The items of a JSON array are taken apart as they are, whatever one of them is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.json_arrays import array_items

MOST = 5
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.lists(VALUES, max_size=MOST), st.sampled_from([None, 1]), st.booleans())
def test_the_items_of_any_array_are_those_that_json_reads(
    values: list[Any], indent: int | None, escaped: object
) -> None:
    content = json.dumps(values, indent=indent, ensure_ascii=bool(escaped)).encode()
    items = array_items(content, MOST)
    assert items is not None
    assert [json.loads(item) for item in items] == values


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(content: bytes) -> None:
    found = array_items(b"[" + content + b"]", MOST)
    assert found is None or all(isinstance(item, bytes) for item in found)


@pytest.mark.parametrize(
    ("content", "items"),
    [
        (b"", None),
        (b'{"half', None),
        (b"[1", None),
        (b"[1]]", None),
        (b"[1}", None),
        (b"[1] 2", None),
        (b" [ ] ", []),
        (b"{}", []),
        (b'"text"', []),
        (b"[1, 2 ,3]", [b"1", b"2", b"3"]),
        (b"[,]", [b"", b""]),
        (b'[{"a": "],["}, NaN]', [b'{"a": "],["}', b"NaN"]),
        (b'["\\"]", "\\ud800"]', [b'"\\"]"', b'"\\ud800"']),
        # Deeper than any reader goes, and cut off after one item more than wanted.
        (b"[" + b"[" * 100_000 + b"]" * 100_000 + b"]", [b"[" * 100_000 + b"]" * 100_000]),
        (b"[1,2,3,4,5,6,7,8", [b"1", b"2", b"3", b"4", b"5", b"6"]),
    ],
)
def test_one_item_does_not_spoil_the_others(content: bytes, items: list[bytes] | None) -> None:
    assert array_items(content, MOST) == items
