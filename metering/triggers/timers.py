"""Timers: what time alone brings about."""

import azure.functions as func

from metering import bootstrap

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]


@blueprint.function_name("expire_pending")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *")
async def expire_pending(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Settle streams whose counts never came."""
    await bootstrap.current().expire_pending.run()


@blueprint.function_name("roll_up")
@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *")
async def roll_up(timer: func.TimerRequest) -> None:  # noqa: ARG001, the binding's name
    """Take new pages into the rollups."""
    await bootstrap.current().roll_up.run()
