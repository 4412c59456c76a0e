"""From an operator's stop to the refusal that a client sees, and back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from metering.core.tenancy.stops import Target
from tests.local.gateway.capped import Served, serving


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    async with serving(tmp_path, monkeypatch) as found:
        yield found


async def until(served: Served, *, is_refused: bool) -> str:
    """Ask until requests are refused or answered; return the text of the refusal."""
    async with asyncio.timeout(10):
        while True:
            text = ""
            try:
                await served.ask()
            except openai.PermissionDeniedError as refused:
                text = refused.response.text
            if bool(text) is is_refused:
                return text
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("subscription", [None, "contoso-prod"])
async def test_a_stop_refuses_the_next_requests_and_resuming_admits_them(
    served: Served, subscription: str | None
) -> None:
    await served.ask()
    tenancy, target = served.system.app.tenancy, Target("contoso", subscription)

    await tenancy.set_stop(target, "leaked key", is_stopped=True)
    refused = await until(served, is_refused=True)
    assert '"code":"stopped"' in refused

    await tenancy.set_stop(target, "key replaced", is_stopped=False)
    assert await until(served, is_refused=False) == ""
