"""A simulation of how batches form, with the savings and cost of a wait at their end.

A receive hands over what came within 20 ms of the first event, and at once what prefetch gathered
while the invocation before it ran. Events of a partition are taken in by one invocation at a time.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import ceil
from typing import Final, NamedTuple
from zlib import crc32

from benchmarks.arrivals import subject, tenants, times
from benchmarks.timing import Progress
from metering.core.basics.instants import SECOND, Instant
from metering.core.hubs.batch_wait import DEFAULT_WAIT, wait_after

RATES: Final = {1: 600, 10: 300, 100: 100, 1_000: 20}
"""Requests a second, and the seconds for which each is simulated."""
TENANTS: Final = (10, 100, 1_000)
PARTITIONS: Final = (4, 8, 32)
WAITS: Final = (0.5, 1.0, 2.0, 5.0)

#: The wait for more events after the first one of a receive (Azure.Messaging.EventHubs 5.12.2).
_GATHER_S: Final = 0.02
#: maxEventBatchSize and prefetchCount of host.json.
_MOST: Final = 1_000
#: One request to the store; a batch makes two, and one for each of its ledgers.
_STORE_S: Final = 0.01
_FIXED_REQUESTS: Final = 2
#: A hub's instances: its unprocessed events by this (docs/sizing.md), of so many GB each.
_EVENTS_AN_INSTANCE: Final = 1_000
_GB: Final = 2
#: Flex Consumption bills at least so many seconds whenever an instance begins to work.
_LEAST_BILLED_S: Final = 1.0
#: US dollars, as in docs/sizing.md: a GB-second, a run, a request unit of an hour used evenly.
_USD_A_GB_SECOND: Final = 0.000026
_USD_A_RUN: Final = 0.4 / 1_000_000
_USD_AN_RU: Final = 0.012 / 100 / 3_600


class Charges(NamedTuple):
    """The store's charges, in request units."""

    batch: float
    """For each batch, whatever is in it."""
    commits: Mapping[int, float]
    """For one commit, by the number of its events."""

    def of(self, events: int) -> float:
        """Return the charge of a commit, between the sizes that were measured."""
        sizes = sorted(self.commits)
        place = min(max(bisect_right(sizes, events), 1), len(sizes) - 1)
        low, high = sizes[place - 1], sizes[place]
        share = (min(events, high) - low) / (high - low)
        return self.commits[low] + share * (self.commits[high] - self.commits[low])


class Formed(NamedTuple):
    """The result at one rate of requests."""

    ru_per_1000_requests: float
    events_a_batch: float
    events_a_commit: float
    delay_mean_s: float
    delay_p99_s: float
    instances: int
    busy: float
    """The share of the time in which a billed instance works."""
    usd_a_million: float


class Wait(NamedTuple):
    """A way to wait at the end of a batch."""

    name: str
    longest: Instant = 0
    falls: bool = False
    """Whether it falls with the size of the batch."""
    if_busy: bool = False
    """Whether a batch that came long after the one before it is not waited after."""

    def after(self, events: int, idle: float | None) -> float:
        """Return the seconds after a batch that began so many seconds after the last one."""
        if not self.falls:
            return self.longest / SECOND
        if not self.if_busy:
            since: Instant | None = 0
        else:
            since = None if idle is None else round(idle * SECOND)
        return wait_after(events, since, self.longest) / SECOND


NO_WAIT: Final = Wait("none")


def ways() -> list[Wait]:
    """Return the ways to wait that are compared."""
    found = [NO_WAIT]
    for seconds in WAITS:
        longest, name = round(seconds * SECOND), f"{seconds:g} s"
        found += [
            Wait(f"{name}, fixed", longest),
            Wait(f"{name}, falling", longest, falls=True),
            Wait(f"{name}, falling, if busy", longest, falls=True, if_busy=True),
        ]
    return found


#: What is shipped.
SHIPPED: Final = Wait("shipped", DEFAULT_WAIT, falls=True, if_busy=True)


class _Run(NamedTuple):
    """One invocation: its events, each a time and a tenant, and its times in seconds."""

    events: Sequence[tuple[float, int]]
    start: float
    counted: float
    end: float

    def sizes(self) -> Counter[int]:
        """Return the number of events in each commit, by tenant."""
        return Counter(owner for _, owner in self.events)


def simulate(
    charges: Charges, per_second: int, of_tenants: int, partitions: int, wait: Wait
) -> Formed:
    """Return how requests of this rate go through."""
    seconds = RATES[per_second]
    moments = times(per_second, seconds)
    owners = tenants(of_tenants, len(moments))
    queues: list[list[tuple[float, int]]] = [[] for _ in range(partitions)]
    for moment, owner in zip(moments, owners, strict=True):
        queues[crc32(subject(owner).encode()) % partitions].append((moment, owner))
    by_partition = [list(_invocations(queue, wait)) for queue in queues]
    runs = [run for some in by_partition for run in some]
    commits = [size for run in runs for size in run.sizes().values()]
    units = charges.batch * len(runs) + sum(map(charges.of, commits))
    delays = sorted(run.counted - moment for run in runs for moment, _ in run.events)
    # Little's law: the mean number of unprocessed events is their time until the checkpoint.
    unprocessed = sum(run.end - moment for run in runs for moment, _ in run.events) / seconds
    instances = min(partitions, max(1, ceil(unprocessed / _EVENTS_AN_INSTANCE)))
    billed = sum(_billed(by_partition[first::instances]) for first in range(instances))
    events = len(moments)
    usd = billed * _GB * _USD_A_GB_SECOND + len(runs) * _USD_A_RUN + units * _USD_AN_RU
    return Formed(
        round(units / events * 1_000, 1),
        round(events / len(runs), 1),
        round(events / len(commits), 1),
        round(sum(delays) / events, 3),
        round(delays[int(0.99 * (events - 1))], 3),
        instances,
        round(billed / instances / seconds, 2),
        round(usd / events * 1_000_000, 2),
    )


def _invocations(queue: Sequence[tuple[float, int]], wait: Wait) -> Iterator[_Run]:
    """Return the invocations of one partition, in order."""
    taken, free, last = 0, 0.0, None
    while taken < len(queue):
        first = queue[taken][0]
        start = free if first <= free else first + _GATHER_S
        upto = bisect_right(queue, start, taken, key=lambda event: event[0])
        run = _Run(queue[taken : min(upto, taken + _MOST)], start, 0.0, 0.0)
        requests = _FIXED_REQUESTS + len(run.sizes())
        counted = start + requests * _STORE_S
        end = counted + wait.after(len(run.events), None if last is None else start - last)
        yield run._replace(counted=counted, end=end)
        taken += len(run.events)
        free = last = end


def _billed(partitions: Sequence[Sequence[_Run]]) -> float:
    """Return the seconds for which an instance is billed: it works on its partitions at once."""
    seconds, until = 0.0, 0.0
    for run in sorted((run for some in partitions for run in some), key=lambda run: run.start):
        if run.start > until:
            until = run.start + _LEAST_BILLED_S
            seconds += _LEAST_BILLED_S
        if run.end > until:
            seconds += run.end - until
            until = run.end
    return seconds


def batches_document(progress: Progress) -> dict[str, object]:
    """Measure what commits are charged, and simulate every combination with it."""
    from benchmarks.finals import measured_charges  # noqa: PLC0415, it needs what only tests need

    progress("request units of commits by their size")
    charges = measured_charges()
    return {
        "charges": {"batch": charges.batch, **{str(n): ru for n, ru in charges.commits.items()}},
        "grid": grid(charges, progress),
    }


def grid(charges: Charges, progress: Progress) -> list[dict[str, object]]:
    """Simulate every rate, number of tenants, number of partitions and way to wait."""
    found: list[dict[str, object]] = []
    for per_second, of_tenants, partitions in product(RATES, TENANTS, PARTITIONS):
        progress(f"{per_second} requests/s, {of_tenants} tenants, {partitions} partitions")
        place = {"requests_per_s": per_second, "tenants": of_tenants, "partitions": partitions}
        none = simulate(charges, per_second, of_tenants, partitions, NO_WAIT)
        for wait in ways():
            formed = simulate(charges, per_second, of_tenants, partitions, wait)
            added = round(formed.delay_mean_s - none.delay_mean_s, 3)
            line = {"wait": wait.name, **formed._asdict(), "overshoot_added_s": added}
            found.append({**place, **line})
    return found
