"""Quotas by what only the request tells, as unmodified clients meet them on the whole system."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from metering import bootstrap
from metering.local import api
from metering.local.gateway.ask import admission_from
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import local_system
from metering.settings.settings import Settings, SqliteStore
from tests.local.gateway.bench import MESSAGES, PACE, QUESTION

LIMIT = {"metric": "requests", "window": "day", "limit": "1", "action": "block"}


class Served:
    """Clients of contoso's subscriptions at the gateway of a whole system."""

    def __init__(self, url: str, clients: AsyncExitStack) -> None:
        self._url = url
        self._clients = clients

    async def openai(self, subscription: str = "s-1", **headers: str) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            base_url=f"{self._url}/openai/v1",
            api_key=key_of(subscription),
            max_retries=0,
            default_headers=headers,
        )
        return await self._clients.enter_async_context(client)

    async def anthropic(self, **headers: str) -> anthropic.AsyncAnthropic:
        client = anthropic.AsyncAnthropic(
            base_url=f"{self._url}/anthropic",
            api_key=key_of("s-1"),
            max_retries=0,
            default_headers=headers,
        )
        return await self._clients.enter_async_context(client)


@asynccontextmanager
async def served(folder: Path, *quotas: dict[str, Any]) -> AsyncIterator[Served]:
    tenants = folder / "tenants.json"
    contoso = {"id": "contoso", "plan": "p", "subscriptions": ["s-1", "s-2"]}
    plans = [{"id": "p", "quotas": [LIMIT | quota for quota in quotas]}]
    tenants.write_text(json.dumps({"plans": plans, "tenants": [contoso]}))
    app = bootstrap.App(Settings(SqliteStore(folder / "store.db"), tenants, False))

    def fail(function: str, error: Exception) -> None:
        raise AssertionError(function) from error

    async with (
        local_system(app, "test", fail) as system,
        api.local_api(app, api.listener_on(0)) as url,
        admission_from(url, app.sign_in.gateway_token) as admission,
        local_gateway(system, listener_on(0), admission=admission, pace=PACE) as gateway,
        AsyncExitStack() as clients,
    ):
        yield Served(gateway.url, clients)


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


async def ask(client: openai.AsyncOpenAI, model: str = "gpt-4o") -> None:
    await client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=10)


async def say(client: anthropic.AsyncAnthropic) -> None:
    await client.messages.create(
        model="claude-sonnet", max_tokens=10, messages=[{"role": "user", "content": QUESTION}]
    )


async def refused(request: Callable[[], Any], kind: type[Exception]) -> Any:
    """Repeat a request until it is refused; counting takes a moment."""
    async with asyncio.timeout(20):
        while True:
            try:
                await request()
            except kind as error:
                return error
            await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    ("scope", "covered", "other"),
    [
        ({"end_user": "ada"}, {"x-end-user": "ada"}, {"x-end-user": "bob"}),
        ({"end_user": "*"}, {"x-end-user": "ada"}, {"x-end-user": "bob"}),
        ({"use_case": "faq"}, {"x-use-case": "faq"}, {"x-use-case": "chat"}),
        ({"agent": "*"}, {"x-agent": "coder"}, {"x-agent": "clerk"}),
        ({"session": "*"}, {"x-session": "1"}, {"x-session": "2"}),
        ({"subscription": "*"}, {}, {"subscription": "s-2"}),
        ({"product": "llm", "end_user": "ada"}, {"x-end-user": "ada"}, {}),
    ],
)
async def test_whoever_crosses_a_limit_is_refused_and_others_are_not(
    tmp_path: Path, scope: Any, covered: Any, other: Any
) -> None:
    async with served(tmp_path, {"scope": scope}) as system:
        first = await system.openai(**covered)
        error = await refused(lambda: ask(first), openai.RateLimitError)
        assert error.code == "quota_reached"
        await ask(await system.openai(**other))


async def test_a_user_is_stopped_at_one_model_only(tmp_path: Path) -> None:
    scope = {"end_user": "ada", "model": "gpt-4o"}
    async with served(tmp_path, {"scope": scope}) as system:
        ada = await system.openai(**{"x-end-user": "ada"})
        await refused(lambda: ask(ada), openai.RateLimitError)
        await ask(ada, "gpt-4o-mini")


@pytest.mark.parametrize("name", ["end_user", "use_case", "agent", "session"])
async def test_anthropics_client_is_stopped_value_by_value(tmp_path: Path, name: str) -> None:
    header = f"x-{name.replace('_', '-')}"
    async with served(tmp_path, {"scope": {name: "*"}, "metric": "tokens"}) as system:
        ada = await system.anthropic(**{header: "ada"})
        error = await refused(lambda: say(ada), anthropic.RateLimitError)
        assert error.body["error"]["type"] == "rate_limit_error"
        assert "of 1 used. It resets at " in str(error)
        await say(await system.anthropic(**{header: "bob"}))


async def test_a_limit_of_zero_for_each_user_leaves_those_with_a_limit_of_their_own(
    tmp_path: Path,
) -> None:
    quota = {"scope": {"end_user": "*"}, "limit": "0", "overrides": {"ada": "100"}}
    async with served(tmp_path, quota) as system:
        await ask(await system.openai(**{"x-end-user": "ada"}))
        with pytest.raises(openai.RateLimitError):
            await ask(await system.openai(**{"x-end-user": "bob"}))
        await ask(await system.openai())


async def test_what_a_client_shows_of_a_refusal_says_which_limit_and_until_when(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, {"scope": {"end_user": "*"}, "limit": "0"}) as system:
        client = await system.openai(**{"x-end-user": "ada"})
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(client)
    error, headers = caught.value, caught.value.response.headers
    assert error.type == "insufficient_quota"
    assert "requests a day of end user ada: 0 of 0 used. It resets at " in str(error)
    wait = headers["retry-after"]
    assert {
        "x-ratelimit-limit-requests": "0",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": f"{wait}s",
        "x-should-retry": "false" if int(wait) > 60 else "true",
    }.items() <= headers.items()


async def test_a_client_that_retries_does_not_wait_for_a_window_that_is_far_away(
    tmp_path: Path,
) -> None:
    quota = {"scope": {"end_user": "*"}, "limit": "0", "window": "period"}
    async with served(tmp_path, quota) as system:
        client = (await system.openai(**{"x-end-user": "ada"})).with_options(max_retries=5)
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(client)
        assert caught.value.response.request.headers["x-stainless-retry-count"] == "0"


async def test_a_deployment_of_another_name_is_no_way_around_a_limit_on_its_model(
    tmp_path: Path,
) -> None:
    # The deployment claude-sonnet serves claude-sonnet-4-5, which nobody has registered.
    async with served(tmp_path, {"scope": {"model": "claude-sonnet-4-5"}}) as system:
        client = await system.anthropic()
        error = await refused(lambda: say(client), anthropic.RateLimitError)
        assert "requests a day of model claude-sonnet-4-5" in str(error)
