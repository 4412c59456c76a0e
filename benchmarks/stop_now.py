"""The delay until the gateway refuses a tenant that an operator stops."""

import asyncio
from http import HTTPStatus
from typing import Final

import aiohttp

from benchmarks.overshoot import CACHES_S, Kept
from benchmarks.overshoot_clients import MODEL, SUBSCRIPTION
from benchmarks.overshoot_system import TENANT, capped_system
from benchmarks.timing import Progress
from metering import bootstrap
from metering.core.basics.errors import MeteringError
from metering.core.tenancy.stops import Target
from metering.local import api
from metering.local.gateway.ask import admission_from
from metering.local.gateway.gate import Pace
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import LocalSystem

#: A limit that is never reached, in units of 10^-18.
_NO_LIMIT: Final = 10**24
#: Between two requests of the client.
_EVERY_S: Final = 0.05
#: Of traffic before the stop, so that a verdict is kept.
_BEFORE_S: Final = 1
#: What the documentation states: the service knows within 4 seconds, the gateway within its cache.
SERVICE_S: Final = 4
#: Longer than any of it.
_DEADLINE_S: Final = 60
#: Stops for each time that verdicts are kept: what is left of a kept one differs.
RUNS: Final = 2


def stop_now_document(progress: Progress) -> dict[str, object]:
    """Return the seconds from a stop until the first refusal, by how long verdicts are kept."""
    rows = []
    for cache_s in CACHES_S:
        progress(f"a tenant is stopped, verdicts kept {cache_s} s")
        taken = [asyncio.run(_stopped(cache_s, _BEFORE_S * (run + 1))) for run in range(RUNS)]
        bound = SERVICE_S + cache_s
        rows.append(
            {
                "verdicts_kept": f"{cache_s} s",
                "first_refusal_s": round(min(taken), 2),
                "last_first_refusal_s": round(max(taken), 2),
                "bound_s": bound,
                "met": max(taken) <= bound,
            }
        )
    return {"stop_now": rows}


async def _stopped(cache_s: int, before_s: float) -> float:
    async with (
        capped_system(_NO_LIMIT) as system,
        api.local_api(system.app, api.listener_on(0)) as api_url,
        admission_from(api_url, system.app.sign_in.gateway_token) as ask,
        local_gateway(
            system, listener_on(0), admission=Kept(ask, cache_s), pace=Pace(latency_ms=1)
        ) as gateway,
        aiohttp.ClientSession(headers={"api-key": key_of(SUBSCRIPTION)}) as session,
    ):
        url, loop = f"{gateway.url}/openai/v1/chat/completions", asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() < begun + before_s:
            if await _status(session, url) != HTTPStatus.OK:
                raise MeteringError("the gateway refuses a tenant that is not stopped")
        stopped = loop.time()
        await _stop(system)
        while await _status(session, url) == HTTPStatus.OK:
            if loop.time() > stopped + _DEADLINE_S:
                raise MeteringError(f"a stopped tenant is answered after {_DEADLINE_S} seconds")
        return loop.time() - stopped


async def _stop(system: LocalSystem) -> None:
    """Stop the tenant from another process, as the command does: nothing is told to this one."""
    other = bootstrap.App(system.app.settings)
    await other.tenancy.refresh()
    await other.tenancy.set_stop(Target(TENANT, None), "benchmark", is_stopped=True)


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "?"}], "max_tokens": 1}
    async with session.post(url, json=body) as response:
        await response.read()
    await asyncio.sleep(_EVERY_S)
    return response.status
