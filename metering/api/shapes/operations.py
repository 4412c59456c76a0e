"""What operators look after: dead letters, effects, proofs, the audit log."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import Field

from metering.api.instants import told
from metering.api.shapes.plain import Shape, Wish
from metering.app.hubs.batch import Tally
from metering.app.reports.verify import Verdict
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.ledger.effect import describe
from metering.core.tenancy.audit import AuditEntry
from metering.ports import DeadLetter, StoredEffect

#: Of a body that is shown: enough to see what it is.
SHOWN_BODY_BYTES: Final = 20_000
#: Letters that one request sends again.
MAX_LETTERS: Final = 500


class DeadLetterShown(Shape):
    """An event that was not counted."""

    id: str
    code: str = Field(examples=["unknown_subscription"])
    reason: str
    hub: str
    partition: str
    sequence: int
    received: str
    body_bytes: int
    body: str | None = Field(None, description="Its beginning; only of a single letter.")

    @classmethod
    def of(cls, letter: DeadLetter, *, whole: bool = False) -> "DeadLetterShown":
        """Return a letter, with its body where one alone is shown."""
        body = letter.body[:SHOWN_BODY_BYTES].decode(errors="replace") if whole else None
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


class LettersWanted(Wish):
    """Which letters: by their ids, or the latest of a code, or the latest of all."""

    ids: list[_Prefix] | None = Field(None, min_length=1, max_length=MAX_LETTERS)
    code: str | None = Field(None, max_length=64, examples=["unknown_subscription"])
    every: bool = Field(False, description="All of them, of the code if one is given.")


class Replayed(Shape):
    """What became of letters that were sent again."""

    letters: int
    accepted: int
    duplicates: int
    rejected: Mapping[str, int] = Field(description="By code; these stay.")

    @classmethod
    def of(cls, letters: int, tally: Tally) -> "Replayed":
        """Return a tally."""
        rejected = {str(code): number for code, number in tally.rejected.items()}
        return cls(
            letters=letters,
            accepted=tally.accepted,
            duplicates=tally.duplicates,
            rejected=rejected,
        )


class Dropped(Shape):
    """How many letters were forgotten."""

    letters: int


class EffectShown(Shape):
    """Something that the outside is still to be told, or that was given up."""

    key: str
    ledger: str
    kind: str
    text: str
    created: str
    due: str | None
    parked: bool
    attempts: int
    failure: str | None

    @classmethod
    def of(cls, stored: StoredEffect) -> "EffectShown":
        """Return an effect."""
        effect = stored.effect
        return cls(
            key=effect.key,
            ledger=str(effect.ledger),
            kind=effect.kind,
            text=describe(effect),
            created=format_instant(effect.created),
            due=told(stored.due),
            parked=stored.due is None,
            attempts=stored.attempts,
            failure=stored.failure or None,
        )


class DueAgain(Shape):
    """How many effects are due again."""

    effects: int


class Proof(Shape):
    """What proving a ledger found."""

    ledger: str
    holds: bool
    pages: int
    entries: int
    amount: str
    last_hash: str
    faults: list[str]

    @classmethod
    def of(cls, verdict: Verdict) -> "Proof":
        """Return a verdict."""
        return cls(
            ledger=str(verdict.ledger),
            holds=not verdict.faults,
            pages=verdict.pages,
            entries=verdict.entries,
            amount=format_amount(verdict.amount),
            last_hash=verdict.last_hash,
            faults=list(verdict.faults),
        )


class AuditShown(Shape):
    """An entry of the audit log."""

    id: str
    act: str = Field(description="The same before and after.")
    at: str
    author: str
    action: str
    resource: str
    outcome: str
    before: Any
    after: Any

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditShown":
        """Return an entry."""
        before, after = (
            None if text is None else json.loads(text) for text in (entry.before, entry.after)
        )
        return cls.model_validate(
            {
                **entry._asdict(),
                "at": format_instant(entry.at),
                "before": before,
                "after": after,
            }
        )
