"""Event Hubs Capture: the content of a file by its name, and the order of files."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

#: {EventHub}/{PartitionId}/{Year}/{Month}/{Day}/{Hour}/{Minute}/{Second}, whatever is before it:
#: the end of Capture's own default, which the deployment sets. A suffix tells apart several files
#: of one second.
_NAME: Final = re.compile(
    r"(?:^|/)(?P<hub>[^/]+)/(?P<partition>[0-9]{1,4})"
    r"/(?P<time>[0-9]{4}(?:/[0-9]{1,2}){5})(?P<suffix>[^/]*)\.avro$"
)


class CaptureFile(NamedTuple):
    """One file in storage."""

    name: str
    size: int
    """The size in bytes."""


class CapturedEvent(NamedTuple):
    """One captured event."""

    sequence: int
    body: bytes


class CapturePart(NamedTuple):
    """A file, and its origin according to its name."""

    file: CaptureFile
    hub: str
    """The hub; empty if the name does not contain it."""
    partition: str
    written: tuple[int, ...]
    """Year to second; the rest of the name is compared as text."""
    suffix: str


def parts_in_order(files: Iterable[CaptureFile]) -> list[CapturePart]:
    """Return the files by hub, partition and time: within a partition, by sequence number."""
    return sorted(
        map(_part, files),
        key=lambda part: (
            part.hub,
            int(part.partition or 0),
            part.written,
            part.suffix,
            part.file.name,
        ),
    )


def _part(file: CaptureFile) -> CapturePart:
    found = _NAME.search(file.name)
    if found is None:
        return CapturePart(file, "", "", (), "")
    written = tuple(map(int, found["time"].split("/")))
    return CapturePart(file, found["hub"], found["partition"], written, found["suffix"])
