"""All metric names: those the code emits, alerts query and the workbook shows.

Names begin with `gen_ai` where OpenTelemetry's GenAI conventions have one, else with `metering`.
`metric_table.py` has the meaning and the labels of each.
"""

from typing import Final, Literal, get_args

#: Counters: how many (or how much) since the last export.
type Counter = Literal[
    "metering.events.accepted",
    "metering.events.duplicate",
    "metering.events.rejected",
    "metering.ledger.stopped",
    "metering.batch.stopped",
    "metering.commit.conflicts",
    "metering.store.request_units",
    "metering.store.throttled",
    "metering.streams.missing",
    "metering.streams.unclaimed",
    "metering.streams.recovered",
    "metering.usage.priced",
    "metering.usage.amount",
    "metering.effects.delivered",
    "metering.effects.postponed",
    "metering.effects.parked",
    "metering.admission.verdicts",
    "metering.suspension.actions",
    "metering.rollup.pages",
    "metering.close.closed",
    "metering.alerts",
]

#: Histograms: a distribution, with its sum, count, least and greatest.
type Histogram = Literal[
    "gen_ai.client.token.usage",
    "metering.batch.events",
    "metering.batch.lag_ms",
    "metering.function.duration_ms",
    "metering.commit.latency_ms",
    "metering.admission.latency_ms",
    "metering.hub.lag_ms",
]

#: Kinds of faults that need a person: the values of the label `fault`.
type Fault = Literal[
    "anchors",
    "batch",
    "closing",
    "effect",
    "export",
    "ledger",
    "other",
    "overdue",
    "rollup",
    "suspension",
]

#: Gauges: how many there are now, set by timers, so by one process at a time. Exported once for
#: each time that they are set: a value that nobody has set since is not told again.
type Gauge = Literal[
    "metering.streams.pending",
    "metering.usage.unpriced",
    "metering.ledger.segment_bytes",
    "metering.prices.age_days",
    "metering.effects.waiting",
    "metering.close.waiting",
    "metering.close.overdue",
]

type Metric = Counter | Histogram | Gauge

COUNTERS: Final[tuple[Counter, ...]] = get_args(Counter.__value__)
HISTOGRAMS: Final[tuple[Histogram, ...]] = get_args(Histogram.__value__)
GAUGES: Final[tuple[Gauge, ...]] = get_args(Gauge.__value__)
METRICS: Final[tuple[Metric, ...]] = (*COUNTERS, *HISTOGRAMS, *GAUGES)


#: Bounds of the distribution of tokens, as the GenAI conventions set them: powers of four.
TOKEN_BOUNDS: Final = tuple(4**power for power in range(14))
#: Bounds of times in milliseconds, from the quick commit to the deadline of a function.
MS_BOUNDS: Final = (
    1,
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    15_000,
    60_000,
    300_000,
)
#: Bounds of the size of a batch.
COUNT_BOUNDS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


def bounds_of(name: Histogram) -> tuple[int, ...]:
    """Return the upper bounds of the buckets of a distribution."""
    match unit_of(name):
        case "{token}":
            return TOKEN_BOUNDS
        case "ms":
            return MS_BOUNDS
        case _:
            return COUNT_BOUNDS


def unit_of(name: Metric) -> str:
    """Return the unit of a metric as UCUM and OpenTelemetry write it."""
    match name.rpartition(".")[2].rpartition("_")[2]:
        case "usage":
            return "{token}"
        case "amount":
            return "{currency}"
        case "ms":
            return "ms"
        case "days":
            return "d"
        case "units":
            return "{request unit}"
        case _:
            return "1"
