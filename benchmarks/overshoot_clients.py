"""The clients of one tenant, in a process of their own: each asks until it is refused."""

import asyncio
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp

from metering.adapters.clock import SystemClock
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.local.gateway.keys import key_of

SUBSCRIPTION: Final = "contoso-prod"
#: What every request asks for. 40 characters are 10 tokens; the message makes 4 more and the
#: reply 3; the answer ends at 10.
MODEL: Final = "gpt-4o"
PROMPT_TOKENS: Final = 17
OUTPUT_TOKENS: Final = 10
#: What a policy takes the prompt for: its role and its question have 44 characters.
ESTIMATED_TOKENS: Final = 11
_QUESTION: Final = "Hello, what does a thousand tokens cost?"

#: Clients begin one after the other within this time, and wait this long between requests.
_SPREAD_S: Final = 1.0
_THINK_S: Final = 0.05


class Crowd(NamedTuple):
    """Who asks, and where; `deadline_s` after the start those that go on give up."""

    url: str
    clients: int
    streamed: bool
    deadline_s: float


class Reply(NamedTuple):
    """When a client had the whole of an answer, by the machine's clock, and whether it was one."""

    at: Instant
    answered: bool


def drive(crowd: Crowd) -> list[Reply]:
    """Return every reply in order of time.

    MeteringError for one that says something else, and for a connection that breaks: whether that
    request counts nobody can tell.
    """
    try:
        return asyncio.run(_drive(crowd))
    except* (MeteringError, aiohttp.ClientError, OSError) as group:
        first: BaseException = group
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise MeteringError(f"a client failed: {first}") from None


async def _drive(crowd: Crowd) -> list[Reply]:
    replies: list[Reply] = []
    end = asyncio.get_running_loop().time() + crowd.deadline_s
    unlimited = aiohttp.TCPConnector(limit=0)
    headers = {"api-key": key_of(SUBSCRIPTION)}
    async with (
        aiohttp.ClientSession(connector=unlimited, headers=headers) as session,
        asyncio.TaskGroup() as tasks,
    ):
        for _ in range(crowd.clients):
            tasks.create_task(_client(session, crowd, replies, end))
            await asyncio.sleep(_SPREAD_S / crowd.clients)
    return sorted(replies)


async def _client(
    session: aiohttp.ClientSession, crowd: Crowd, replies: list[Reply], end: float
) -> None:
    loop, clock = asyncio.get_running_loop(), SystemClock()
    while loop.time() < end:
        answered = await _ask(session, crowd)
        replies.append(Reply(clock.now(), answered))
        if not answered:
            return
        await asyncio.sleep(_THINK_S)


async def _ask(session: aiohttp.ClientSession, crowd: Crowd) -> bool:
    """Say whether a request was answered rather than refused."""
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": _QUESTION}],
        "max_tokens": OUTPUT_TOKENS,
        "stream": crowd.streamed,
    }
    async with session.post(f"{crowd.url}/openai/v1/chat/completions", json=body) as response:
        await response.read()
        if response.status not in {HTTPStatus.OK, HTTPStatus.TOO_MANY_REQUESTS}:
            raise MeteringError(f"the gateway answers {response.status}")
        return response.status == HTTPStatus.OK
