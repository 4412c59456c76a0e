"""Crowding: the values that a split quota counts are chosen by callers, so their room is bounded.

A head has `ROOM` bytes for the counters of split quotas, in equal shares. A quota whose counters
take more keeps those of the latest windows, and of one window those with the most usage: whoever is
at a limit stays so. The others begin again at zero with their next request.
"""

import json
from collections import Counter as Tally
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot
from metering.core.ledger.limits import Counter, CounterKey
from metering.core.plans.scope import Values

#: A fifth of what a Cosmos item may have: about 3,500 values of 20 characters.
ROOM: Final = 400_000
#: What a counter, or its holds of one slot, take beside the values in a head.
_ROW_BYTES: Final = 90

type _Held = Mapping[Slot, Mapping[CounterKey, int]]


def crowded_out(
    used: Mapping[CounterKey, Counter], held: _Held, shares: int
) -> frozenset[CounterKey]:
    """Return the counters of `shares` split quotas that there is no room for."""
    by_quota: dict[str, list[CounterKey]] = {}
    for key in used:
        if key.values:
            by_quota.setdefault(key.quota, []).append(key)
    rows = Tally(key for of_slot in held.values() for key in of_slot)
    room = ROOM // shares
    dropped: list[CounterKey] = []
    for keys in by_quota.values():
        sizes = {key: (1 + rows[key]) * _size(key.values) for key in keys}
        if sum(sizes.values()) > room:
            dropped += _least(used, held, sizes, room)
    return frozenset(dropped)


def _least(
    used: Mapping[CounterKey, Counter], held: _Held, sizes: Mapping[CounterKey, int], room: int
) -> list[CounterKey]:
    """Return the counters beyond nine tenths of the room, so that not every page has some."""

    def rank(key: CounterKey) -> tuple[Instant, int, CounterKey]:
        holds = sum(of_slot.get(key, 0) for of_slot in held.values())
        return used[key].end, used[key].used + holds, key

    left, dropped = room * 9 // 10, list[CounterKey]()
    for key in sorted(sizes, key=rank, reverse=True):
        left -= sizes[key]
        if left < 0:
            dropped.append(key)
    return dropped


@lru_cache(maxsize=16_384)
def _size(values: Values) -> int:
    return _ROW_BYTES + len(json.dumps(values))
