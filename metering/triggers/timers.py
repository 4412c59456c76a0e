"""Timers: what time alone brings about."""

import asyncio
from typing import Final

import azure.functions as func

from metering import bootstrap

#: Far below functionTimeout: a run that is cut short is taken up by the next one.
DEADLINE_S: Final = 60

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.function_name("expire_pending")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
async def expire_pending(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Settle streams whose counts never came, and recover usage that nobody reported."""
    await bootstrap.current().recover_usage.run()
    await bootstrap.current().expire_pending.run()


@blueprint.function_name("price_unpriced")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */5 * * * *")
async def price_unpriced(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Price usage that was waiting for a price."""
    await bootstrap.current().price_unpriced.run()


@blueprint.function_name("deliver_effects")
@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *")
async def deliver_effects(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Tell the outside what commits asked for."""
    async with asyncio.timeout(DEADLINE_S):
        await bootstrap.current().deliver_effects.run()


@blueprint.function_name("roll_up")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def roll_up(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Take new pages into the rollups."""
    await bootstrap.current().roll_up.run()


@blueprint.function_name("enforce_quotas")
@blueprint.timer_trigger(arg_name="timer", schedule="15 * * * * *")
async def enforce_quotas(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Bring the limits of every ledger, and the gateway's subscriptions, up to date."""
    app = bootstrap.current()
    await app.enforce_quotas.run()
    if app.reconcile_suspensions is not None:
        await app.reconcile_suspensions.run()


@blueprint.function_name("deliver_exports")
@blueprint.timer_trigger(arg_name="timer", schedule="45 */15 * * * *")
async def deliver_exports(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Deliver the reports that are due by schedule."""
    await bootstrap.current().scheduled_exports.run()


@blueprint.function_name("close_periods")
@blueprint.timer_trigger(arg_name="timer", schedule="20 */5 * * * *")
async def close_periods(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Close the periods that are over."""
    async with asyncio.timeout(DEADLINE_S):
        await bootstrap.current().close_on_time.run()
