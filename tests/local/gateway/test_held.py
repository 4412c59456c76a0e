"""Streams without counts: large maxima stop nobody, and what holds refuse is admitted again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from tests.local.gateway.capped import Served, serving

CAP = {"metric": "tokens", "window": "day", "limit": "20000", "action": "block"}
#: Coding agents ask for that much with every stream.
MOST = 64_000


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with serving(tmp_path, monkeypatch, quotas=[CAP]) as found:
        yield found


async def until_refused(served: Served) -> openai.RateLimitError:
    async with asyncio.timeout(30):
        while True:
            try:
                await served.stream(MOST)
            except openai.RateLimitError as refused:
                return refused
            await served.system.host.drain()


async def test_streams_with_large_maxima_are_refused_by_holds_and_admitted_with_their_counts(
    served: Served,
) -> None:
    # Two with a maximum beyond the limit: each is held for its prompt and 500 tokens.
    await served.stream(MOST)
    await served.stream(MOST)
    await served.system.host.drain()
    await served.stream(MOST)

    refused = await until_refused(served)
    assert refused.code == "held"
    # Nothing is counted yet that would say when logs arrive: two minutes.
    assert refused.response.headers["Retry-After"] == "120"

    await served.count()
    async with asyncio.timeout(10):
        while True:
            try:
                await served.stream(MOST)
                break
            except openai.RateLimitError:
                await asyncio.sleep(0.1)
