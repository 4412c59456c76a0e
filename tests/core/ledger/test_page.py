"""Pages: what is sealed reads back the same, and what was touched is found out."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import LedgerBroken, NewerVersionError
from metering.core.calendars.periods import LedgerId, month_of, slot_of, slot_start
from metering.core.ledger.entry import Entry, Kind, Reference, State, Superseded
from metering.core.ledger.page import GENESIS, Page, page_id, read_page, seal
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS, NO_TOKENS
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, dimensions

LEDGER = LedgerId("acme", month_of(AT).start)
SLOT = slot_of(AT)
RATE = Rate(
    "gpt-4o", "v1", "gpt-4o/global/any/standard", 1_150_000, (5, None, *[7] * (len(BUCKETS) - 2))
)
UNPRICED = Rate("mystery", None, None, 10**6, (None,) * len(BUCKETS))


def entry(id_: str = "r-1", **changes: Any) -> Entry:
    state = State(Kind.USAGE, Evidence.FULL, dimensions(), RATE, (1, *NO_TOKENS[1:]), 5)
    return Entry(
        ("llm.usage.v1", "/apim/test", id_), "d" * 16, AT, NOW, None, state, None
    )._replace(**changes)


def sealed(*entries: Entry) -> tuple[Page, bytes]:
    return seal(LEDGER, SLOT, entries, number=1, previous=GENESIS, committed=NOW)


text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
states = st.builds(
    State,
    st.sampled_from(Kind),
    st.sampled_from(Evidence),
    st.builds(dimensions, subject=text, model=st.none() | text, spillover=st.booleans()),
    st.sampled_from([RATE, UNPRICED]),
    st.tuples(*[st.integers(0, 10**9)] * len(BUCKETS)),
    st.none() | st.integers(-(10**40), 10**40),
)
entries = st.builds(
    lambda id_, state, **parts: Entry(
        (state.dimensions.type, state.dimensions.source, id_), state=state, **parts
    ),
    text,
    states,
    digest=text,
    time=st.integers(slot_start(SLOT), slot_start(SLOT + 1) - 1),
    arrival=st.integers(0, 4 * 10**15),
    end_user=st.none() | text,
    supersedes=st.none()
    | st.builds(Superseded, st.builds(Reference, st.integers(1, 9), st.integers(0, 9)), states),
)


@given(st.lists(entries, min_size=1, max_size=8))
def test_a_page_reads_back_as_it_was_sealed(rows: list[Entry]) -> None:
    page, content = sealed(*rows)
    assert read_page(json.loads(content), LEDGER) == page


@given(st.lists(entries, min_size=1, max_size=4))
def test_the_hash_is_that_of_the_sorted_compact_json_without_it(rows: list[Entry]) -> None:
    page, content = sealed(*rows)
    document = json.loads(content)
    assert document.pop("hash") == page.hash
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(canonical.encode()).hexdigest() == page.hash


def test_what_entries_share_is_written_once() -> None:
    _, content = sealed(*(entry(f"r-{n}") for n in range(100)))
    document = json.loads(content)
    assert len(document["dimensions"]) == len(document["rates"]) == 1
    assert list(document["columns"]["buckets"]) == ["input"]


def test_a_page_is_named_by_its_number_in_eight_digits() -> None:
    assert page_id(1) == "page-00000001"
    assert json.loads(sealed(entry())[1])["id"] == "page-00000001"


@pytest.mark.parametrize(
    "path",
    [
        ("columns", "amount", 0),
        ("columns", "id", 0),
        ("columns", "buckets", "input", 0),
        ("columns", "time", 0),
        ("dimensions", 0, 2),
        ("rates", 0, "units", "input"),
        ("previous",),
        ("committed",),
        ("slot",),
        ("hash",),
    ],
)
def test_a_change_anywhere_is_found_out(path: tuple[Any, ...]) -> None:
    document = json.loads(sealed(entry())[1])
    place = document
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    place[path[-1]] = old + 1 if isinstance(old, int) else f"{old}1"
    with pytest.raises(LedgerBroken, match="does not match its hash"):
        read_page(document, LEDGER)


@pytest.mark.parametrize("part", ["columns", "dimensions", "rates", "supersedes", "hash"])
def test_a_page_without_one_of_its_parts_cannot_be_read(part: str) -> None:
    document = json.loads(sealed(entry())[1])
    del document[part]
    with pytest.raises(LedgerBroken, match="page-00000001 cannot be read"):
        read_page(document, LEDGER)


def test_a_page_of_another_schema_is_refused_and_of_a_newer_one_left_to_a_newer_version() -> None:
    document = json.loads(sealed(entry())[1])
    for schema in (1, None, "3"):
        document["schema"] = schema
        with pytest.raises(LedgerBroken, match=f"a page has schema {schema}, not 2"):
            read_page(document, LEDGER)
    document["schema"] = 3
    with pytest.raises(NewerVersionError, match="a page: written by a newer version"):
        read_page(document, LEDGER)


def test_a_page_of_another_ledger_is_refused_by_name() -> None:
    document = json.loads(sealed(entry())[1])
    with pytest.raises(LedgerBroken, match="ledger globex.*: holds page-00000001 of acme"):
        read_page(document, LedgerId("globex", LEDGER.start))


def test_a_field_that_was_added_is_found_out_and_cosmos_own_fields_are_not() -> None:
    document = json.loads(sealed(entry())[1])
    assert read_page({**document, "_ts": 1, "_etag": "x"}, LEDGER).number == 1
    with pytest.raises(LedgerBroken, match="does not match its hash"):
        read_page({**document, "note": "harmless"}, LEDGER)
