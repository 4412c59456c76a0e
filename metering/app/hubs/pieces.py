"""Pieces of a batch that are done, so that another attempt starts where the last one stopped."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

#: Pieces of unfinished batches that a process remembers, the latest ones.
_REMEMBERED: Final = 20_000


def name_of(parts: Iterable[bytes | str]) -> bytes:
    """Return the name of a piece: a hash of what is in it, so only the same again is skipped."""
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8))
        digest.update(content)
    return digest.digest()


class Pieces[T]:
    """The outcomes of the pieces of batches that have not finished."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[bytes, T] = OrderedDict()

    def outcome(self, name: bytes) -> T | None:
        """Return the outcome of a piece that an earlier attempt finished, or None."""
        return self._outcomes.get(name)

    def keep(self, name: bytes, outcome: T) -> None:
        """Remember a finished piece."""
        self._outcomes[name] = outcome
        if len(self._outcomes) > _REMEMBERED:
            self._outcomes.popitem(last=False)

    def forget(self, names: Iterable[bytes]) -> None:
        """Forget the pieces of a batch that has finished."""
        for name in names:
            self._outcomes.pop(name, None)
