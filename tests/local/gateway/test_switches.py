"""A plan that switches models by hour of the week, as a client meets it."""

from pathlib import Path

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
