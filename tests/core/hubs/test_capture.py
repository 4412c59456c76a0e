"""Files of Capture: what their names say, and the order in which they are read."""

from itertools import permutations

import pytest

from metering.core.hubs.capture import CaptureFile, parts_in_order
from tests.capture_files import name_of


def test_files_are_read_by_hub_partition_and_time() -> None:
    right = [
        name_of(2, 9, hub="other"),
        name_of(2, 10),
        name_of(2, 11),
        name_of(10, 5),
    ]
    for some in permutations(right):
        parts = parts_in_order(CaptureFile(name, 1) for name in some)
        assert [part.file.name for part in parts] == right


@pytest.mark.parametrize("before", ["", "evhns/", "/home/x/copy/", "container/evhns/"])
def test_the_name_says_the_hub_and_the_partition_wherever_the_file_lies(before: str) -> None:
    (part,) = parts_in_order([CaptureFile(f"{before}usage/3/2026/1/2/03/4/05.avro", 1)])
    assert (part.hub, part.partition, part.written) == ("usage", "3", (2026, 1, 2, 3, 4, 5))


def test_several_files_of_one_second_keep_their_order() -> None:
    first, second = (f"usage/0/2026/01/01/00/00/00{suffix}.avro" for suffix in ("", "_1"))
    parts = parts_in_order([CaptureFile(second, 1), CaptureFile(first, 1)])
    assert [part.file.name for part in parts] == [first, second]


@pytest.mark.parametrize("name", ["x.avro", "usage/a/2026/01/01/00/00/00.avro", "2026/01/01.avro"])
def test_another_name_says_nothing(name: str) -> None:
    (part,) = parts_in_order([CaptureFile(name, 1)])
    assert (part.hub, part.partition, part.written) == ("", "", ())
