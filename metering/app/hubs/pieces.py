"""Pieces of a batch that are done, so that another attempt starts where the last one stopped."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
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


async def each[T](things: Sequence[T], work: Callable[[T], Awaitable[None]], at_once: int) -> None:
    """Do the work for all things, so many at once; after a failure begin with no other.

    What has begun is finished, so that it need not be done again. Raises the first failure.
    """
    left = iter(things)
    failures: list[Exception] = []

    async def worker() -> None:
        for thing in left:
            try:
                await work(thing)
            except Exception as failure:  # noqa: BLE001, raised below
                failures.append(failure)
            if failures:
                return

    await asyncio.gather(*(worker() for _ in range(min(at_once, len(things)))))
    if failures:
        raise failures[0]
