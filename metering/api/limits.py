"""Limits of requests and of work: one bucket per recent caller, in this process."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from metering.api.problems import Problem
from metering.core.basics.instants import SECOND, Instant
from metering.ports import Clock

#: Callers remembered: enough for every tenant of a large installation to use the dashboard.
_MAX_CALLERS: Final = 10_000
#: Burst size, in seconds of the rate.
_BURST_S: Final = 2
#: A gateway acts for many subscriptions: it may send so many times the rate, and for each of its
#: subscriptions the rate.
GATEWAY_TIMES: Final = 10
#: Characters of a subscription by which it is remembered; longer ones are refused later.
_MAX_NAME: Final = 257


#: Groups of usage that a caller may read at once, and a second: the largest breakdown that is kept
#: three times, as a dashboard does, and a fifth of a processor from then on.
WORK_BURST: Final = 500_000
WORK_A_SECOND: Final = 20_000
#: Reads of usage that a caller may have under way.
_MAX_OPEN: Final = 4


class Bucket(NamedTuple):
    """The requests a caller may still make, in millionths of a request, as of an instant."""

    left: int
    at: Instant


class RateLimits:
    """The buckets of all callers.

    A key is what the caller has proved, never what it says: a caller that makes up subscriptions
    fills up the buckets of its own requests only.
    """

    def __init__(self, per_second: int | None, clock: Clock) -> None:
        """Set the rate per second; None means no limit."""
        self._per_second = per_second
        self._clock = clock
        self._callers: OrderedDict[str, Bucket] = OrderedDict()
        self._subscriptions: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request of a caller. Raises 429 if the limit is exceeded."""
        if self._per_second is not None:
            self._take(self._callers, caller, self._per_second)

    def take_for(self, gateway: str, subscription: str) -> None:
        """Count one request of a gateway for a subscription. Raises 429 if a limit is exceeded.

        What one subscription sends beyond its own limit takes nothing from the gateway's.
        """
        if self._per_second is None:
            return
        if subscription:
            key = gateway, subscription[:_MAX_NAME]
            self._take(self._subscriptions, key, self._per_second)
        self._take(self._callers, gateway, GATEWAY_TIMES * self._per_second)

    def _take[K](self, buckets: OrderedDict[K, Bucket], key: K, per_second: int) -> None:
        now = self._clock.now()
        bucket, wait_s = take_token(buckets.get(key), now, per_second, per_second * _BURST_S)
        buckets[key] = bucket
        buckets.move_to_end(key)
        if len(buckets) > _MAX_CALLERS:
            buckets.popitem(last=False)
        if wait_s:
            raise Problem(
                429,
                f"The limit is {per_second} requests per second; retry in {wait_s} s.",
                headers={"Retry-After": str(wait_s)},
            )


class WorkBudgets:
    """The work of each caller on reads of usage, whose cost differs by a factor of thousands.

    A read begins only if something of its caller's budget is left, and may overdraw it: the next
    one waits until the debt is paid.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: OrderedDict[str, Bucket] = OrderedDict()
        self._open: Counter[str] = Counter()

    @contextmanager
    def opened(self, caller: str) -> Iterator[Callable[[int], None]]:
        """Return what is to be told of each piece of work, in groups, while a read lasts.

        Raises 429, before anything is read, if the budget is used up or too many reads are open.
        """
        if self._open[caller] >= _MAX_OPEN:
            raise _too_much(f"{_MAX_OPEN} reads of usage are under way", 1)
        left = self._now(caller).left
        if left <= 0:
            wait_s = -((left - 1) // WORK_A_SECOND)
            raise _too_much("These reads of usage cost too much", wait_s)
        self._open[caller] += 1
        try:
            yield lambda groups: self._spend(caller, groups)
        finally:
            self._open[caller] -= 1
            if not self._open[caller]:
                del self._open[caller]

    def _spend(self, caller: str, groups: int) -> None:
        bucket = self._now(caller)
        self._left[caller] = bucket._replace(left=bucket.left - groups)
        self._left.move_to_end(caller)
        if len(self._left) > _MAX_CALLERS:
            self._left.popitem(last=False)

    def _now(self, caller: str) -> Bucket:
        now = self._clock.now()
        bucket = self._left.get(caller)
        if bucket is None:
            return Bucket(WORK_BURST, now)
        earned = max(0, now - bucket.at) * WORK_A_SECOND // SECOND
        return Bucket(min(WORK_BURST, bucket.left + earned), now)


def _too_much(what: str, wait_s: int) -> Problem:
    detail = f"{what}; retry in {wait_s} s, or ask for fewer days or groups."
    return Problem(429, detail, headers={"Retry-After": str(wait_s)})


def take_token(
    bucket: Bucket | None, now: Instant, per_second: int, burst: int
) -> tuple[Bucket, int]:
    """Take one request out of a caller's bucket; None for a new caller, which has `burst`.

    Return the bucket after it, and the seconds to wait if it was empty: 0 otherwise.
    """
    full = burst * SECOND
    filled = full
    if bucket is not None:
        # A clock that was set back adds nothing.
        filled = min(full, bucket.left + max(0, now - bucket.at) * per_second)
    if filled >= SECOND:
        return Bucket(filled - SECOND, now), 0
    lacking = SECOND - filled
    return Bucket(filled, now), max(1, -(-lacking // (per_second * SECOND)))
