"""The rate of requests by key, as `rate-limit-by-key` of API Management keeps it."""

import time
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Final

_WINDOW_S: Final = 60


class Rate:
    """The requests of each key in the last minute; a sliding window."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._taken: defaultdict[str, deque[float]] = defaultdict(deque)

    def wait_s(self, key: str, calls: int) -> int:
        """Take a request and return zero, or return how long to wait where there are too many."""
        now, taken = self._now(), self._taken[key]
        while taken and taken[0] <= now - _WINDOW_S:
            taken.popleft()
        if len(taken) < calls:
            taken.append(now)
            return 0
        return max(1, round(taken[0] + _WINDOW_S - now))
