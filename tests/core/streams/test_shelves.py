"""What a process remembers of the register: the first row stands, and memory is bounded."""

from metering.core.streams.filing import Filed, Filing
from metering.core.streams.id_index import digest_of
from metering.core.streams.sheets import file_finals
from metering.core.streams.shelves import Shelves


def filed(filing: Filing, at: int = 1) -> Filed:
    return Filed(filing.id, filing.place, filing.content, None, at)


def finals(slot: int, source: str, *ids: str) -> Filed:
    return filed(file_finals(slot, {source: list(ids)})[0])


def test_the_first_row_of_an_id_stands_and_a_document_counts_once() -> None:
    shelves = Shelves()
    for one in (finals(1, "a", "r-1"), finals(1, "b", "r-1", "r-2"), finals(1, "a", "r-1")):
        shelves.add(one)
    place = finals(1, "a", "r-1").place
    assert shelves.find(digest_of("r-1"), [place]) == "a"
    assert shelves.find(digest_of("r-2"), ["final|0", place]) == "b"
    assert shelves.find(digest_of("r-3"), [place]) is None


def test_where_it_was_read_to_only_grows() -> None:
    shelves = Shelves()
    assert shelves.read_to("final|1") is None
    shelves.now_read(["final|1"], 5)
    shelves.now_read(["final|1"], 3)
    assert shelves.read_to("final|1") == 5


def test_what_was_used_least_recently_is_forgotten_first() -> None:
    shelves = Shelves(max_bytes=60_000)
    for slot in range(3):
        shelves.add(finals(slot, "a", *(f"r-{n}" for n in range(60))))
        shelves.now_read([f"final|{slot}"], 1)
    shelves.now_read(["final|0"], 1)
    assert not shelves.is_full([])
    shelves.add(finals(3, "a", *(f"r-{n}" for n in range(200))))
    assert not shelves.is_full(["final|3"])
    assert shelves.read_to("final|1") is None
    assert shelves.find(digest_of("r-7"), ["final|3"]) == "a"


def test_places_in_use_stay_even_if_they_alone_are_too_much() -> None:
    shelves = Shelves(max_bytes=10_000)
    shelves.add(finals(1, "a", *(f"r-{n}" for n in range(200))))
    shelves.add(finals(2, "a", "r-1"))
    assert shelves.is_full(["final|1"])
    assert shelves.find(digest_of("r-1"), ["final|2"]) is None
    assert shelves.find(digest_of("r-1"), ["final|1"]) == "a"
    shelves.forget("final|1")
    shelves.forget("final|1")
    assert not shelves.is_full([])


def test_many_empty_places_are_bounded_too() -> None:
    shelves = Shelves(max_bytes=50_000)
    for slot in range(1_000):
        shelves.now_read([f"final|{slot}"], 1)
        assert not shelves.is_full([f"final|{slot}"])
    assert shelves.read_to("final|0") is None
    assert shelves.read_to("final|999") == 1
