"""Requests as they arrive: many tenants, unevenly busy, one after the other in time."""

import json
from bisect import bisect
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from math import log
from typing import Any, NamedTuple

from metering.core.basics.instants import SECOND, Instant, format_instant
from metering.local.demo.trace import TraceRow
from metering.local.demo.traffic import assign, body


class Arrival(NamedTuple):
    """One request: when it began, whose it is, and its event as a final one."""

    time: Instant
    tenant: int
    event: dict[str, Any]


class Moment:
    """A clock that is set to the time of what happens next."""

    def __init__(self, at: Instant) -> None:
        self.at = at

    def now(self) -> Instant:
        """Return the time that was set last."""
        return self.at


def shares(name: str) -> Iterator[float]:
    """Yield numbers between 0 and 1, evenly spread and the same in every run."""
    number = 0
    while True:
        digest = blake2b(f"{name} {number}".encode(), digest_size=8).digest()
        yield (int.from_bytes(digest) + 1) / (2**64 + 1)
        number += 1


@lru_cache(maxsize=8)
def times(per_second: float, seconds: float) -> tuple[float, ...]:
    """Return the seconds at which requests arrive, independently of each other."""
    found: list[float] = []
    now = 0.0
    for share in shares("times"):
        now -= log(share) / per_second
        if now >= seconds:
            break
        found.append(now)
    return tuple(found)


@lru_cache(maxsize=32)
def tenants(count: int, number: int) -> tuple[int, ...]:
    """Return whose each of so many requests is: the n-th tenant sends 1/n of the first (Zipf)."""
    weights = list(accumulate(1 / rank for rank in range(1, count + 1)))
    drawn = shares("tenants")
    return tuple(bisect(weights, next(drawn) * weights[-1]) for _ in range(number))


def arrivals(start: Instant, per_second: float, seconds: float, of_tenants: int) -> list[Arrival]:
    """Return the requests of a span, as final events of the demo's seven models."""
    moments = times(per_second, seconds)
    owners = tenants(of_tenants, len(moments))
    sizes = shares("tokens")
    found: list[Arrival] = []
    for number, (moment, owner) in enumerate(zip(moments, owners, strict=True)):
        time = start + round(moment * SECOND)
        row = TraceRow(number, time, round(4_000 * next(sizes)), round(800 * next(sizes)))
        event = json.loads(body(assign(row), time, "mix"))
        event |= {"id": request_id(number), "subject": subject(owner)}
        found.append(Arrival(time, owner, event))
    return found


def request_id(number: int) -> str:
    """Return an id as the gateway makes them: of 36 characters."""
    return f"{number:08x}-1111-4111-8111-{number:012x}"


def subject(tenant: int) -> str:
    """Return the subscription of a tenant."""
    return f"tenant-{tenant:04d}"


def at(event: dict[str, Any], time: Instant) -> dict[str, Any]:
    """Return an event at another time."""
    return {**event, "time": format_instant(time)}
