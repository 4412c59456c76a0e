"""Requests as a ledger has them: the state that counts now, and what it replaced."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.entry import Basis, Entry, Kind, Reference, Superseded
from metering.core.ledger.page import Page
from metering.core.usage.buckets import INDEX

_POSITION: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20}){4}")


class Position(NamedTuple):
    """The place of a request in a tenant's list, which is descending: newest first.

    By ledger and slot, so that a list can go on without reading anything before it.
    """

    start: Instant
    """The start of the ledger's period."""
    slot: Slot
    time: Instant
    page: int
    row: int

    def __str__(self) -> str:
        """Return the position as the command line writes it."""
        return ".".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Return the position that `str` wrote; ValueError for any other text."""
        if not _POSITION.fullmatch(text):
            raise ValueError(f"{text!r} is not `next` of a list of requests")
        return cls._make(map(int, text.split(".")))


@dataclass(frozen=True, slots=True)
class Request:
    """One request: its latest entry, where that is, and the states that it replaced."""

    ledger: LedgerId
    at: Reference
    committed: Instant
    entry: Entry
    earlier: tuple[Superseded, ...] = ()
    """Oldest first; each with the place of the entry that had recorded it."""

    @property
    def position(self) -> Position:
        """The place in the list of a tenant."""
        return Position(self.ledger.start, self.entry.slot, self.entry.time, *self.at)


def requests_of(pages: Iterable[Page]) -> list[Request]:
    """Return the requests in all pages of one slot, given in order; newest first.

    An entry and those that supersede it are in one slot, so nothing else can change them. Entries
    that count an id twice, which `metering verify` names, are two requests.
    """
    latest: dict[Reference, Request] = {}
    for page in pages:
        for row, entry in enumerate(page.entries):
            at = Reference(page.number, row)
            replaced = entry.supersedes
            earlier: tuple[Superseded, ...] = ()
            if replaced is not None:
                before = latest.pop(replaced.at, None)
                earlier = (*(before.earlier if before else ()), replaced)
            latest[at] = Request(page.ledger, at, page.committed, entry, earlier)
    return sorted(latest.values(), key=lambda one: one.position, reverse=True)


class Wanted(NamedTuple):
    """A filter of requests; None in a field means any. An empty name means none was given."""

    start: Instant | None = None
    end: Instant | None = None
    id: str | None = None
    model: str | None = None
    """The model that is charged, or the one that served the request."""
    requested_model: str | None = None
    """The name the client asked for: a model, a deployment or an alias."""
    deployment: str | None = None
    backend: str | None = None
    product: str | None = None
    subscription: str | None = None
    use_case: str | None = None
    user: str | None = None
    status: int | None = None
    evidence: Basis | None = None
    unpriced: bool | None = None
    bucket: str | None = None
    """Only requests with something in this bucket."""
    outcomes: bool = False
    """Whether business outcomes, which are no requests, are wanted, too."""

    def covers(self, request: Request) -> bool:
        """Say whether a request passes the filter."""
        entry = request.entry
        state = entry.state
        of = state.dimensions
        return (
            (self.outcomes or state.kind is not Kind.OUTCOME)
            and (self.start is None or self.start <= entry.time)
            and (self.end is None or entry.time < self.end)
            and self.id in {None, entry.id}
            and (_is(self.model, state.rate.model) or self.model == of.model)
            and _is(self.requested_model, of.requested_model)
            and _is(self.deployment, of.deployment)
            and _is(self.backend, of.backend)
            and _is(self.product, of.product)
            and self.subscription in {None, of.subject}
            and _is(self.use_case, of.use_case)
            and _is(self.user, entry.end_user)
            and self.status in {None, of.status}
            and self.evidence in {None, state.basis}
            and self.unpriced in {None, state.is_unpriced}
            and (self.bucket is None or state.buckets[INDEX[self.bucket]] > 0)
        )


def _is(wanted: str | None, name: str | None) -> bool:
    return wanted is None or wanted == (name or "")
