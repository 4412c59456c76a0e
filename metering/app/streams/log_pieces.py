"""Pieces of a batch of logs: so many rows that each is done within seconds, and kept then."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from metering.app.hubs.batch import Message
from metering.core.basics.errors import UNREADABLE, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot, slot_of
from metering.core.hubs.sender import sender_of
from metering.core.streams.gateway_log import Log
from metering.core.streams.log_rows import GatewayRow, LlmRow

#: Rows of one piece; a body is not cut.
MAX_ROWS: Final = 2_000

type Logs = list[tuple[Message, Log]]
"""The bodies of a piece."""


class LogRows(NamedTuple):
    """Log rows by request."""

    counts: Mapping[str, LlmRow]
    senders: Mapping[str, GatewayRow]
    now: Instant

    @property
    def slots(self) -> dict[str, Slot]:
        """The slot of each request; a row without a time is taken for a new one."""
        senders = {name: slot_of(row.time) for name, row in self.senders.items()}
        counted = {name: slot_of(row.time or self.now) for name, row in self.counts.items()}
        return senders | counted

    @property
    def number(self) -> int:
        """The number of rows."""
        return len(self.counts) + len(self.senders)


def pieces_of(messages: Sequence[Message], logs: Sequence[Log]) -> Iterator[Logs]:
    """Cut a batch into pieces."""
    piece: Logs = []
    rows = 0
    for message, log in zip(messages, logs, strict=True):
        more = len(log.llm_rows) + len(log.gateway_rows) + len(log.refused)
        if piece and rows + more > MAX_ROWS:
            yield piece
            piece, rows = [], 0
        piece.append((message, log))
        rows += more
    if piece:
        yield piece


def unreadable(messages: Sequence[Message], logs: Sequence[Log]) -> list[tuple[str, RejectedEvent]]:
    """Return the source of each body that cannot be read to its end, with the first reason."""
    return [
        (log.resource or sender_of(message.body).source, whys[0])
        for message, log in zip(messages, logs, strict=True)
        if (whys := [bad.why for bad in log.refused if bad.why.code in UNREADABLE])
    ]
