"""All metric names: those the code emits, alerts query and the workbook shows.

The unit is the last part of a name unless it is a plain count; labels are in brackets.
docs/observability.md has the responses to them.
"""

from typing import Final, Literal, get_args

#: Counters: how many (or how much) since the last export.
type Counter = Literal[
    # Events counted [function].
    "metering.events.accepted",
    # Duplicate events: an outcome, not an error [function].
    "metering.events.duplicate",
    # Events dead-lettered [function, code].
    "metering.events.rejected",
    # Events dead-lettered because their ledger is broken; also in `rejected` [function].
    "metering.ledger.stopped",
    # Batches stopped because most of their events are unreadable [function].
    "metering.batch.stopped",
    # Commits that lost a race to another writer of the ledger, and were planned again.
    "metering.commit.conflicts",
    # Request units that the store charged, with fractions [container].
    "metering.store.request_units",
    # 429 responses of the store: demand exceeded the provisioned throughput [container].
    "metering.store.throttled",
    # Streams whose counts never arrived, recorded as missing.
    "metering.streams.missing",
    # Counts in logs without a waiting stream; nearly every final request has such a row.
    "metering.streams.unclaimed",
    # Requests recovered from the gateway's logs, since no policy reported them.
    "metering.streams.recovered",
    # Unpriced requests that have been priced.
    "metering.usage.priced",
    # Effects delivered.
    "metering.effects.delivered",
    # Failed deliveries that will be retried.
    "metering.effects.postponed",
    # Effects parked after the last attempt, for an operator.
    "metering.effects.parked",
    # Admission answers to the gateway [verdict: allow, downgrade, block, unknown or unavailable].
    "metering.admission.verdicts",
    # Changes to subscriptions at the gateway [action, outcome: done or failed].
    "metering.suspension.actions",
    # Pages added to rollups.
    "metering.rollup.pages",
    # Periods closed.
    "metering.close.closed",
    # Alerts to operators, each with a log record of level CRITICAL [fault].
    "metering.alerts",
]

#: Histograms: a distribution, with its sum, count, least and greatest.
type Histogram = Literal[
    # Events in a batch [function].
    "metering.batch.events",
    # Age of the newest event of a batch when its function began, in milliseconds [function].
    "metering.batch.lag_ms",
    # How long a function took, in milliseconds [function, outcome: ok, failed or deadline].
    "metering.function.duration_ms",
    # How long a transaction with the store took, whatever came of it, in milliseconds.
    "metering.commit.latency_ms",
    # How long a verdict took, in milliseconds.
    "metering.admission.latency_ms",
    # Age of what a hub holds and nothing has counted, in milliseconds, also without traffic [hub].
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
    # Streams that wait for their counts.
    "metering.streams.pending",
    # Requests without a price in the ledgers of the present and the last period.
    "metering.usage.unpriced",
    # Bytes of pages in the largest open segment of a ledger.
    "metering.ledger.segment_bytes",
    # Days since a source of prices was last read [source].
    "metering.prices.age_days",
    # Parked effects.
    "metering.effects.waiting",
    # Periods past their end that are not closed yet.
    "metering.close.waiting",
    # Periods that should be closed by now.
    "metering.close.overdue",
]

type Metric = Counter | Histogram | Gauge

COUNTERS: Final[tuple[Counter, ...]] = get_args(Counter.__value__)
HISTOGRAMS: Final[tuple[Histogram, ...]] = get_args(Histogram.__value__)
GAUGES: Final[tuple[Gauge, ...]] = get_args(Gauge.__value__)
METRICS: Final[tuple[Metric, ...]] = (*COUNTERS, *HISTOGRAMS, *GAUGES)


def unit_of(name: Metric) -> str:
    """Return the unit of a metric as UCUM and OpenTelemetry write it."""
    match name.rpartition(".")[2].rpartition("_")[2]:
        case "ms":
            return "ms"
        case "days":
            return "d"
        case "units":
            return "{request unit}"
        case _:
            return "1"
