"""How often one caller may ask: a bucket each, in this process, for the last callers."""

from collections import OrderedDict
from typing import Final

from metering.api.problems import Problem
from metering.core.installation.rate_limit import Bucket, take
from metering.ports import Clock

#: Callers remembered, the last ones: a dashboard for each of a large installation's tenants.
_MAX_CALLERS: Final = 10_000
#: How many seconds' worth may be asked at once.
_BURST_S: Final = 2


class RateLimits:
    """What each caller has left."""

    def __init__(self, per_second: int | None, clock: Clock) -> None:
        """Take the rate; None is no limit."""
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request of a caller; raise the problem of one that has none left."""
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
                f"At most {self._per_second} requests a second; wait {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )
