"""Request units of real traffic: commits, streams, logs and a mix, beside their goals."""

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from benchmarks import mix, streams_traffic
from benchmarks.arrivals import arrivals, subject
from benchmarks.charged import Charged, units_of
from benchmarks.cost import tenants_of
from benchmarks.events import NOW, Batch
from benchmarks.finals import final_events
from benchmarks.timing import Progress
from metering.core.basics.instants import SECOND
from metering.settings.settings import CosmosStore

if TYPE_CHECKING:
    from tests.doubles.cosmos import CosmosPeer

#: Request units for 1,000 requests, at most; log rows a second on one core, at least.
GOALS: Final = {
    "final_1": 7_500.0,
    "final_10": 900.0,
    "final_200": 130.0,
    "streams_identity_first": 800.0,
    "streams_log_first": 1_200.0,
    "final_logs": 150.0,
    "working_mix": 3_000.0,
}
LOG_ROWS_GOAL: Final = 3_000.0
BALANCE_P99_GOAL_S: Final = 5.0
#: Requests of the usual design: each of a kind costs the same.
_USUAL: Final = 200


def measure(progress: Progress) -> dict[str, object]:
    """Return every figure with its goal; ModuleNotFoundError where the peer's server is missing."""
    from tests.doubles.cosmos import CosmosPeer  # noqa: PLC0415, needs what only tests need

    tenants = tenants_of(None)
    with CosmosPeer() as peer:
        progress("request units of the usual design")
        usual = asyncio.run(_usual(peer))
        found = _commits(peer, usual, progress)
        found |= asyncio.run(_streams(peer, tenants, usual, progress))
        progress("request units of the working mix")
        found["working_mix"] = _mixed(asyncio.run(mix.measure(peer)), usual)
    progress("log rows a second")
    rate = asyncio.run(streams_traffic.log_rows_per_s(tenants))
    return {
        **found,
        "log_rows_per_s": round(rate),
        "log_rows_goal": LOG_ROWS_GOAL,
        "log_rows_met": rate >= LOG_ROWS_GOAL,
    }


def _commits(
    peer: "CosmosPeer", usual: dict[str, float], progress: Progress
) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for size in (1, 10, 200):
        progress(f"request units of final events, {size} a commit")
        key = f"final_{size}"
        found[key] = _line(key, asyncio.run(final_events(peer, size)), usual["final"])
    return found


async def _streams(
    peer: "CosmosPeer", tenants: Sequence[Batch], usual: dict[str, float], progress: Progress
) -> dict[str, dict[str, Any]]:
    progress("request units of streams and logs")
    first = await streams_traffic.streams_identity_first(peer, tenants)
    late = await streams_traffic.streams_log_first(peer, tenants)
    logs = await streams_traffic.final_logs(peer, tenants)
    return {
        "streams_identity_first": _line("streams_identity_first", first, usual["stream"]),
        "streams_log_first": _line("streams_log_first", late, usual["stream"]),
        "final_logs": _line("final_logs", logs, usual["log_row"]),
    }


def _line(key: str, charged: Charged, usual: float) -> dict[str, Any]:
    """Return a line; `usual` is what the usual design is charged for 1,000 of these requests."""
    goal = GOALS[key]
    return {
        "name": charged.name,
        "ru_per_1000_requests": round(charged.per_thousand, 1),
        "writes": round(charged.part("writes", "refused"), 1),
        "reads": round(charged.part("reads"), 1),
        "usual_design": round(usual, 1),
        "share_of_usual_design": round(charged.per_thousand / usual, 3),
        "goal": goal,
        "met": charged.per_thousand <= goal,
    }


def _mixed(mixed: mix.Mixed, usual: dict[str, float]) -> dict[str, Any]:
    streams = mix.STREAMS / 100
    # Every request has a log row; that of a stream is what settles it.
    of_usual = streams * usual["stream"] + (1 - streams) * (usual["final"] + usual["log_row"])
    late = _seconds(mixed.delays, 0.99)
    return {
        **_line("working_mix", mixed.charged, of_usual),
        "by_container": mixed.by_container,
        "balance_p50_s": _seconds(mixed.delays, 0.5),
        "balance_p99_s": late,
        "balance_goal_s": BALANCE_P99_GOAL_S,
        "balance_met": late <= BALANCE_P99_GOAL_S,
        "stream_log_to_balance_p50_s": _seconds(mixed.counted, 0.5),
        "stream_log_to_balance_p99_s": _seconds(mixed.counted, 0.99),
    }


def _seconds(delays: Sequence[int], quantile: float) -> float:
    return round(delays[int(quantile * (len(delays) - 1))] / SECOND, 3)


async def _usual(peer: "CosmosPeer") -> dict[str, float]:
    """Return what the usual design is charged for 1,000 final requests, streams and log rows."""
    from benchmarks.usual import UsualDesign  # noqa: PLC0415, the SDK takes long to import

    peer.clear()
    design = UsualDesign(CosmosStore(peer.url, "metering", peer.key))
    requests = arrivals(NOW, mix.PER_SECOND, 2 * _USUAL / mix.PER_SECOND + 1, 5)
    bodies = [json.dumps(request.event).encode() for request in requests]
    finals, streams = bodies[:_USUAL], bodies[_USUAL : 2 * _USUAL]
    try:
        await design.prepare([subject(tenant) for tenant in range(5)])
        marks = [len(peer.requests)]
        for steps, batch in (
            ((design.count,), finals),
            ((design.begin, design.is_known, design.settle), streams),
            ((design.is_known,), finals),
        ):
            for body in batch:
                for step in steps:
                    await step(body)
            marks.append(len(peer.requests))
    finally:
        await design.close()
    return {
        kind: sum(units_of(peer.requests[start:end]).values()) / _USUAL * 1_000
        for kind, start, end in zip(("final", "stream", "log_row"), marks, marks[1:], strict=False)
    }
