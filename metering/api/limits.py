"""Rate limits: one token bucket per recent caller, in this process."""

from collections import OrderedDict
from typing import Final

from metering.api.problems import Problem
from metering.core.installation.rate_limit import Bucket, take
from metering.ports import Clock

#: Callers remembered: enough for every tenant of a large installation to use the dashboard.
_MAX_CALLERS: Final = 10_000
#: Burst size, in seconds of the rate.
_BURST_S: Final = 2


class RateLimits:
    """The buckets of all callers."""

    def __init__(self, per_second: int | None, clock: Clock) -> None:
        """Set the rate per second; None means no limit."""
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request of a caller. Raises 429 if the limit is exceeded."""
        if self._per_second is None:
            return
        burst = self._per_second * _BURST_S
        known = self._buckets.get(caller)
        bucket, wait_s = take(known, self._clock.now(), self._per_second, burst)
        self._buckets[caller] = bucket
        self._buckets.move_to_end(caller)
        if len(self._buckets) > _MAX_CALLERS:
            self._buckets.popitem(last=False)
        if wait_s:
            raise Problem(
                429,
                f"The limit is {self._per_second} requests per second; retry in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
