"""A store whose writes may fail before or after they are done; everything else is as it is."""

from collections.abc import Awaitable, Callable
from typing import Any

_WRITES = ("put_statement", "replace_account", "write")


class FaultyWrites:
    """Any store, where a test lets something go wrong around a write."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.before: list[Callable[[], Any]] = []
        self.after: list[Callable[[], Any]] = []
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        """Return a method of the store, with room for a fault where it writes."""
        found = getattr(self._store, name)
        return self._around(found) if name in _WRITES else found

    def _around(self, write: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def around(*arguments: Any) -> Any:
            self.writes += 1
            await _next(self.before)
            answer = await write(*arguments)
            await _next(self.after)
            return answer

        return around


async def _next(faults: list[Callable[[], Any]]) -> None:
    if faults:
        waits = faults.pop(0)()
        if waits is not None:
            await waits
