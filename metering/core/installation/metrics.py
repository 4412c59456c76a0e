"""The names of all metrics: what the code emits, and all that alerts and the workbook may ask for.

Each has its unit last in its name, where it is not a plain count, and its labels in brackets.
docs/observability.md says what to do about them.
"""

from typing import Final, Literal, get_args

#: Counters: how many (or how much) since the last export.
type Counter = Literal[
    # Usage that was counted, by function [function].
    "metering.events.accepted",
    # Events that were known already: an answer, not an error [function].
    "metering.events.duplicate",
    # Events set aside as dead letters [function, code].
    "metering.events.rejected",
    # Events parked because their ledger cannot be trusted; rejected, too [function].
    "metering.ledger.stopped",
    # Batches held up because most of them cannot be read [function].
    "metering.batch.stopped",
    # Commits that another writer of the ledger came before, and that were planned again.
    "metering.commit.conflicts",
    # Request units that the store charged, with fractions [container].
    "metering.store.request_units",
    # Answers 429 of the store: it was asked for more than is provisioned [container].
    "metering.store.throttled",
    # Streams whose counts never came: entries that say so.
    "metering.streams.missing",
    # Counts in logs that no stream waited for when they came; nearly every final request has some.
    "metering.streams.unclaimed",
    # Requests that no policy reported, published from the gateway's logs.
    "metering.streams.recovered",
    # Requests that got the price they were waiting for.
    "metering.usage.priced",
    # Effects that their receiver has.
    "metering.effects.delivered",
    # Failed attempts to deliver an effect; it is tried again.
    "metering.effects.postponed",
    # Effects that were given up: a person has to look at them.
    "metering.effects.parked",
    # Answers to the gateway [verdict: allow, downgrade, block, unknown or unavailable].
    "metering.admission.verdicts",
    # Subscriptions of the gateway that were changed, or could not be [action, outcome].
    "metering.suspension.actions",
    # Pages taken into the usage by day and dimension.
    "metering.rollup.pages",
    # Periods that were closed.
    "metering.close.closed",
    # Faults that were told to a person, each with a log record of level CRITICAL.
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
]

#: Gauges: how many there are now, set by timers, so by one process at a time.
type Gauge = Literal[
    # Streams whose counts are awaited.
    "metering.streams.pending",
    # Requests without a price in the ledgers of the present and the last period.
    "metering.usage.unpriced",
    # Days since a source of prices was last read [source].
    "metering.prices.age_days",
    # Effects that were given up and still wait for a person.
    "metering.effects.waiting",
    # Periods that are over and not closed yet, whatever they wait for.
    "metering.close.waiting",
    # Those of them that should be closed by now.
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
