"""Each alert rule fires on the failure that it promises to notice, and on nothing else.

The rows are those that Application Insights gets: what the code records goes through the SDK of
OpenTelemetry with the temporality of Microsoft's exporter, and becomes rows of customMetrics.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, cast

import pytest
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableGauge,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    InMemoryMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider

from metering.adapters.telemetry.log import LogAlerts
from metering.adapters.telemetry.open_telemetry import OpenTelemetry, open_telemetry
from metering.app.billing.close_on_time import CloseOnTime
from metering.app.billing.close_periods import Closed, ClosePeriods, Waiting
from metering.app.hubs.hub_lag import WatchHubs
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import MINUTE, Instant
from tests.bicep.bicep_text import MODULES, text_of
from tests.bicep.kql import Row, evaluate
from tests.bicep.queries import METRIC_RULES, RULES, rule_query, workbook_queries
from tests.builders import NOW
from tests.functions import functions
from tests.systems import MovableClock

DELTA, CUMULATIVE = AggregationTemporality.DELTA, AggregationTemporality.CUMULATIVE
#: As azure-monitor-opentelemetry-exporter has it.
EXPORTED: Final = {
    Counter: DELTA,
    Histogram: DELTA,
    ObservableCounter: DELTA,
    ObservableGauge: CUMULATIVE,
    ObservableUpDownCounter: CUMULATIVE,
    UpDownCounter: CUMULATIVE,
}
RULE: Final = {rule["name"]: rule for rule in RULES}
OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThan": lambda figure, threshold: figure > threshold,
    "LessThan": lambda figure, threshold: figure < threshold,
}


class Recorded:
    """Telemetry of one process, and what was exported of it."""

    def __init__(self) -> None:
        self._reader = InMemoryMetricReader(preferred_temporality=cast("Any", EXPORTED))
        self.telemetry: OpenTelemetry = open_telemetry(
            MeterProvider([self._reader]), TracerProvider()
        )
        self.rows: list[Row] = []

    def export(self) -> list[Row]:
        """Export as the exporter does each minute; return the rows of this time."""
        data = self._reader.get_metrics_data()
        made = [
            _row(metric.name, point)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        ]
        self.rows += made
        return made

    def ran(self, function: str, outcome: str = "ok", times: int = 1) -> None:
        for _ in range(times):
            labels = {"function": function, "outcome": outcome}
            self.telemetry.record("metering.function.duration_ms", 10, labels)

    def fired(self) -> set[str]:
        """Return the alerts that fire on all that was exported, as `rule` or `rule:dimension`."""
        self.export()
        return {name for rule in RULES for name in _fired(rule, self.rows)}


def _row(name: str, point: Any) -> Row:
    row: Row = {"name": name, "timestamp": -0.1, "customDimensions": dict(point.attributes)}
    if isinstance(point, HistogramDataPoint):
        return row | {"valueSum": point.sum, "valueCount": point.count, "valueMax": point.max}
    return row | {"valueSum": point.value, "valueCount": 1, "valueMax": point.value}


def _fired(rule: dict[str, Any], rows: Sequence[Row]) -> set[str]:
    found = evaluate(rule_query(rule), {"customMetrics": rows})
    compare = OPERATORS[rule["operator"]]
    return {
        ":".join([rule["name"], *(row[column] for column in rule["split"])])
        for row in found
        if row["figure"] is not None and compare(row["figure"], rule["threshold"])
    }


SCHEDULES: Final[dict[str, str]] = {
    name: bindings[0]["schedule"]
    for name, bindings in functions().items()
    if bindings[0]["type"] == "timerTrigger"
}
#: Timers that run once a day have a rule of their own: an hour without them means nothing.
DAILY: Final = {name for name, schedule in SCHEDULES.items() if schedule.split()[2] != "*"}
TIMERS: Final = set(SCHEDULES) - DAILY


@pytest.fixture
def recorded() -> Recorded:
    """An hour in which every function succeeded and no request came."""
    made = Recorded()
    for timer in sorted(SCHEDULES):
        made.ran(timer, times=2)
    made.telemetry.record("metering.hub.lag_ms", 1_500, {"hub": "usage"})
    made.telemetry.record("metering.hub.lag_ms", 800, {"hub": "gateway-logs"})
    for gauge in ("streams.pending", "usage.unpriced", "effects.waiting", "close.overdue"):
        made.telemetry.set(cast("Any", f"metering.{gauge}"), 0)
    return made


def test_a_quiet_hour_raises_nothing(recorded: Recorded) -> None:
    assert recorded.fired() == set()


def test_an_hour_of_traffic_raises_nothing(recorded: Recorded) -> None:
    for function in ("ingest_usage", "join_usage", "api"):
        recorded.ran(function, times=5_000)
    recorded.telemetry.add("metering.events.accepted", 50_000, {"function": "ingest_usage"})
    recorded.telemetry.add("metering.streams.unclaimed", 40)
    recorded.telemetry.add("metering.admission.verdicts", 900, {"verdict": "allow"})
    recorded.telemetry.record("metering.batch.lag_ms", 4_000, {"function": "ingest_usage"})
    assert recorded.fired() == set()


def test_an_app_that_is_down_is_noticed_and_so_is_each_of_its_timers() -> None:
    down = Recorded()
    stalled = {f"stalled:{timer}" for timer in TIMERS}
    assert down.fired() == {"silent", *stalled, *(f"stalled-daily:{timer}" for timer in DAILY)}


@pytest.mark.parametrize("timer", sorted(SCHEDULES))
def test_a_timer_that_no_longer_runs_is_noticed(timer: str) -> None:
    recorded = Recorded()
    for other in set(SCHEDULES) - {timer}:
        recorded.ran(other, times=2)
    rule = "stalled-daily" if timer in DAILY else "stalled"
    assert recorded.fired() == {f"{rule}:{timer}"}


def _runs_in(schedule: str, minutes: int) -> int:
    """Return how often an NCRONTAB schedule of this app is due in so many minutes, at least."""
    second, minute, *_ = schedule.split()
    if second.startswith("*/"):
        return minutes * 60 // int(second[2:])
    return minutes // int(minute[2:]) if minute.startswith("*/") else minutes


@pytest.mark.parametrize("timer", sorted(TIMERS))
def test_a_timer_that_fails_each_time_is_noticed_within_the_window(timer: str) -> None:
    window = re.fullmatch(r"PT(\d+)M", RULE["failing"]["window"])
    assert window
    runs = _runs_in(SCHEDULES[timer], int(window[1]))
    recorded = Recorded()
    recorded.ran(timer, "failed", runs)
    assert f"failing:{timer}" in recorded.fired()


@pytest.mark.parametrize("function", ["ingest_usage", "join_usage", "api"])
def test_a_function_that_fails_among_many_good_runs_is_noticed(
    recorded: Recorded, function: str
) -> None:
    recorded.ran(function, "ok", 5_000)
    recorded.ran(function, "failed", 11)
    assert recorded.fired() == {f"failing:{function}"}


def test_one_failure_that_passes_by_itself_wakes_nobody(recorded: Recorded) -> None:
    recorded.ran("take_stock", "failed")
    assert recorded.fired() == set()


async def test_a_hub_that_nothing_reads_is_noticed_without_a_single_batch(
    recorded: Recorded,
) -> None:
    class Behind:
        async def counted_until(self) -> Instant:
            return NOW - 11 * MINUTE

        async def counted_by_hub(self) -> dict[str, Instant]:
            return {"usage": NOW - 11 * MINUTE, "gateway-logs": NOW - 9 * MINUTE}

    behind = Behind()
    await WatchHubs(lambda: behind, MovableClock(NOW), recorded.telemetry).run()
    assert recorded.fired() == {"unread:usage"}


class _Closing:
    """Closing that finds what it is given, and then may fail."""

    def __init__(self, found: Sequence[Waiting], fault: Exception | None = None) -> None:
        self._found = found
        self._fault = fault

    async def run(self, _at: Instant) -> AsyncIterator[Closed | Waiting]:
        for one in self._found:
            yield one
        if self._fault is not None:
            raise self._fault


def _on_time(closing: _Closing, recorded: Recorded) -> CloseOnTime:
    telemetry = recorded.telemetry
    clock = MovableClock(NOW)
    return CloseOnTime(cast("ClosePeriods", closing), clock, LogAlerts(telemetry), telemetry)


OVERDUE: Final = Waiting("acme", "2026-10", "waits for counts", until=NOW - 1)


async def test_closing_that_fails_at_its_start_never_says_that_nothing_is_overdue() -> None:
    recorded = Recorded()
    with pytest.raises(RetryableError):
        await _on_time(_Closing([], RetryableError("the hubs do not answer")), recorded).run()
    assert "metering.close.overdue" not in {row["name"] for row in recorded.export()}


async def test_overdue_periods_are_noticed_also_by_a_run_that_is_cut_short(
    recorded: Recorded,
) -> None:
    with pytest.raises(TimeoutError):
        await _on_time(_Closing([OVERDUE], TimeoutError()), recorded).run()
    assert recorded.fired() == {"close-overdue", "told:overdue"}


async def test_a_whole_run_that_finds_nothing_clears_it(recorded: Recorded) -> None:
    await _on_time(_Closing([]), recorded).run()
    assert recorded.fired() == set()


def test_a_value_is_exported_once_for_each_time_that_it_is_set() -> None:
    recorded = Recorded()
    recorded.telemetry.set("metering.usage.unpriced", 5)
    exports = [recorded.export() for _ in range(3)]
    assert [[row["valueMax"] for row in rows] for rows in exports] == [[5], [], []]


def test_a_fault_that_repeats_hides_no_fault_of_another_kind(recorded: Recorded) -> None:
    alerts = LogAlerts(recorded.telemetry)
    for _ in range(12):
        alerts.alert("acme 2026-10 is not closed", "overdue")
    alerts.alert("ledger beta: a page does not match its hash", "ledger")
    assert recorded.fired() == {"told:overdue", "told:ledger"}


@pytest.mark.parametrize("name", ["told", "ledger-stopped"])
def test_rules_about_faults_that_repeat_tell_again_instead_of_waiting_for_quiet(name: str) -> None:
    assert RULE[name]["mute"] == "PT1H"


#: The least that a rule must notice, and one less of it, which must not fire.
EVENTS: Final[
    dict[str, tuple[Callable[[OpenTelemetry], None], Callable[[OpenTelemetry], None]]]
] = {
    "lag:ingest_usage": (
        lambda to: to.record("metering.batch.lag_ms", 300_001, {"function": "ingest_usage"}),
        lambda to: to.record("metering.batch.lag_ms", 300_000, {"function": "ingest_usage"}),
    ),
    "bad-deploy:ingest_usage": (
        lambda to: to.add("metering.batch.stopped", 1, {"function": "ingest_usage"}),
        lambda to: to.add("metering.batch.stopped", 0, {"function": "ingest_usage"}),
    ),
    "dead-letters:not_json": (
        lambda to: to.add("metering.events.rejected", 11, {"function": "f", "code": "not_json"}),
        lambda to: to.add("metering.events.rejected", 10, {"function": "f", "code": "not_json"}),
    ),
    "ledger-stopped": (
        lambda to: to.add("metering.ledger.stopped", 1, {"function": "ingest_usage"}),
        lambda to: to.add("metering.ledger.stopped", 0, {"function": "ingest_usage"}),
    ),
    "throttling:ledgers": (
        lambda to: to.add("metering.store.throttled", 101, {"container": "ledgers"}),
        lambda to: to.add("metering.store.throttled", 100, {"container": "ledgers"}),
    ),
    "segment": (
        lambda to: to.set("metering.ledger.segment_bytes", 12_000_000_001),
        lambda to: to.set("metering.ledger.segment_bytes", 12_000_000_000),
    ),
    "unpriced": (
        lambda to: to.set("metering.usage.unpriced", 1),
        lambda to: to.set("metering.usage.unpriced", 0),
    ),
    "parked-effects": (
        lambda to: to.set("metering.effects.waiting", 1),
        lambda to: to.set("metering.effects.waiting", 0),
    ),
    "admission": (
        lambda to: to.add("metering.admission.verdicts", 51, {"verdict": "unavailable"}),
        lambda to: to.add("metering.admission.verdicts", 50, {"verdict": "unavailable"}),
    ),
}


@pytest.mark.parametrize("alert", EVENTS)
def test_a_rule_fires_just_beyond_its_bound(recorded: Recorded, alert: str) -> None:
    beyond, within = EVENTS[alert]
    within(recorded.telemetry)
    assert recorded.fired() == set()
    beyond(recorded.telemetry)
    assert recorded.fired() == {alert}


def _counted(recorded: Recorded, accepted: int, **figures: int) -> None:
    recorded.telemetry.add("metering.events.accepted", accepted, {"function": "ingest_usage"})
    recorded.telemetry.add("metering.admission.verdicts", 1, {"verdict": "allow"})
    for name, figure in figures.items():
        recorded.telemetry.add(cast("Any", f"metering.streams.{name}"), figure)


@pytest.mark.parametrize(
    ("rule", "figures", "fires"),
    [
        # 2 of 100 are over 1 %, 1 of 100 is not; of 99 nothing is said.
        ("missing", {"accepted": 100, "missing": 2}, True),
        ("missing", {"accepted": 100, "missing": 1}, False),
        ("missing", {"accepted": 99, "missing": 99}, False),
        ("recovered", {"accepted": 100, "recovered": 2}, True),
        ("recovered", {"accepted": 100, "recovered": 1}, False),
        # 111 of 100 are over 110 %.
        ("unclaimed", {"accepted": 10_000, "unclaimed": 101}, True),
        ("unclaimed", {"accepted": 10_000, "unclaimed": 100}, False),
        ("unclaimed", {"accepted": 0, "unclaimed": 100}, True),
    ],
)
def test_a_rule_about_shares(
    recorded: Recorded, rule: str, figures: dict[str, int], *, fires: bool
) -> None:
    _counted(recorded, **figures)
    assert recorded.fired() == ({rule} if fires else set())


def test_a_gateway_that_never_asks_for_admission_is_noticed(recorded: Recorded) -> None:
    recorded.telemetry.add("metering.events.accepted", 100, {"function": "ingest_usage"})
    assert recorded.fired() == {"unasked"}


def test_every_rule_has_been_seen_to_fire() -> None:
    named = set(EVENTS) | {
        "silent",
        "stalled",
        "stalled-daily",
        "failing",
        "unread",
        "told",
        "close-overdue",
    }
    named |= {"missing", "recovered", "unclaimed", "unasked"}
    assert {name.partition(":")[0] for name in named} == set(RULE)


# --------------------------------------------------------------- metrics of Azure

#: Aggregations of each metric of Microsoft.EventHub/namespaces (Microsoft's own definitions, in
#: azure-reference-other). A rule with another one is refused when it is made, not before.
EVENT_HUBS: Final = {
    "CaptureBacklog": {"Total"},
    "CapturedMessages": {"Total"},
    "IncomingMessages": {"Total"},
    "ThrottledRequests": {"Total"},
}
#: Azure Monitor, metric alerts: spans and frequencies that there are, in minutes.
WINDOWS: Final = {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D"}
FREQUENCIES: Final = {"PT1M", "PT5M", "PT15M", "PT30M", "PT1H"}
#: Scheduled query rules.
QUERY_WINDOWS: Final = WINDOWS | {"PT10M", "PT45M", "PT2H", "PT3H", "PT4H", "PT5H", "P2D"}
#: Operators that a rule which is evaluated each minute must not use.
NOT_EACH_MINUTE: Final = ("search", "union", "take", "ingestion_time", "adx")


@pytest.mark.parametrize("rule", METRIC_RULES, ids=lambda rule: rule["name"])
def test_a_metric_has_the_aggregation_that_its_rule_asks_for(rule: dict[str, Any]) -> None:
    for one in rule["criteria"]:
        assert one["aggregation"] in EVENT_HUBS[one["metric"]]
    assert rule["window"] in WINDOWS
    assert rule["every"] in FREQUENCIES
    assert rule["severity"] in range(4)


def test_capture_is_judged_over_more_than_one_of_its_intervals() -> None:
    rule = next(one for one in METRIC_RULES if one["name"] == "capture-stopped")
    hub = text_of(MODULES / "usage-hub.bicep")
    interval = re.search(r"intervalInSeconds: (\d+)", hub)
    hours = re.fullmatch(r"PT(\d+)H", rule["window"])
    assert interval
    assert hours
    assert int(hours[1]) * 3_600 > 10 * int(interval[1])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["name"])
def test_a_query_rule_has_a_window_that_there_is(rule: dict[str, Any]) -> None:
    assert rule["window"] in QUERY_WINDOWS
    assert rule["every"] in FREQUENCIES
    if rule["every"] == "PT1M":
        assert not re.search(rf"\b({'|'.join(NOT_EACH_MINUTE)})\b", rule_query(rule))


# ------------------------------------------------------------------- status page


def _status(recorded: Recorded) -> dict[str, str]:
    recorded.export()
    query = workbook_queries()["Status of the last hour"]
    rows = evaluate(query, {"customMetrics": recorded.rows})
    return {row["Question"]: row["Answer"] for row in rows}


def test_the_status_page_says_ok_for_each_question(recorded: Recorded) -> None:
    assert set(_status(recorded).values()) == {"ok"}


def test_the_status_page_says_where_to_look_and_what_is_not_known(recorded: Recorded) -> None:
    recorded.telemetry.record("metering.hub.lag_ms", 660_000, {"hub": "usage"})
    recorded.telemetry.set("metering.close.overdue", 1)
    found = _status(recorded)
    assert {question for question, answer in found.items() if answer == "look"} == {
        "Is anything not read?",
        "Is anything not closed?",
    }
    assert _status(Recorded())["Is anything not closed?"] == "unknown"


# ------------------------------------------------- the gateway's own token metric

NEW, TYPE = "azure.ai_gateway.client.token.usage", "gen_ai.token.type"


@pytest.mark.parametrize(("before", "now"), [(0, 0), (2, 0), (0, 2), (2, 2), (3, 1), (1, 3)])
def test_the_gateways_tokens_are_one_vocabulary_and_never_the_sum(before: int, now: int) -> None:
    rows = [
        *_tokens("Prompt Tokens", {"": 300}, before),
        *_tokens("Completion Tokens", {"": 40}, before),
        *_tokens("Total Tokens", {"": 340}, before),
        *_tokens(NEW, {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}, now),
        *_tokens(NEW, {"prompt_tokens_details.cached_tokens": 200}, now),
    ]
    title = "Tokens by the gateway's own metric, where it is sent here"
    query = workbook_queries()[title]
    # One interval is enough: what a chart repeats for each of them goes.
    for part in ("| render timechart", "by bin(timestamp, 30m)", " timestamp,"):
        assert part in query
        query = query.replace(part, "")
    found = [(row["prompt"], row["completion"]) for row in evaluate(query, {"customMetrics": rows})]
    times = now or before
    assert found == [(300 * times, 40 * times)]


def _tokens(name: str, counts: dict[str, int], times: int) -> list[Row]:
    return [
        {"name": name, "timestamp": -0.1, "valueSum": count, "customDimensions": {TYPE: kind}}
        for kind, count in counts.items()
        for _ in range(times)
    ]
