"""Effects: what should happen outside because of a commit, kept until it has happened.

They are written in the transaction of the commit (a transactional outbox), so that none is lost
and none is made up. Telling the outside is at least once: a receiver goes by the key.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.head import Head
from metering.core.instants import HOUR, MINUTE, Instant
from metering.core.periods import LedgerId

#: Failures after which an effect is given up: with the pauses between them about six hours.
MAX_ATTEMPTS: Final = 12
_FIRST_PAUSE: Final = MINUTE
_LONGEST_PAUSE: Final = HOUR
#: An effect as stored, at most: its detail is a name of 256 characters, escaped, and the rest.
MAX_EFFECT_BYTES: Final = 4_000


class EffectKind(StrEnum):
    """What is to be told. Stable: stores and receivers rely on the text."""

    UNPRICED = "unpriced"
    """A model was used that has no price, for the first time in this ledger; detail: the model."""


class Effect(NamedTuple):
    """One thing that should happen outside because of one commit."""

    ledger: LedgerId
    page: int
    """Number of the commit's last page."""
    position: int
    """0 for the first effect of the commit."""
    kind: EffectKind
    detail: str
    created: Instant
    """When the commit was made."""

    @property
    def id(self) -> str:
        """The id within the ledger, e.g. `effect-00000007-0`."""
        return f"effect-{self.page:08d}-{self.position}"

    @property
    def key(self) -> str:
        """The idempotency key: a receiver that has seen it need do nothing."""
        return f"{self.ledger}/{self.id}"


def effects_of(before: Head, after: Head) -> tuple[Effect, ...]:
    """Return the effects of the commit that turned one head into the other, always the same."""
    models = sorted(_unpriced_models(after) - _unpriced_models(before))
    return tuple(
        Effect(after.ledger, after.pages, position, EffectKind.UNPRICED, model, after.committed)
        for position, model in enumerate(models)
    )


def _unpriced_models(head: Head) -> set[str]:
    """Return the models with requests that have no price; "" where none was named."""
    return {rate.model or "" for rate, line in head.lines.items() if line.unpriced}


def describe(effect: Effect) -> str:
    """Return what an effect says to a person, in one line."""
    return f"{effect.ledger}: {_TEXTS[effect.kind](effect.detail)}"


def _unpriced(model: str) -> str:
    # As a literal: a producer chose the name, and a line break in it must not make a second line.
    return f"usage of {f'model {model!r}' if model else 'an unnamed model'} has no price"


_TEXTS: Final[dict[EffectKind, Callable[[str], str]]] = {EffectKind.UNPRICED: _unpriced}


def pause_after(attempts: int) -> Instant | None:
    """Return how long to wait after so many failed attempts, in microseconds.

    One minute after the first, twice as long after each other one, at most an hour; None after
    MAX_ATTEMPTS: then it is given up.
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    return min(_FIRST_PAUSE << (attempts - 1), _LONGEST_PAUSE)
