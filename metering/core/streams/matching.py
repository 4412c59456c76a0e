"""Matching: what became of a log row's request, by the register."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from metering.core.streams.filing import Kind
from metering.core.streams.id_index import Digest, digest_of
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.streams.sheets import Row, Stream, sender_digest

type Found = dict[tuple[Kind, Digest], Row]
"""The first row of each kind that is filed under a digest."""


class Report(Enum):
    """The way a request was reported."""

    COUNTED = auto()
    """With its counts, or as a stream that has been completed: its log rows are done with."""
    STREAM = auto()
    """As a stream whose counts come from the log."""
    NONE = auto()


class Match(NamedTuple):
    """The register's rows of one request."""

    report: Report
    stream: Stream | None = None
    row: LlmRow | None = None
    """The first log row with counts that was filed while there was no report."""
    sender: GatewayRow | None = None


def match(
    found: Mapping[tuple[Kind, Digest], Row], request_id: str, counted_by: str | None
) -> Match:
    """Return what the register has of a request.

    `counted_by` is the source under which this process has just counted it. Counts under another
    source than the stream's do not settle the stream: in the ledgers these are two requests.
    """
    digest = digest_of(request_id)
    stream, final = found.get(("stream", digest)), found.get(("final", digest))
    row, sender = found.get(("waiting", digest)), found.get(("waiting", sender_digest(request_id)))
    source = final if isinstance(final, str) else counted_by
    said = stream if isinstance(stream, Stream) else None
    if source is not None and (said is None or said.source == source):
        report = Report.COUNTED
    else:
        report = Report.NONE if said is None else Report.STREAM
    return Match(
        report,
        said,
        row if isinstance(row, LlmRow) else None,
        sender if isinstance(sender, GatewayRow) else None,
    )
