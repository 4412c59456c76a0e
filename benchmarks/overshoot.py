"""Spend beyond a limit: clients, gateway, hub, ledger and admission together."""

import asyncio
import multiprocessing
from bisect import bisect_left
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Final, NamedTuple

from benchmarks.overshoot_clients import (
    ESTIMATED_TOKENS,
    OUTPUT_TOKENS,
    PROMPT_TOKENS,
    Crowd,
    Reply,
    drive,
)
from benchmarks.overshoot_latency import Latency, measure_latency, percentile
from benchmarks.overshoot_system import (
    INPUT_UNITS,
    OUTPUT_UNITS,
    TENANT,
    Committed,
    capped_system,
    committed,
    send_usage,
)
from benchmarks.timing import Progress
from metering.app.quotas.admission import MEMORY
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import SECOND, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.local import api
from metering.local.gateway.admission import Admission, Document
from metering.local.gateway.ask import admission_from
from metering.local.gateway.gate import Pace
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import LocalSystem

#: What one answered request costs.
REQUEST: Final[Amount] = PROMPT_TOKENS * INPUT_UNITS + OUTPUT_TOKENS * OUTPUT_UNITS
#: What a stream's hold is short of that: a policy estimates the prompt by its length.
SHORT: Final[Amount] = (PROMPT_TOKENS - ESTIMATED_TOKENS) * INPUT_UNITS
CROWDS: Final = (100, 1_000)
CACHES_S: Final = (0, 5, 30)

#: Each answer takes about a second, streamed or not. Logs come after the measurement: what stops
#: streams is the holds alone, as in the minute or two that Azure Monitor takes.
_WHOLE: Final = Pace(latency_ms=1_000, log_delay_s=3_600)
_STREAMED: Final = Pace(latency_ms=400, chunk_ms=40, log_delay_s=3_600)
#: Of traffic after the first answers, until the limit is reached.
_CROSSING_S: Final = 2
#: How long clients go on: they end with their first 429, but a busy machine counts late.
_AFTER_S: Final = 60
_ATTEMPTS: Final = 2
#: An event that takes so long to the balance says more about the machine than about the system.
_BUSY_S: Final = 1.0
#: What is spent before the clients come where they come near the limit, in per cent of it.
_NEAR: Final = 90
#: How long a document near the limit may be kept, whatever the gateway would do.
_NEAR_CACHE_S: Final = 5


class Scenario(NamedTuple):
    """One measurement. `spent` is in per cent of the limit, before the clients come."""

    clients: int
    streamed: bool
    cache_s: int
    spent: int = _NEAR

    @property
    def expected(self) -> int:
        """Requests until the limit is reached."""
        return self.clients * _CROSSING_S

    @property
    def limit(self) -> Amount:
        """The limit of the tenant's plan."""
        return self.expected * REQUEST * 100 // (100 - self.spent)

    @property
    def longest_s(self) -> int:
        """Longest time, in seconds, that a verdict which lets requests through is kept."""
        return min(self.cache_s, _NEAR_CACHE_S) if self.spent >= _NEAR else self.cache_s


class Crossing(NamedTuple):
    """The result of one measurement."""

    scenario: Scenario
    rate: float
    """Requests answered a second, until the limit was reached."""
    beyond: Amount
    """The amount spent beyond the limit, once everything was counted."""
    blocked_after_s: float
    """From the commit that reached the limit to the first request that was refused."""
    answered_after_s: float
    """From the same commit to the last request that was answered."""
    blocked_before: int
    """Requests refused before that commit."""
    still_open: int
    """Clients that were never refused."""
    delay_s: float = 0
    """The time from an event to the balance in this measurement (p99)."""

    @property
    def share(self) -> float:
        """The amount spent beyond the limit, as a share of it."""
        return self.beyond / self.scenario.limit

    @property
    def seconds(self) -> float:
        """The amount spent beyond the limit, in seconds of the same traffic."""
        return self.beyond / (self.rate * REQUEST)

    def bound(self, latency_s: float) -> float:
        """Return what may be spent beyond the limit, as an amount.

        `latency_s` is what an event takes to the balance. Nobody is blocked for that long, and for
        as long as admission remembers and the verdict is kept. Then what is in flight ends, and
        holds give way to counts.
        """
        late = self.let_through(latency_s + MEMORY / SECOND + self.scenario.longest_s)
        short = self.scenario.expected * SHORT if self.scenario.streamed else 0
        return late + self.scenario.clients * REQUEST + short

    def is_met(self, latency_s: float) -> bool | None:
        """Return whether the bound is kept; None where a busy machine, not the system, exceeds it.

        `latency_s` is what an event takes alone.
        """
        if self.beyond <= self.bound(latency_s):
            return True
        return None if self.delay_s > max(_BUSY_S, latency_s) else False

    def let_through(self, seconds: float) -> float:
        """Return what so many seconds of the same traffic spend, as an amount."""
        return self.rate * REQUEST * seconds


class NotMeasured(NamedTuple):
    """A measurement that came to nothing, and why."""

    scenario: Scenario
    reason: str


class Overshoot(NamedTuple):
    """A whole run."""

    crossings: list[Crossing | NotMeasured]
    latency: Latency


class Kept:
    """Keeps a verdict as the gateway's policy does: as long as it says, `cache_s` at most."""

    def __init__(self, ask: Admission, cache_s: int) -> None:
        self._ask = ask
        self._cache_s = cache_s
        self._kept: dict[tuple[str, ...], tuple[Document, float]] = {}

    async def __call__(self, subscription: str, asked: Mapping[str, str]) -> Document:
        """Return what is kept for a subscription and these values, or ask."""
        now = asyncio.get_running_loop().time()
        key = subscription, *asked.values()
        document, until = self._kept.get(key, ({}, now))
        if now < until:
            return document
        document = await self._ask(subscription, asked)
        keep_s = min(self._cache_s, document.get("cache_s", self._cache_s))
        self._kept[key] = document, now + keep_s
        return document


def scenarios() -> list[Scenario]:
    """Return what is measured: near the limit, and the worst that a verdict kept long allows."""
    near = [
        Scenario(clients, streamed, cache_s)
        for clients in CROWDS
        for streamed in (False, True)
        for cache_s in CACHES_S
    ]
    return [*near, *(Scenario(CROWDS[0], streamed, CACHES_S[-1], 0) for streamed in (False, True))]


def measure(progress: Progress) -> Overshoot:
    """Measure everything, one after the other; the clients have a process of their own."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as clients:
        progress("the latency of admission and of the balance")
        latency = asyncio.run(measure_latency())
        found: list[Crossing | NotMeasured] = []
        for scenario in scenarios():
            progress(f"{scenario.clients:,} clients, verdicts kept {scenario.cache_s} s")
            found.append(_measured(scenario, clients))
    return Overshoot(found, latency)


def _measured(scenario: Scenario, clients: ProcessPoolExecutor) -> Crossing | NotMeasured:
    """Return one measurement; what a busy machine spoils is repeated, and spoils no other."""
    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            return asyncio.run(_cross(scenario, clients))
        except MeteringError as error:
            reason = str(error)
    return NotMeasured(scenario, reason)


async def _cross(scenario: Scenario, clients: ProcessPoolExecutor) -> Crossing:
    pace = _STREAMED if scenario.streamed else _WHOLE
    async with capped_system(scenario.limit) as system:
        ledger = LedgerId(TENANT, month_of(system.app.clock.now()).start)
        if scenario.spent:
            tokens = scenario.limit * scenario.spent // 100 // INPUT_UNITS
            send_usage(system, 0, tokens, system.app.clock.now())
            await system.host.drain()
        async with (
            api.local_api(system.app, api.listener_on(0)) as api_url,
            admission_from(api_url, system.app.sign_in.gateway_token) as ask,
            local_gateway(
                system, listener_on(0), admission=Kept(ask, scenario.cache_s), pace=pace
            ) as gateway,
        ):
            deadline_s = _CROSSING_S + scenario.longest_s + _AFTER_S
            crowd = Crowd(gateway.url, scenario.clients, scenario.streamed, deadline_s)
            loop = asyncio.get_running_loop()
            replies = await loop.run_in_executor(clients, drive, crowd)
        # Its logs went out when it stopped: now streams are counted by what they used.
        return await _found(scenario, system, ledger, replies)


async def _found(
    scenario: Scenario, system: LocalSystem, ledger: LedgerId, replies: list[Reply]
) -> Crossing:
    await system.host.drain()
    totals = await committed(system, ledger)
    reached = next((one.at for one in totals if one.total >= scenario.limit), None)
    answered = [reply.at for reply in replies if reply.answered]
    blocked = [reply.at for reply in replies if not reply.answered]
    if reached is None or not blocked:
        last = "never" if reached is None else f"{_seconds(replies[0].at, reached):.1f} s later"
        raise MeteringError(
            f"{len(answered)} requests were answered and {len(blocked)} blocked within"
            f" {_seconds(replies[0].at, replies[-1].at):.1f} s; the limit was reached {last}"
        )
    _check(scenario, totals[-1].total, len(answered))
    before = sum(at <= reached for at in answered)
    return Crossing(
        scenario,
        rate=before / _seconds(answered[0], reached),
        beyond=totals[-1].total - scenario.limit,
        blocked_after_s=_seconds(reached, blocked[0]),
        answered_after_s=_seconds(reached, answered[-1]),
        blocked_before=sum(at < reached for at in blocked),
        still_open=scenario.clients - len(blocked),
        delay_s=_delay(scenario, totals, [at for at in answered if at <= blocked[0]]),
    )


def _delay(scenario: Scenario, totals: list[Committed], answered: list[Instant]) -> float:
    """Return what events took to the balance (p99), of those answered before the first block.

    The order of answers is nearly that of events, and one request is like another.
    """
    spent_before = 1 if scenario.spent else 0
    counted, delays = [one.requests for one in totals], []
    for number, at in enumerate(answered, 1 + spent_before):
        page = totals[min(bisect_left(counted, number), len(totals) - 1)]
        delays.append(max(0.0, _seconds(at, page.at)))
    return percentile(sorted(delays), 99)


def _check(scenario: Scenario, total: Amount, answered: int) -> None:
    """Refuse a run whose ledger is not the sum of what its clients were answered."""
    expected = scenario.limit * scenario.spent // 100 + answered * REQUEST
    if total != expected:
        raise MeteringError(f"the ledger has {total}, its clients caused {expected}")


def _seconds(start: Instant, end: Instant) -> float:
    return (end - start) / SECOND
