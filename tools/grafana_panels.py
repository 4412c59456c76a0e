"""The panels of the Grafana dashboards, and the query of each in KQL and in PromQL."""

from typing import Final, Literal, NamedTuple

from metering.core.installation.gen_ai import CURRENCY, PROVIDER, SERVED, TOKEN_TYPE
from metering.core.installation.metrics import COUNTERS, GAUGES, Metric
from metering.local.prometheus import prometheus_name, series_of

type How = Literal["sum", "mean", "greatest", "count"]
"""Of a counter or of tokens the sum; of a distribution the mean, the greatest or how many; of a
gauge the greatest."""


class Panel(NamedTuple):
    """A chart of one or more metrics, each of which is a line for every value of the labels."""

    title: str
    metrics: tuple[Metric, ...]
    labels: tuple[str, ...] = ()
    how: How = "sum"
    unit: str = "short"


#: By row of the dashboard.
PANELS: Final[dict[str, tuple[Panel, ...]]] = {
    "Usage": (
        Panel("Tokens, input and output", ("gen_ai.client.token.usage",), (TOKEN_TYPE,)),
        Panel("Tokens by model", ("gen_ai.client.token.usage",), (SERVED,)),
        Panel("Amount by model and currency", ("metering.usage.amount",), (SERVED, CURRENCY)),
        Panel("Amount by provider and currency", ("metering.usage.amount",), (PROVIDER, CURRENCY)),
    ),
    "Is everything counted?": (
        Panel("Not counted yet, by hub", ("metering.hub.lag_ms",), ("hub",), "greatest", "ms"),
        Panel(
            "Age of the newest event", ("metering.batch.lag_ms",), ("function",), "greatest", "ms"
        ),
        Panel("Events counted", ("metering.events.accepted",), ("function",)),
        Panel("Duplicates", ("metering.events.duplicate",), ("function",)),
        Panel("Dead letters by code", ("metering.events.rejected",), ("code",)),
        Panel("Batch size", ("metering.batch.events",), ("function",), "mean"),
        Panel("Batches held, events parked", ("metering.batch.stopped", "metering.ledger.stopped")),
        Panel("Faults that need a person", ("metering.alerts",), ("fault",)),
    ),
    "Streams": (
        Panel("Waiting for counts", ("metering.streams.pending",), (), "greatest"),
        Panel(
            "Missing, unclaimed, recovered",
            (
                "metering.streams.missing",
                "metering.streams.unclaimed",
                "metering.streams.recovered",
            ),
        ),
    ),
    "Prices, effects, periods": (
        Panel("Requests without a price", ("metering.usage.unpriced",), (), "greatest"),
        Panel("Age of prices", ("metering.prices.age_days",), ("source",), "greatest", "d"),
        Panel("Requests priced later", ("metering.usage.priced",)),
        Panel(
            "Effects",
            (
                "metering.effects.delivered",
                "metering.effects.postponed",
                "metering.effects.parked",
            ),
        ),
        Panel("Effects given up", ("metering.effects.waiting",), (), "greatest"),
        Panel("Periods", ("metering.close.waiting", "metering.close.overdue"), (), "greatest"),
        Panel("Periods closed", ("metering.close.closed",)),
        Panel("Pages rolled up", ("metering.rollup.pages",)),
    ),
    "Admission and cut-off": (
        Panel("Verdicts", ("metering.admission.verdicts",), ("verdict",)),
        Panel("Time of a verdict", ("metering.admission.latency_ms",), (), "mean", "ms"),
        Panel("Subscriptions changed", ("metering.suspension.actions",), ("action",)),
    ),
    "Store and functions": (
        Panel("Time of a commit", ("metering.commit.latency_ms",), (), "mean", "ms"),
        Panel("Commits that lost a race", ("metering.commit.conflicts",)),
        Panel("Request units by container", ("metering.store.request_units",), ("container",)),
        Panel("Throttled requests", ("metering.store.throttled",), ("container",)),
        Panel("Longest run", ("metering.function.duration_ms",), ("function",), "greatest", "ms"),
        Panel("Runs by outcome", ("metering.function.duration_ms",), ("outcome",), "count"),
        Panel(
            "Largest open segment",
            ("metering.ledger.segment_bytes",),
            (),
            "greatest",
            "decbytes",
        ),
    ),
}

_FIGURES: Final[dict[How, str]] = {
    "sum": "sum(valueSum)",
    "mean": "sum(valueSum) / sum(valueCount)",
    "greatest": "max(valueMax)",
    "count": "sum(valueCount)",
}


def kql(panel: Panel) -> str:
    """Return the query of a panel over the component of Application Insights."""
    names = ", ".join(f"'{name}'" for name in panel.metrics)
    by = f"series = {_joined(panel.labels)}" if panel.labels else "name"
    role = " and cloud_RoleName has 'metering'" if panel.metrics[0].startswith("gen_ai") else ""
    return (
        f"customMetrics\n| where name in ({names}){role}\n"
        f"| summarize figure = {_FIGURES[panel.how]} by bin(timestamp, $__interval), {by}\n"
        "| order by timestamp asc"
    )


def promql(metric: Metric, panel: Panel) -> str:
    """Return the query of one metric of a panel."""
    series = series_of(metric)
    by = [prometheus_name(label) for label in panel.labels]
    if metric in GAUGES:
        return f"max{_by(by)} ({series})"
    if metric in COUNTERS:
        return f"sum{_by(by)} (increase({series}[$__rate_interval]))"
    match panel.how:
        case "mean":
            total, number = (f"sum{_by(by)} (rate({series}_{of}[$__rate_interval]))" for of in _OF)
            return f"{total} / {number}"
        case "greatest":
            buckets = f"sum{_by([*by, 'le'])} (increase({series}_bucket[$__rate_interval]))"
            return f"histogram_quantile(1, {buckets})"
        case how:
            return f"sum{_by(by)} (increase({series}_{how}[$__rate_interval]))"


_OF: Final = ("sum", "count")


def _joined(labels: tuple[str, ...]) -> str:
    """Return the values of labels as one text: a series of a chart has one name."""
    values = [f"tostring(customDimensions['{label}'])" for label in labels]
    return values[0] if len(values) == 1 else f"strcat({", ' ', ".join(values)})"


def _by(labels: list[str]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
