"""Documents of the register: immutable, each under a place, named by the hash of its content."""

import hashlib
import json
from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot

type Kind = Literal["stream", "final", "waiting"]
"""Requests reported as streams, requests reported with their counts, log rows of neither."""

KINDS: Final[tuple[Kind, ...]] = ("stream", "final", "waiting")

COUNTED: Final[tuple[Kind, ...]] = ("final",)
WAITING: Final[tuple[Kind, ...]] = ("waiting",)

#: Digits of an instant in `due`, so that text sorts like time.
_DIGITS: Final = 20
_ID_DIGITS: Final = 32


def place_of(kind: Kind, slot: Slot) -> str:
    """Return the place of the documents of one kind and slot."""
    return f"{kind}|{slot}"


def places_of(kinds: Iterable[Kind], slots: Iterable[Slot]) -> list[str]:
    """Return the places of these kinds and slots."""
    listed = list(slots)
    return [place_of(kind, slot) for kind in kinds for slot in listed]


def due_before(kind: Kind, instant: Instant) -> str:
    """Return the text before which all documents sort that are due before an instant."""
    return f"{kind}|{instant:0{_DIGITS}d}"


class Filing(NamedTuple):
    """A document to file."""

    place: str
    content: Document
    due_at: Instant | None = None
    """When a timer comes back to it; None: never."""

    @property
    def id(self) -> str:
        """The hash of place and content: what is filed again is the same document."""
        text = json.dumps([self.place, self.content], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS]

    @property
    def due(self) -> str | None:
        """The text by which a timer finds it: of no two documents the same."""
        if self.due_at is None:
            return None
        kind: Kind = self.place.partition("|")[0]  # type: ignore[assignment]
        return f"{due_before(kind, self.due_at)}|{self.id}"


class Filed(NamedTuple):
    """A document as stored."""

    id: str
    place: str
    content: Document
    due: str | None
    at: int
    """The order of filing, as far as the store knows it; only to read on from."""

    @property
    def kind(self) -> str:
        """The kind of its rows."""
        return self.place.partition("|")[0]
