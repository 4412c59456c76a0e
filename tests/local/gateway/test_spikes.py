"""An unusual hour under a plan that reacts to it, as clients of both providers meet it."""

from pathlib import Path

import anthropic
import openai
import pytest

from metering.core.basics.instants import DAY, MINUTE, Instant, format_instant, parse_instant
from tests.builders import body
from tests.local.gateway.capped import Served, serving

#: A Friday.
NOW = parse_instant("2026-11-20T12:00:00Z")
SPIKE = {"factor": "3", "least": "0.01"}


async def used(served: Served, name: str, at: Instant, tokens: int) -> None:
    """Let contoso have used tokens of gpt-4o, as the gateway reports it."""
    usage = {"prompt_tokens": tokens, "completion_tokens": 0, "total_tokens": tokens}
    sent = body(id=name, time=format_instant(at), subject="contoso-prod", data__usage=usage)
    served.system.hub.send("usage", [(sent, "contoso-prod")])
    await served.system.host.drain()


async def after_an_unusual_hour(served: Served) -> None:
    # A thousand tokens nine days ago, twenty thousand in this hour: more than three times as much.
    await used(served, "usual", NOW - 9 * DAY, 1_000)
    await used(served, "unusual", NOW - MINUTE, 20_000)


async def test_a_block_is_told_to_clients_of_both_providers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spike = SPIKE | {"action": "block", "minutes": 30}
    async with serving(tmp_path, monkeypatch, now=NOW, spike=spike) as served:
        await after_an_unusual_hour(served)
        with pytest.raises(openai.RateLimitError) as refused:
            await served.ask()
        with pytest.raises(anthropic.RateLimitError) as refused_too:
            await served.say()
    assert refused.value.code == "spike"
    for error in (refused.value, refused_too.value):
        # The hour from 11:00 ends at 12:00, the block half an hour later.
        assert "the hour from 2026-11-20T11:00:00Z is unusual" in str(error)
        assert error.response.headers["retry-after"] == "1800"
        assert error.response.headers["x-should-retry"] == "false"


async def test_a_downgrade_takes_requests_of_the_same_provider_and_refuses_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spike = SPIKE | {"action": {"downgrade": "gpt-4o-mini"}}
    async with serving(tmp_path, monkeypatch, now=NOW, spike=spike) as served:
        await after_an_unusual_hour(served)
        assert (await served.ask()).startswith("gpt-4o-mini")
        with pytest.raises(anthropic.RateLimitError, match="is unusual"):
            await served.say()


async def test_an_hour_as_always_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spike = SPIKE | {"action": "block"}
    async with serving(tmp_path, monkeypatch, now=NOW, spike=spike) as served:
        await used(served, "usual", NOW - 9 * DAY, 10_000)
        await used(served, "as-usual", NOW - MINUTE, 20_000)
        assert (await served.ask()).startswith("gpt-4o")
        await served.say()
