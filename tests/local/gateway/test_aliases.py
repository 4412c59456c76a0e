"""Aliases as unmodified clients meet them on the whole system: who served pays the price."""

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest

from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.deployments.alias import Alias
from tests.local.gateway.bench import MESSAGES
from tests.local.gateway.capped import Served, serving

LIMIT = {"metric": "requests", "window": "period", "limit": "2", "action": "block"}


async def declare(served: Served, name: str, *targets: str) -> None:
    await served.system.app.tenancy.set_alias(Alias(alias=name, targets=targets), None)


async def used(served: Served, *by: str) -> list[Any]:
    app = served.system.app
    rows = await app.read.usage("contoso", month_of(app.clock.now()), by)
    return [(*row.group, format_amount(row.amount or 0)) for row in rows]


async def until_refused(served: Served, model: str) -> openai.RateLimitError:
    """Ask until the gateway refuses: it remembers a verdict for a second."""
    async with asyncio.timeout(20):
        while True:
            try:
                await served.ask(model)
            except openai.RateLimitError as refused:
                return refused
            await asyncio.sleep(0.05)


async def test_a_limit_on_a_model_stops_its_alias_and_the_served_model_is_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_model = LIMIT | {"scope": {"model": "gpt-4o"}}
    async with serving(tmp_path, monkeypatch, quotas=[on_model]) as served:
        await declare(served, "smart", "gpt-4o", "gpt-4o-mini")
        await declare(served, "fast", "gpt-4o-mini")
        assert await served.ask("Smart") == "gpt-4o-2024-11-20"
        async with await served.client.chat.completions.create(
            model="smart", messages=MESSAGES, max_tokens=10, stream=True
        ) as chunks:
            assert {chunk.model async for chunk in chunks} == {"gpt-4o-2024-11-20"}
        await served.count()
        # Both: 17 x 2.5 + 10 x 10 = 142.5 a million
        assert await used(served, "requested_model", "model", "deployment") == [
            ("Smart", "gpt-4o", "Smart", "0.0001425"),
            ("smart", "gpt-4o", "smart", "0.0001425"),
        ]
        assert "of 2 used" in (await until_refused(served, "smart")).message
        for name in ("SMART", "gpt-4o"):
            with pytest.raises(openai.RateLimitError, match="of 2 used"):
                await served.ask(name)
        assert await served.ask("fast") == "gpt-4o-mini-2024-07-18"


async def test_a_limit_on_an_alias_leaves_its_model_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_alias = LIMIT | {"scope": {"requested_model": "smart"}, "limit": "1"}
    async with serving(tmp_path, monkeypatch, quotas=[on_alias]) as served:
        await declare(served, "smart", "gpt-4o")
        assert await served.ask("smart") == "gpt-4o-2024-11-20"
        await served.count()
        refused = await until_refused(served, "Smart")
        assert "requested model smart: " in refused.message
        assert await served.ask("gpt-4o") == "gpt-4o-2024-11-20"


async def test_an_alias_that_leads_to_nothing_here_is_no_deployment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path, monkeypatch) as served:
        await declare(served, "smart", "gpt-99")
        with pytest.raises(openai.NotFoundError, match="Unknown deployment 'smart'"):
            await served.ask("smart")
