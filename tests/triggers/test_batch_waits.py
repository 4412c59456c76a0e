"""Waits at the end of batches, through Microsoft's worker: counted first, and never a failure."""

import asyncio

from metering import bootstrap
from metering.core.basics.instants import SECOND
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import HubEvent
from tests.builders import AT, NOW, body
from tests.gateway_logs import llm_record, log


def event(content: bytes) -> HubEvent:
    return HubEvent(content, None, 0, "0", NOW)


async def amount(app: bootstrap.App) -> str:
    return format_amount((await app.read.balance("sub-1", month_of(AT))).amount)


async def test_an_event_is_counted_before_the_wait_and_the_stop_ends_it(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    app.batch_waits.longest = 3_600 * SECOND
    await worker.invoke_event_hub("ingest_usage", [event(body(id="a"))], "0")
    waiting = asyncio.create_task(
        worker.invoke_event_hub("ingest_usage", [event(body(id="b"))], "0")
    )
    async with asyncio.timeout(10):
        while await amount(app) != "0.007":  # noqa: ASYNC110, nobody tells what is counted
            await asyncio.sleep(0.01)
        # Another partition and the other function do not wait for it.
        await worker.invoke_event_hub("ingest_usage", [event(body(id="c"))], "1")
        await worker.invoke_event_hub("join_usage", [event(log(llm_record("d")))], "0")
        assert not waiting.done()
        app.batch_waits.end()
        await waiting
    # 3 x 0.0035
    assert await amount(app) == "0.0105"
