"""Timers: scheduled work, as one table of schedules and deadlines."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import azure.functions as func

from metering import bootstrap
from metering.triggers.observed import observed

#: Deadline of work that ends within seconds.
SHORT_S: Final = 60
#: Deadline of work that grows with ledgers and tenants: below functionTimeout (host.json), at which
#: the host would end the process, and every other function in it.
LONG_S: Final = 540

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


class Timer(NamedTuple):
    """One timer function. A run that its deadline cuts short fails; the next run continues."""

    name: str
    schedule: str
    deadline_s: float
    work: Callable[[bootstrap.App], Awaitable[Any]]


async def _expire_pending(app: bootstrap.App) -> None:
    await app.take_over_pending.run()
    found = await app.recover_usage.run()
    app.telemetry.add("metering.streams.recovered", found.recovered)
    app.telemetry.add("metering.streams.unclaimed", found.unclaimed)
    expired = await app.expire_pending.run()
    app.telemetry.add("metering.streams.missing", expired.missing)
    await app.publish_aggregates.due()


async def _price_unpriced(app: bootstrap.App) -> None:
    app.telemetry.add("metering.usage.priced", await app.price_unpriced.run())


async def _roll_up(app: bootstrap.App) -> None:
    app.telemetry.add("metering.rollup.pages", await app.roll_up.run())


async def _enforce_quotas(app: bootstrap.App) -> None:
    await app.enforce_quotas.run()
    if app.reconcile_suspensions is not None:
        done = await app.reconcile_suspensions.run()
        for one in done.outcomes:
            labels = {"action": one.action, "outcome": "failed" if one.failure else "done"}
            app.telemetry.add("metering.suspension.actions", 1, labels)


async def _propose_prices(app: bootstrap.App) -> None:
    wanted = app.settings.price_refresh
    if wanted != "off":
        await app.propose_prices.run(publish=wanted == "publish")


async def _close_periods(app: bootstrap.App) -> None:
    await app.billing.close_on_time.run()
    # Also without a close: a crash may have come between one and its documents.
    await app.billing.issue_documents()


async def _send_digests(app: bootstrap.App) -> None:
    if app.settings.digests.is_on:
        await app.digests.run()


#: Seconds are staggered, so that timers of the same minute do not meet at the store.
TIMERS: Final = (
    Timer("expire_pending", "0 */5 * * * *", LONG_S, _expire_pending),
    Timer("price_unpriced", "30 */5 * * * *", LONG_S, _price_unpriced),
    Timer("deliver_effects", "*/30 * * * * *", SHORT_S, lambda app: app.deliver_effects.run()),
    Timer("roll_up", "0 * * * * *", LONG_S, _roll_up),
    Timer("accrue_cost", "5 */15 * * * *", LONG_S, lambda app: app.accruals.run()),
    Timer("enforce_quotas", "15 * * * * *", LONG_S, _enforce_quotas),
    Timer("take_stock", "45 */5 * * * *", LONG_S, lambda app: app.collect_gauges.run()),
    Timer("watch_hubs", "50 * * * * *", SHORT_S, lambda app: app.watch_hubs.run()),
    Timer(
        "deliver_exports",
        "45 */15 * * * *",
        LONG_S,
        lambda app: app.billing.scheduled_exports.run(),
    ),
    Timer("close_periods", "20 */5 * * * *", LONG_S, _close_periods),
    Timer("write_anchors", "35 20 0 * * *", LONG_S, lambda app: app.anchors.write()),
    # Daily, so that what was refused is tried again; a week that was sent is one read.
    Timer("send_digests", "25 10 6 * * *", LONG_S, _send_digests),
    Timer("propose_prices", "10 40 5 * * *", LONG_S, _propose_prices),
)


async def run(timer: Timer) -> None:
    """Do the work of a timer once, observed and within its deadline."""
    app = bootstrap.current()
    with observed(app, timer.name):
        async with asyncio.timeout(timer.deadline_s):
            await timer.work(app)


def _register(one: Timer) -> None:
    @blueprint.function_name(one.name)
    @blueprint.timer_trigger(arg_name="timer", schedule=one.schedule)
    async def function(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
        await run(one)


for _one in TIMERS:
    _register(_one)
