"""What the host takes from the bindings, the settings and host.json, and what it refuses."""

import shutil
from pathlib import Path

import pytest

from metering.local.functions.bindings import (
    BindingInvalid,
    hub_triggers,
    max_batch_size,
    timer_triggers,
)
from metering.local.functions.host import FunctionsHost
from metering.local.functions.ncrontab import ScheduleInvalid
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import EmbeddedHub

_ONE_BY_ONE = """
import azure.functions as func
app = func.FunctionApp()
@app.event_hub_message_trigger(
    arg_name="event", event_hub_name="h", connection="C", cardinality="one")
def single(event: func.EventHubEvent) -> None: ...
"""


def test_names_between_percent_signs_are_settings(
    worker: FunctionsWorker, settings: dict[str, str]
) -> None:
    triggers = hub_triggers(worker.functions.values(), settings)
    assert [(t.function.name, t.hub, t.group) for t in triggers] == [
        ("ingest", "usage", "meter"),
        ("insist", "insisted", "$Default"),
    ]


def test_timers_have_their_schedule_and_whether_they_run_at_the_start(
    worker: FunctionsWorker, settings: dict[str, str]
) -> None:
    triggers = timer_triggers(worker.functions.values(), settings)
    assert [(t.function.name, t.schedule.text, t.run_on_startup) for t in triggers] == [
        ("sweep", "0 0 0 1 1 *", False),
        ("at_start", "0 0 0 1 1 *", True),
    ]


def test_hubs_that_are_not_there_are_created_with_four_partitions(
    worker: FunctionsWorker, hub: EmbeddedHub, settings: dict[str, str]
) -> None:
    hub.declare("usage", 2)
    FunctionsHost(worker, hub, settings, on_failure=lambda *_: None)
    assert (hub.partition_count("usage"), hub.partition_count("insisted")) == (2, 4)


def test_a_setting_that_a_binding_needs_is_named_when_missing(worker: FunctionsWorker) -> None:
    with pytest.raises(BindingInvalid, match="ingest: consumerGroup needs the setting USAGE_GROUP"):
        hub_triggers(worker.functions.values(), {"USAGE_HUB": "usage"})


def test_two_functions_that_read_a_hub_in_one_group_are_refused(worker: FunctionsWorker) -> None:
    settings = {"USAGE_HUB": "insisted", "USAGE_GROUP": "$Default"}
    with pytest.raises(BindingInvalid, match="ingest and insist both read insisted"):
        hub_triggers(worker.functions.values(), settings)


def test_a_schedule_that_is_none_is_refused(worker: FunctionsWorker) -> None:
    with pytest.raises(ScheduleInvalid, match="'hourly' has 1 fields"):
        timer_triggers(worker.functions.values(), {"SWEEP_SCHEDULE": "hourly"})


@pytest.mark.usefixtures("_own_imports")
async def test_a_function_that_takes_events_one_by_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "function_app.py").write_text(_ONE_BY_ONE, encoding="utf-8")
    worker = await FunctionsWorker.start(tmp_path)
    with pytest.raises(BindingInvalid, match="single: only cardinality many"):
        hub_triggers(worker.functions.values(), {})


def test_the_batch_size_is_that_of_host_json(sample_app_dir: Path) -> None:
    assert max_batch_size(sample_app_dir) == 10


def test_the_batch_size_is_a_hundred_where_host_json_has_none(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text('{"version": "2.0"}', encoding="utf-8")
    assert max_batch_size(tmp_path) == 100


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[]", "cannot be used"),
        ("{", "cannot be used"),
        ('{"extensions": {"eventHubs": {"maxEventBatchSize": "many"}}}', "cannot be used"),
        ('{"extensions": {"eventHubs": {"maxEventBatchSize": 0}}}', "is 0, not 1 or more"),
    ],
)
def test_a_host_json_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "host.json").write_text(content, encoding="utf-8")
    with pytest.raises(BindingInvalid, match=reason):
        max_batch_size(tmp_path)


@pytest.mark.usefixtures("_own_imports")
async def test_an_app_without_a_host_json_is_refused(
    hub: EmbeddedHub, settings: dict[str, str], sample_app_dir: Path, tmp_path: Path
) -> None:
    shutil.copy(sample_app_dir / "function_app.py", tmp_path)
    worker = await FunctionsWorker.start(tmp_path)
    with pytest.raises(BindingInvalid, match=r"host\.json cannot be used"):
        FunctionsHost(worker, hub, settings, on_failure=lambda *_: None)
