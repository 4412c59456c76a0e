"""The index of request ids: exact, whatever the ids, and small."""

from hypothesis import given
from hypothesis import strategies as st

from metering.core.streams.id_index import IdIndex, digest_of


@given(st.lists(st.tuples(st.text(max_size=40), st.integers(0, 2**32 - 1)), max_size=200))
def test_it_answers_as_a_dictionary_whose_first_value_stands(
    pairs: list[tuple[str, int]],
) -> None:
    index, expected = IdIndex(), dict[str, int]()
    for name, number in pairs:
        index.add(digest_of(name), number)
        expected.setdefault(name, number)
    assert {name: index.find(digest_of(name)) for name in expected} == expected
    assert index.entries == len(expected)
    assert index.find(digest_of("never there, and longer than any of these")) is None


def test_bytes_across_two_records_are_no_record() -> None:
    index = IdIndex()
    # Both begin with the bytes of one bucket; the wanted one lies across the two records.
    first = b"ab" + b"x" * 8 + b"ab" + b"cdef"
    second = b"abuvwxyz" + b"0" * 8
    index.add(first, 0x01020304)
    index.add(second, 7)
    across = first[10:] + bytes([1, 2, 3, 4]) + second[:6]
    assert index.find(across) is None
    index.add(across, 9)
    assert [index.find(one) for one in (first, second, across)] == [0x01020304, 7, 9]


def test_many_ids_take_little_memory() -> None:
    index = IdIndex()
    for number in range(400_000):
        index.add(digest_of(str(number)), number)
    # 16 bytes of the digest, 4 of the number, and of 65,536 buckets 170 x 65,536 / 400,000 = 27.9.
    assert index.size / 400_000 < 48


def test_things_of_one_request_are_apart() -> None:
    assert digest_of("r-1") != digest_of("r-1", b"gateway")
