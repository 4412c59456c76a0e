"""Rate limits: a bucket of tokens for each caller, filled at a steady rate."""

from typing import NamedTuple

from metering.core.basics.instants import SECOND, Instant


class Bucket(NamedTuple):
    """What a caller has left, in millionths of a request, as of an instant."""

    left: int
    at: Instant


def take(bucket: Bucket | None, now: Instant, per_second: int, burst: int) -> tuple[Bucket, int]:
    """Take one request out of a caller's bucket, None for a new caller, which has `burst`.

    Return the bucket after it, and how many seconds to wait where it had none left: 0 otherwise.
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
