"""Timers: what time alone brings about."""

import asyncio
from typing import Final

import azure.functions as func

from metering import bootstrap
from metering.triggers.observed import observed

#: Far below functionTimeout: a run that is cut short is taken up by the next one.
DEADLINE_S: Final = 60

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.function_name("expire_pending")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
async def expire_pending(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Settle streams whose counts never came, and recover usage that nobody reported."""
    app = bootstrap.current()
    with observed(app, "expire_pending"):
        recovered = await app.recover_usage.run()
        app.telemetry.add("metering.streams.recovered", recovered)
        expired = await app.expire_pending.run()
        app.telemetry.add("metering.streams.missing", expired.missing)


@blueprint.function_name("price_unpriced")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */5 * * * *")
async def price_unpriced(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Price usage that was waiting for a price."""
    app = bootstrap.current()
    with observed(app, "price_unpriced"):
        app.telemetry.add("metering.usage.priced", await app.price_unpriced.run())


@blueprint.function_name("deliver_effects")
@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *")
async def deliver_effects(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Tell the outside what commits asked for."""
    app = bootstrap.current()
    with observed(app, "deliver_effects"):
        async with asyncio.timeout(DEADLINE_S):
            await app.deliver_effects.run()


@blueprint.function_name("roll_up")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def roll_up(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Take new pages into the rollups."""
    app = bootstrap.current()
    with observed(app, "roll_up"):
        app.telemetry.add("metering.rollup.pages", await app.roll_up.run())


@blueprint.function_name("enforce_quotas")
@blueprint.timer_trigger(arg_name="timer", schedule="15 * * * * *")
async def enforce_quotas(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Bring the limits of every ledger, and the gateway's subscriptions, up to date."""
    app = bootstrap.current()
    with observed(app, "enforce_quotas"):
        await app.enforce_quotas.run()
        if app.reconcile_suspensions is not None:
            done = await app.reconcile_suspensions.run()
            for one in done.outcomes:
                labels = {"action": one.action, "outcome": "failed" if one.failure else "done"}
                app.telemetry.add("metering.suspension.actions", 1, labels)


@blueprint.function_name("take_stock")
@blueprint.timer_trigger(arg_name="timer", schedule="45 */5 * * * *")
async def take_stock(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Count what somebody should look at."""
    app = bootstrap.current()
    with observed(app, "take_stock"):
        await app.take_stock.run()


@blueprint.function_name("deliver_exports")
@blueprint.timer_trigger(arg_name="timer", schedule="45 */15 * * * *")
async def deliver_exports(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Deliver the reports that are due by schedule."""
    app = bootstrap.current()
    with observed(app, "deliver_exports"):
        await app.billing.scheduled_exports.run()


@blueprint.function_name("close_periods")
@blueprint.timer_trigger(arg_name="timer", schedule="20 */5 * * * *")
async def close_periods(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Close the periods that are over."""
    app = bootstrap.current()
    with observed(app, "close_periods"):
        async with asyncio.timeout(DEADLINE_S):
            await app.billing.close_on_time.run()
