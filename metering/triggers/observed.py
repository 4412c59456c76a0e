"""Telemetry of every function: duration, outcome, and links to the causing traces."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC
from time import perf_counter
from typing import Any, Final

import azure.functions as func

from metering.app.hubs.batch import Tally
from metering.bootstrap import App
from metering.core.basics.errors import Code, StopRuleError
from metering.core.basics.instants import instant_of
from metering.ports import Attributes, Telemetry

#: Most producers' traces linked from the span of a batch, which may have a thousand.
MAX_LINKS: Final = 32
_US_IN_MS: Final = 1_000
#: Application properties with a W3C traceparent, as set by Microsoft's clients and others.
_TRACES: Final = ("Diagnostic-Id", "traceparent")


@contextmanager
def observed(app: App, function: str) -> Iterator[None]:
    """Open the span of one run of a function, and record its duration and outcome."""
    with _observed(app.telemetry, function, {}, ()):
        yield


@contextmanager
def observed_batch(
    app: App, function: str, events: Sequence[func.EventHubEvent]
) -> Iterator["Answered"]:
    """Do the same for a batch, and record its size, position and the age of its newest event."""
    telemetry, labels = app.telemetry, {"function": function}
    telemetry.record("metering.batch.events", len(events), labels)
    enqueued = events[-1].enqueued_time
    if enqueued is not None:
        # The host gives UTC times without a zone.
        aware = enqueued if enqueued.tzinfo else enqueued.replace(tzinfo=UTC)
        lag = max(0, app.clock.now() - instant_of(aware)) / _US_IN_MS
        telemetry.record("metering.batch.lag_ms", lag, labels)
    place: Attributes = {
        "partition": partition_of(events),
        "first_sequence": events[0].sequence_number or 0,
        "last_sequence": events[-1].sequence_number or 0,
        "events": len(events),
    }
    with _observed(telemetry, function, place, causes_of(events)):
        yield Answered(telemetry, function)


class Answered:
    """Records the outcomes of the events of a batch."""

    def __init__(self, telemetry: Telemetry, function: str) -> None:
        self._telemetry = telemetry
        self._labels = {"function": function}

    def __call__(self, tally: Tally) -> None:
        """Record a tally."""
        add = self._telemetry.add
        add("metering.events.accepted", tally.accepted, self._labels)
        add("metering.events.duplicate", tally.duplicates, self._labels)
        for code, number in tally.rejected.items():
            add("metering.events.rejected", number, {**self._labels, "code": code})
        stopped = tally.rejected.get(Code.LEDGER_STOPPED, 0)
        add("metering.ledger.stopped", stopped, self._labels)


def partition_of(events: Sequence[func.EventHubEvent]) -> str:
    """Return the partition of a batch."""
    context = (events[0].metadata or {}).get("PartitionContext") or {}
    return str(context.get("PartitionId", ""))


def causes_of(events: Sequence[func.EventHubEvent]) -> list[str]:
    """Return the distinct traces that producers sent with events, up to MAX_LINKS."""
    shared: Mapping[str, Any] = events[0].metadata or {}
    found: dict[str, None] = {}
    for properties in shared.get("PropertiesArray") or ():
        for name in _TRACES:
            if isinstance(properties, dict) and isinstance(properties.get(name), str):
                found[properties[name]] = None
                break
        if len(found) == MAX_LINKS:
            break
    return list(found)


@contextmanager
def _observed(
    telemetry: Telemetry, function: str, attributes: Attributes, links: Sequence[str]
) -> Iterator[None]:
    outcome = "failed"
    began = perf_counter()
    try:
        with telemetry.span(function, attributes, links):
            yield
        outcome = "ok"
    except StopRuleError:
        telemetry.add("metering.batch.stopped", 1, {"function": function})
        raise
    except TimeoutError:
        outcome = "deadline"
        raise
    finally:
        labels = {"function": function, "outcome": outcome}
        taken = (perf_counter() - began) * 1_000
        telemetry.record("metering.function.duration_ms", taken, labels)
