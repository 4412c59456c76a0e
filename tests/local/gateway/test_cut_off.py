"""From a limit to the block that a client sees: plan, ledger, admission and gateway together."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import openai
import pytest

from metering import bootstrap
from metering.local import api
from metering.local.gateway.ask import admission_from
from metering.local.gateway.keys import key_of
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import LocalSystem, local_system
from metering.settings.settings import Settings, SqliteStore
from tests.local.gateway.bench import MESSAGES, PACE

#: 17 x 2.5 + 10 x 10 = 142.5 a million: the first request is within it, the second reaches it.
CAP = {"metric": "amount", "window": "period", "limit": "0.0002", "action": "block"}


@pytest.fixture
async def served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[LocalSystem, str]]:
    """Run the whole system by the machine's clock, contoso on a capped plan."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    tenants = tmp_path / "tenants.json"
    contoso = {"id": "contoso", "plan": "capped", "subscriptions": ["contoso-prod"]}
    plans = [{"id": "capped", "quotas": [CAP]}]
    tenants.write_text(json.dumps({"plans": plans, "tenants": [contoso]}))
    app = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), tenants, False))

    def fail(function: str, error: Exception) -> None:
        raise AssertionError(function) from error

    async with (
        local_system(app, "test", fail) as system,
        api.local_api(app, api.listener_on(0)) as url,
        admission_from(url, app.sign_in.gateway_token) as admission,
        local_gateway(system, listener_on(0), admission=admission, pace=PACE) as gateway,
    ):
        yield system, gateway.url


async def until_refused(client: openai.AsyncOpenAI) -> tuple[int, openai.RateLimitError]:
    """Ask until the gateway refuses; return how many requests it answered before."""
    answered = 0
    async with asyncio.timeout(20):
        while True:
            try:
                await client.chat.completions.create(
                    model="gpt-4o", messages=MESSAGES, max_tokens=10
                )
            except openai.RateLimitError as refused:
                return answered, refused
            answered += 1
            await asyncio.sleep(0.2)


async def test_a_tenant_that_reaches_its_limit_is_blocked_within_seconds_and_told_why(
    served: tuple[LocalSystem, str],
) -> None:
    system, url = served
    async with openai.AsyncOpenAI(
        base_url=f"{url}/openai/v1", api_key=key_of("contoso-prod"), max_retries=0
    ) as client:
        answered, refused = await until_refused(client)
    assert int(refused.response.headers["Retry-After"]) > 0
    assert refused.code == "quota_reached"
    await system.host.drain()
    balance = await system.app.read.balance(
        "contoso", await system.app.read.latest_period("contoso")
    )
    # The refused request is counted, and costs nothing.
    assert balance.total.requests == answered + 1
    assert balance.total.not_billable == 1
    assert answered >= 2


async def test_a_gateway_that_gets_no_answer_lets_pass() -> None:
    async with admission_from("http://127.0.0.1:1", lambda: "no token") as ask:
        assert await ask("contoso-prod", {}) == {"verdict": "allow"}


async def test_a_gateway_that_is_not_let_in_lets_pass(
    served: tuple[LocalSystem, str],
) -> None:
    system, _ = served
    async with (
        api.local_api(system.app, api.listener_on(0)) as url,
        admission_from(url, lambda: "no token") as ask,
    ):
        assert await ask("contoso-prod", {}) == {"verdict": "allow"}
