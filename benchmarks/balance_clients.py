"""The clients that read balances, in a process of their own: they ask by the clock, not in turns.

A client that waited for its last answer before it asked again would ask less just while the
server is slow. Here each request has a time to be sent at, whatever became of those before it, and
its latency counts from that time.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import aiohttp

PATH: Final = "/me/balance"
#: For one answer, so that a server that stands still ends the measurement.
_PATIENCE_S: Final = 10


class Round(NamedTuple):
    """The requests to make of a server, and their rate; the tokens take turns."""

    url: str
    tokens: Sequence[str]
    per_second: int
    requests: int
    reporter: str = ""
    """The token with which events are reported meanwhile."""
    batches: Sequence[bytes] = ()
    batches_per_second: int = 1


class Answered(NamedTuple):
    """The result of a round: seconds from each request's time to the whole of its answer."""

    latencies: Sequence[float]
    """Shortest first."""
    errors: dict[str, int]
    """Statuses other than 200, and their counts."""
    seconds: float
    events: int
    """That were reported meanwhile."""


def ask_all(of: Round) -> Answered:
    """Ask as often as a round says."""
    return asyncio.run(_ask_all(of))


async def _ask_all(of: Round) -> Answered:
    found = _Found()
    loop = asyncio.get_running_loop()
    # Without a bound, or requests would wait for a connection before they are sent.
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        start = loop.time()
        await asyncio.gather(
            by_the_clock(
                of.per_second,
                [
                    _balance(session, of, number, found, start + number / of.per_second)
                    for number in range(of.requests)
                ],
            ),
            by_the_clock(
                of.batches_per_second,
                [_report(session, of, batch, found) for batch in of.batches],
            ),
        )
    seconds = loop.time() - start
    return Answered(sorted(found.latencies), dict(found.errors), seconds, found.events)


class _Found:
    """The answers so far."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.errors = Counter[str]()
        self.events = 0


async def by_the_clock(per_second: int, calls: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Start each call at its time, and return when all have ended."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.TaskGroup() as tasks:
        for number, call in enumerate(calls):
            await asyncio.sleep(max(0, start + number / per_second - loop.time()))
            tasks.create_task(call)


async def _balance(
    session: aiohttp.ClientSession, of: Round, number: int, found: _Found, due: float
) -> None:
    headers = {"Authorization": f"Bearer {of.tokens[number % len(of.tokens)]}"}
    try:
        async with session.get(of.url + PATH, headers=headers) as response:
            await response.read()
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        found.errors[type(error).__name__] += 1
        return
    if status != HTTPStatus.OK:
        found.errors[str(status)] += 1
        return
    found.latencies.append(asyncio.get_running_loop().time() - due)


async def _report(session: aiohttp.ClientSession, of: Round, batch: bytes, found: _Found) -> None:
    headers = {"Authorization": f"Bearer {of.reporter}", "Content-Type": "application/json"}
    try:
        async with session.post(f"{of.url}/events", data=batch, headers=headers) as response:
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        found.errors[f"events: {type(error).__name__}"] += 1
        return
    if response.status != HTTPStatus.OK:
        found.errors[f"events: {response.status}"] += 1
        return
    found.events += answer["accepted"]
