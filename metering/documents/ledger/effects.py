"""Effects: notifications that wait for delivery."""

import json
from collections.abc import Mapping

from pydantic import Field

from metering.core.basics.instants import format_instant
from metering.core.ledger.effect import Effect, EffectKind, describe
from metering.documents.document import Document
from metering.ports import StoredEffect


def effect_detail(effect: Effect) -> Mapping[str, object]:
    """Return the details of an effect as an object; its fields depend on the kind."""
    if effect.kind is EffectKind.UNPRICED:
        return {"model": effect.detail}
    found: dict[str, object] = json.loads(effect.detail)
    return found


class EffectDocument(Document):
    """A notification that waits for delivery, or was given up."""

    key: str = Field(description="Deduplication key of the notification.")
    ledger: str
    kind: str
    detail: Mapping[str, object] = Field(description="Details; the fields depend on the kind.")
    text: str
    created: str
    due: str | None = Field(description="Time of the next attempt; null if it was given up.")
    parked: bool = Field(description="True if delivery was given up.")
    attempts: int
    failure: str | None = Field(description="The last failure.")

    @classmethod
    def of(cls, stored: StoredEffect) -> "EffectDocument":
        """Return a stored effect as a document."""
        effect = stored.effect
        return cls(
            key=effect.key,
            ledger=str(effect.ledger),
            kind=effect.kind,
            detail=effect_detail(effect),
            text=describe(effect),
            created=format_instant(effect.created),
            due=None if stored.due is None else format_instant(stored.due),
            parked=stored.due is None,
            attempts=stored.attempts,
            failure=stored.failure or None,
        )


class RetriedEffects(Document):
    """The result of a retry."""

    effects: int = Field(description="Effects that are due again.")
