"""Ingested events, dead letters and streams that wait for their counts."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field

from metering.app.hubs.batch import Tally
from metering.core.basics.instants import format_instant
from metering.documents.document import Document, RequestBody
from metering.ports import DeadLetter

#: Bytes of a body that a single letter has, and that each letter of a command's list has: enough to
#: recognise the event.
MAX_BODY: Final = 20_000
MAX_LISTED_BODY: Final = 2_000
#: Letters that one request replays or drops.
MAX_DEAD_LETTERS: Final = 500


class EventAnswer(Document):
    """The result for one event."""

    index: int = Field(description="The position in the batch, from 0.")
    id: str | None
    status: Literal["accepted", "rejected"]
    code: str | None = Field(
        description="Why the event can never be accepted.", examples=["too_old"]
    )
    reason: str | None


class EventsDocument(Document):
    """The results of a batch. Accepted events are counted once."""

    accepted: int
    rejected: int
    events: list[EventAnswer]


def by_name(counts: Mapping[Any, int]) -> dict[str, int]:
    """Return counts in the order of their names."""
    return {str(name): counts[name] for name in sorted(counts)}


class IngestDocument(Document):
    """Counts of ingested events by result."""

    accepted: int
    duplicates: int
    rejected: Annotated[Mapping[str, int], BeforeValidator(by_name)] = Field(
        description="Rejected events by code."
    )


class LogIngestDocument(IngestDocument):
    """Counts of ingested log records by result, if some had no usage."""

    ignored: int = Field(description="Log records without usage.")


def ingest_document(tally: Tally) -> IngestDocument:
    """Return the document of a tally."""
    kind = LogIngestDocument if tally.ignored else IngestDocument
    return kind.model_validate(tally)


class DeadLetterDocument(Document):
    """An event that was not counted."""

    id: str
    code: str = Field(examples=["unknown_subscription"])
    reason: str
    hub: str
    partition: str
    sequence: int
    received: str
    body_bytes: int
    body: str | None = Field(None, description="The start of the body; null in lists of the API.")

    @classmethod
    def of(cls, letter: DeadLetter, *, body_bytes: int = 0) -> Self:
        """Return a letter as a document, with the first bytes of its body."""
        body = letter.body[:body_bytes].decode(errors="replace") if body_bytes else None
        return cls(
            id=letter.id,
            code=letter.code,
            reason=letter.reason,
            hub=letter.hub,
            partition=letter.partition,
            sequence=letter.sequence,
            received=format_instant(letter.received),
            body_bytes=len(letter.body),
            body=body,
        )


type _Prefix = Annotated[str, Field(min_length=1, max_length=64)]


class DeadLettersRequest(RequestBody):
    """The letters to replay or drop: by id, by code, or all of them, latest first."""

    ids: list[_Prefix] | None = Field(None, min_length=1, max_length=MAX_DEAD_LETTERS)
    code: str | None = Field(None, max_length=64, examples=["unknown_subscription"])
    every: bool = Field(False, description="All letters, or all with `code` if it is given.")


class DeadLetterReplay(IngestDocument):
    """The result of replaying letters. Rejected letters are kept."""

    letters: int

    @classmethod
    def of_letters(cls, letters: int, tally: Tally) -> Self:
        """Return the result of replaying a number of letters."""
        return cls(letters=letters, **dict(IngestDocument.model_validate(tally)))


class DroppedDeadLetters(Document):
    """The number of letters that were deleted."""

    letters: int


class RecountedDeadLetters(Document):
    """The numbers of dead letters by code, as they were remembered and as they are."""

    before: Mapping[str, int] = Field(examples=[{"not_json": 3}])
    after: Mapping[str, int] = Field(examples=[{"not_json": 4}])


class PendingDocument(Document):
    """Counts of streams and log rows that wait for each other."""

    waiting: int = Field(description="Streams that wait for their token counts.")
    missing: int = Field(description="Streams given up in the last week.")
    unclaimed: int = Field(
        description="Requests in logs that nobody reported and that were not recovered, last week."
    )
    recovering: int = Field(description="Requests in logs that wait for their report.")
