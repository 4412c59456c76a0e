"""False blocks and overshoot by the holds of streams: many runs of a simulated day.

Streams come one a second; their counts arrive one to three minutes later. The rule is that of
metering/core/ledger/past.py; a request is refused if what is counted and held reaches the limit.
"""

import heapq
from random import Random  # noqa: TID251, seeded: every run is the same
from typing import Final, NamedTuple

from benchmarks.timing import Progress
from metering.core.ledger.past import START_OUTPUT, Streams, median
from metering.core.usage.buckets import from_names

RUNS: Final = 2_000
_STREAMS: Final = 2_000
_LEAST: Final = 8


class Traffic(NamedTuple):
    """Lengths of answers (log-normal), prompts, and the maximum that each request allows."""

    name: str
    log_median: float
    log_spread: float
    prompt: int
    most: int


TRAFFICS: Final = (
    Traffic("chat", 5.5, 1.0, 400, 4_096),
    Traffic("coding agents", 5.7, 1.3, 20_000, 64_000),
)


class Outcome(NamedTuple):
    """One run: whether a request was refused, and what was used of the limit in the end."""

    refused: bool
    share: float


def run(traffic: Traffic, demand: float, random: Random) -> Outcome:
    """Simulate a day whose demand is so many times its limit."""
    outputs = [
        min(int(random.lognormvariate(traffic.log_median, traffic.log_spread)), traffic.most)
        for _ in range(_STREAMS)
    ]
    limit = (sum(outputs) + _STREAMS * traffic.prompt) / demand
    past, counted, held, used = Streams(), 0, 0, 0
    waiting: list[tuple[float, int, int]] = []
    refused = False
    for second, output in enumerate(outputs):
        while waiting and waiting[0][0] <= second:
            _, size, hold = heapq.heappop(waiting)
            past = past.plus(from_names({"input": traffic.prompt, "output": size}))
            counted, held = counted + traffic.prompt + size, held - hold
        if counted + held >= limit:
            refused = True
            continue
        expected = median(past.lengths) if past.number >= _LEAST else START_OUTPUT
        hold = traffic.prompt + min(expected, traffic.most)
        heapq.heappush(waiting, (second + random.uniform(60, 180), output, hold))
        held, used = held + hold, used + traffic.prompt + output
    return Outcome(refused, used / limit)


def holds_document(progress: Progress, runs: int = RUNS) -> dict[str, object]:
    """Return false blocks of demands below a limit, and overshoot of demands beyond it."""
    rows = []
    for traffic in TRAFFICS:
        random = Random(traffic.name)  # noqa: S311, traffic of a simulation
        progress(f"holds: {runs:,} days of {traffic.name}")
        below = [run(traffic, random.uniform(0.5, 1), random) for _ in range(runs)]
        beyond = [run(traffic, 1.5, random).share - 1 for _ in range(runs // 10)]
        false_blocks = sum(one.refused for one in below)
        rows.append(
            {
                "traffic": traffic.name,
                "runs": runs,
                "false_blocks": false_blocks,
                "met": false_blocks <= runs // 1_000,
                "beyond_most_percent": round(100 * max(beyond), 2),
            }
        )
    return {"holds": rows}
