"""Published and replayed events."""

from collections import Counter
from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.app.hubs.publishing import Publishing
from metering.app.hubs.replay_capture import ReplayCapture
from metering.documents.document import Document
from metering.documents.ingest import IngestDocument, by_name


class PublishedDocument(Document):
    """The result of publishing files of events to a hub."""

    published: int
    bytes: int
    failed_attempts: int
    rejected: Mapping[str, int] = Field(description="Rejected events by code.")
    complete: bool
    skip: int = Field(description="The value of --skip that resumes after the last event.")

    @classmethod
    def of(cls, publishing: Publishing, skip: int, *, complete: bool) -> Self:
        """Return a run that skipped a number of events as a document."""
        sent = publishing.sent
        rejected = Counter(one.code for one in publishing.rejected)
        return cls(
            published=sent.events,
            bytes=sent.bytes,
            failed_attempts=sent.failures,
            rejected=by_name(rejected),
            complete=complete,
            skip=skip + sent.handled,
        )


class PublishingPlan(Document):
    """The events that would be published."""

    events: int
    bytes: int
    keys: int = Field(description="Distinct partition keys.")
    too_large: int = Field(description="Events above the maximum size.")


class SimulationDocument(Document):
    """The result of publishing generated events."""

    published: int
    seconds: float
    events_per_second: float
    bytes: int
    failed_attempts: int
    rejected: int

    @classmethod
    def of(cls, publishing: Publishing, seconds: float) -> Self:
        """Return a run that took some seconds as a document."""
        sent = publishing.sent
        return cls(
            published=sent.events,
            seconds=round(seconds, 3),
            events_per_second=round(sent.events / seconds, 1) if seconds else 0.0,
            bytes=sent.bytes,
            failed_attempts=sent.failures,
            rejected=sent.rejected,
        )


class DamagedFile(Document):
    """A capture file that could not be read to its end."""

    name: str
    why: str
    events: int = Field(description="Events read before the damage.")


class CaptureGap(Document):
    """Sequence numbers of a partition that no capture file contains."""

    hub: str
    partition: str
    after: int
    before: int


class CapturePlan(Document):
    """The capture files that would be replayed."""

    files: int
    events: int
    damaged: list[DamagedFile]
    gaps: list[CaptureGap]


class CaptureReplay(IngestDocument, CapturePlan):
    """The result of replaying capture files."""

    @classmethod
    def of_replay(cls, replayed: ReplayCapture) -> Self:
        """Return a replay as a document."""
        files = CapturePlan.model_validate(replayed)
        return cls(**dict(IngestDocument.model_validate(replayed.tally)), **dict(files))
