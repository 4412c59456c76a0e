"""The bindings of each function, with the app's settings filled in."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from metering.core.basics.errors import ConfigurationError
from metering.local.functions.metadata import FunctionMetadata
from metering.local.functions.ncrontab import Schedule, parse_schedule

DEFAULT_GROUP = "$Default"

#: What the Event Hubs extension (6 and later) takes where host.json says nothing.
_DEFAULT_BATCH_SIZE = 100

_SETTING = re.compile(r"%([^%]+)%")


class BindingInvalid(ConfigurationError):
    """A binding or host.json refers to something missing or unsupported."""


@dataclass(frozen=True, slots=True)
class HubTrigger:
    """A function, and the hub and consumer group whose events start it."""

    function: FunctionMetadata
    hub: str
    group: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    """A function and the schedule that starts it.

    A monitored timer remembers when it was due, so that a new host makes up for a missed run.
    """

    function: FunctionMetadata
    schedule: Schedule
    run_on_startup: bool
    monitored: bool


def hub_triggers(
    functions: Iterable[FunctionMetadata], settings: Mapping[str, str]
) -> list[HubTrigger]:
    """Return the Event Hub functions.

    Raises BindingInvalid for a missing setting, and for two functions that read a hub in the same
    group: they would take each other's events.
    """
    found: dict[tuple[str, str], HubTrigger] = {}
    for function in functions:
        if function.trigger["type"] != "eventHubTrigger":
            continue
        trigger = _hub_trigger(function, settings)
        other = found.setdefault((trigger.hub, trigger.group), trigger)
        if other is not trigger:
            names = f"{other.function.name} and {function.name}"
            raise BindingInvalid(f"{names} both read {trigger.hub} in group {trigger.group}")
    return list(found.values())


def timer_triggers(
    functions: Iterable[FunctionMetadata], settings: Mapping[str, str]
) -> list[TimerTrigger]:
    """Return the timer functions. Raises BindingInvalid, and ScheduleInvalid for a schedule."""
    return [_timer_trigger(f, settings) for f in functions if f.trigger["type"] == "timerTrigger"]


def max_batch_size(app_dir: Path) -> int:
    """Return `extensions.eventHubs.maxEventBatchSize` of the app's host.json, 100 by default.

    Raises BindingInvalid when the file is missing or unreadable, or the number is not positive.
    """
    path = app_dir / "host.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        event_hubs = content.get("extensions", {}).get("eventHubs", {})
        size = int(event_hubs.get("maxEventBatchSize", _DEFAULT_BATCH_SIZE))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BindingInvalid(f"{path} cannot be used: {error}") from error
    if size < 1:
        raise BindingInvalid(f"{path}: maxEventBatchSize is {size}, not 1 or more")
    return size


def _hub_trigger(function: FunctionMetadata, settings: Mapping[str, str]) -> HubTrigger:
    if str(function.trigger.get("cardinality", "many")).lower() != "many":
        raise BindingInvalid(f"{function.name}: only cardinality many is supported here")
    return HubTrigger(
        function=function,
        hub=_resolved(function, "eventHubName", settings),
        group=_resolved(function, "consumerGroup", settings) or DEFAULT_GROUP,
    )


def _timer_trigger(function: FunctionMetadata, settings: Mapping[str, str]) -> TimerTrigger:
    return TimerTrigger(
        function=function,
        schedule=parse_schedule(_resolved(function, "schedule", settings)),
        run_on_startup=bool(function.trigger.get("runOnStartup") or False),
        monitored=function.trigger.get("useMonitor") is not False,
    )


def _resolved(function: FunctionMetadata, field: str, settings: Mapping[str, str]) -> str:
    """Return a field of the trigger with each %NAME% replaced by that setting."""

    def value_of(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise BindingInvalid(f"{function.name}: {field} needs the setting {match[1]}")
        return settings[match[1]]

    return _SETTING.sub(value_of, str(function.trigger.get(field) or ""))
