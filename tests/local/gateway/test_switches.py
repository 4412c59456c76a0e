"""A plan that switches models by hour of the week, as a client meets it."""

from pathlib import Path

import openai
import pytest

from tests.local.gateway.capped import serving


async def test_in_its_hours_another_model_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    always = {"from": "00:00", "to": "24:00"}
    switch = {"model": "gpt-4o", "action": {"downgrade": "gpt-4o-mini"}, **always}
    async with serving(tmp_path, monkeypatch, switches=[switch]) as served:
        assert (await served.ask()).startswith("gpt-4o-mini")
        assert (await served.ask("gpt-4.1")).startswith("gpt-4.1")


async def test_a_switch_of_every_model_takes_those_of_its_provider_and_refuses_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The deployment claude-sonnet is not registered: that its API is Anthropic's decides.
    switch = {"action": {"downgrade": "claude-haiku-4-5"}, "from": "00:00", "to": "24:00"}
    async with serving(tmp_path, monkeypatch, switches=[switch]) as served:
        assert (await served.say()).startswith("claude-haiku-4-5")
        for model in ("gpt-4o", "a-deployment-of-somebody"):
            with pytest.raises(openai.RateLimitError) as refused:
                await served.ask(model)
            assert refused.value.code == "scheduled"
