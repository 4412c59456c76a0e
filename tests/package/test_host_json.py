"""host.json against the published schema's keys and the limits at which the host does not start.

Keys: the JSON schema of host.json (json.schemastore.org/host.json, read 2026-08-07). Limits: those
that the Event Hubs extension checks when the host starts; it ignores an unknown key in silence.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pytest

from metering.local.system import app_dir

#: The sections that this project uses, with every key that the schema allows in them.
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "": frozenset(
        [
            "version",
            "telemetryMode",
            "functionTimeout",
            "extensionBundle",
            "extensions",
            "logging",
            "healthMonitor",
            "singleton",
            "watchDirectories",
            "watchFiles",
            "functions",
            "retry",
            "concurrency",
            "aggregator",
            "managedDependency",
            "customHandler",
            "isDefaultHostConfig",
        ]
    ),
    "extensionBundle": frozenset({"id", "version"}),
    "extensions": frozenset({"http", "eventHubs"}),
    "extensions.http": frozenset(
        [
            "routePrefix",
            "maxOutstandingRequests",
            "maxConcurrentRequests",
            "dynamicThrottlesEnabled",
            "hsts",
            "customHeaders",
        ]
    ),
    "extensions.eventHubs": frozenset(
        [
            "maxEventBatchSize",
            "minEventBatchSize",
            "maxWaitTime",
            "batchCheckpointFrequency",
            "prefetchCount",
            # Not in the schema: the extension binds it all the same (EventHubOptions, 6.5.3).
            "prefetchSizeInBytes",
            "transportType",
            "webProxy",
            "customEndpointAddress",
            "targetUnprocessedEventThreshold",
            "initialOffsetOptions",
            "clientRetryOptions",
        ]
    ),
    "extensions.eventHubs.initialOffsetOptions": frozenset({"type", "enqueuedTimeUtc"}),
    "logging": frozenset({"logLevel", "fileLoggingMode", "console", "applicationInsights"}),
}
#: Sections whose keys are names of categories.
_FREE: Final = frozenset({"logging.logLevel"})
_TIME: Final = re.compile(r"(\d\d):([0-5]\d):([0-5]\d)")

type Json = dict[str, Any]


def _seconds(text: object) -> int:
    found = _TIME.fullmatch(str(text))
    # "00:01" would be a minute and "1" a day: only the whole form says what it means.
    assert found, f"{text!r} is not HH:MM:SS"
    hours, minutes, seconds = map(int, found.groups())
    return (hours * 60 + minutes) * 60 + seconds


_LIMITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "maxEventBatchSize": lambda value: value >= 1,
    "minEventBatchSize": lambda value: value >= 1,
    "maxWaitTime": lambda value: 0 <= _seconds(value) <= 600,
    "batchCheckpointFrequency": lambda value: value >= 1,
    "prefetchCount": lambda value: value >= 0,
    "prefetchSizeInBytes": lambda value: value >= 0,
    "targetUnprocessedEventThreshold": lambda value: value >= 1,
}


def faults(section: Json, place: str = "") -> Iterator[str]:
    """Yield the keys that the schema does not know and the values that stop the host."""
    for key, value in section.items():
        name = f"{place}.{key}" if place else key
        if place not in _FREE and key not in _KEYS[place]:
            yield f"{name}: unknown: the host ignores it"
        elif isinstance(value, dict):
            yield from faults(value, name)
        elif place == "extensions.eventHubs" and key in _LIMITS and not _LIMITS[key](value):
            yield f"{name}: {value!r} stops the host"
    if section.get("minEventBatchSize", 1) > section.get("maxEventBatchSize", 100):
        yield f"{place}: a smallest batch above the largest stops the host"


@pytest.fixture
def host() -> Json:
    found: Json = json.loads((app_dir() / "host.json").read_text(encoding="utf-8"))
    return found


def test_the_host_starts_with_it_and_ignores_none_of_it(host: Json) -> None:
    assert list(faults(host)) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"maxBatchSize": 10}, "extensions.eventHubs.maxBatchSize: unknown"),
        ({"maxEventBatchSize": 0}, "maxEventBatchSize: 0 stops"),
        ({"minEventBatchSize": 1001}, "smallest batch above the largest"),
        ({"maxWaitTime": "00:10:01"}, "maxWaitTime: '00:10:01' stops"),
        ({"batchCheckpointFrequency": 0}, "batchCheckpointFrequency: 0 stops"),
        ({"prefetchCount": -1}, "prefetchCount: -1 stops"),
        ({"prefetchSizeInBytes": -1}, "prefetchSizeInBytes: -1 stops"),
        ({"initialOffsetOptions": {"typ": "fromStart"}}, "initialOffsetOptions.typ: unknown"),
    ],
)
def test_a_mistake_is_named(host: Json, changes: Json, fault: str) -> None:
    host["extensions"]["eventHubs"] |= changes
    assert any(fault in found for found in faults(host))


def test_a_batch_is_never_held_back_by_the_extension(host: Json) -> None:
    """Its own wait hands out batches where a failed checkpoint stops a partition unseen."""
    hubs = host["extensions"]["eventHubs"]
    assert hubs.get("minEventBatchSize", 1) == 1
    assert "maxWaitTime" not in hubs


def test_times_are_written_whole(host: Json) -> None:
    assert _seconds(host["functionTimeout"]) == 600
    with pytest.raises(AssertionError, match="is not HH:MM:SS"):
        _seconds("00:01")


def test_what_a_hub_hands_over_is_bounded_in_events_and_bytes(host: Json) -> None:
    hubs = host["extensions"]["eventHubs"]
    # What gathers during the wait after a batch is one batch, not several.
    assert hubs["prefetchCount"] == hubs["maxEventBatchSize"] == 1_000
    # 32 partitions, Event Hubs Standard's most, are 256 MiB of an instance's 2 GB.
    assert hubs["prefetchSizeInBytes"] * 32 == 256 * 1024**2
