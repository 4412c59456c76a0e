"""A small function app for the tests: it records what it is given, and fails when told to."""

import asyncio
import typing
from dataclasses import dataclass, field

import azure.functions as func

app = func.FunctionApp()


@dataclass(frozen=True, slots=True)
class Batch:
    """What one invocation was given, and the loop it ran on."""

    partition: str
    retry_count: int
    events: tuple[func.EventHubEvent, ...]
    loop: asyncio.AbstractEventLoop

    @property
    def bodies(self) -> list[bytes]:
        """Return the bodies in the order of the batch."""
        return [event.get_body() for event in self.events]


@dataclass(slots=True)
class Script:
    """What the functions have seen, and what the test tells them to do."""

    batches: list[Batch] = field(default_factory=list)
    insisted: list[Batch] = field(default_factory=list)
    timer_runs: list[bool] = field(default_factory=list)
    startup_runs: int = 0
    failures_left: int = 0
    failing_partition: str | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)


script = Script()
script.gate.set()


def _batch(events: typing.Sequence[func.EventHubEvent], context: func.Context) -> Batch:
    metadata = events[0].metadata or {}
    return Batch(
        partition=metadata["PartitionContext"]["PartitionId"],
        retry_count=context.retry_context.retry_count,
        events=tuple(events),
        loop=asyncio.get_running_loop(),
    )


@app.function_name("ingest")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="%USAGE_HUB%",
    connection="EventHubConnection",
    cardinality="many",
    consumer_group="%USAGE_GROUP%",
)
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
async def ingest(events: typing.List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006 - the worker library refuses list[...]
    """Record a batch, wait for the gate, and fail as often as told."""
    script.batches.append(_batch(events, context))
    await script.gate.wait()
    if script.failures_left > 0:
        script.failures_left -= 1
        raise ValueError("told to fail")


@app.function_name("insist")
@app.event_hub_message_trigger(
    arg_name="events",
    event_hub_name="insisted",
    connection="EventHubConnection",
    cardinality="many",
)
@app.retry(
    strategy="exponential_backoff",
    max_retry_count="-1",
    minimum_interval="00:00:02",
    maximum_interval="00:01:00",
)
async def insist(events: typing.List[func.EventHubEvent], context: func.Context) -> None:  # noqa: UP006 - as above
    """Record a batch, and fail in one partition for as long as told."""
    batch = _batch(events, context)
    script.insisted.append(batch)
    if batch.partition == script.failing_partition:
        raise ValueError("told to fail")


@app.function_name("sweep")
@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
async def sweep(timer: func.TimerRequest) -> None:
    """Record a run and wait for the gate."""
    script.timer_runs.append(timer.past_due)
    await script.gate.wait()


@app.function_name("at_start")
@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
def at_start(timer: func.TimerRequest) -> None:  # noqa: ARG001 - a trigger needs its argument
    """Count the runs."""
    script.startup_runs += 1


@app.function_name("echo")
@app.route(route="echo/{name}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Answer with the name, a query parameter, a header and the body of the request."""
    parts = [req.route_params["name"], req.params["q"], req.headers["X-Tag"]]
    body = " ".join(parts).encode() + b" " + req.get_body()
    return func.HttpResponse(body, status_code=201, headers={"X-Seen": "yes"})
