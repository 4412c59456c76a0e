"""HTTP through the worker library: `GET /api/admission/{subscription}` as the gateway asks it."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from metering import bootstrap
from metering.core.plans.plan import read_plan
from metering.core.tenancy.access import Role
from metering.local.functions.http_messages import HttpRequest, HttpResponse
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import HubEvent
from tests.builders import NOW, body

CAP = {"metric": "amount", "window": "period", "limit": "0.0035", "action": "block"}


@pytest.fixture(autouse=True)
async def capped(app: bootstrap.App) -> None:
    """Put the tenant of sub-1 on a plan that one request uses up."""
    await app.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [CAP]}), None)
    await app.tenancy.assign_plan("acme", "capped", None)
    await app.tenancy.map_subject("sub-1", "acme", None)


def signed_in(app: bootstrap.App, role: Role = Role.GATEWAY) -> dict[str, str]:
    app.sign_in.listens_on_loopback()
    token = app.sign_in.development_issuer.token(roles=frozenset({role}))
    return {"Authorization": f"Bearer {token}"}


async def ask(
    worker: FunctionsWorker, subscription: str = "sub-1", query: str = ""
) -> tuple[HttpResponse, dict[str, Any]]:
    request = HttpRequest(
        "GET",
        f"https://metering.example/api/admission/{subscription}{query}",
        headers=signed_in(bootstrap.current()),
    )
    answer = await worker.invoke_http("api", request)
    return answer, json.loads(answer.body)


async def test_every_address_is_bound_to_the_one_application(worker: FunctionsWorker) -> None:
    trigger, _ = worker.functions["api"].bindings
    assert (trigger["route"], trigger["authLevel"]) == ("{*route}", "ANONYMOUS")
    assert trigger["methods"] == ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    host = json.loads((worker.app_dir / "host.json").read_text())
    assert host["extensions"]["http"]["routePrefix"] == ""


async def test_a_commit_is_in_the_verdict_a_second_later(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    answer, document = await ask(worker)
    assert (answer.status, document["verdict"]) == (200, "allow")
    assert answer.headers["cache-control"] == "private, max-age=30"
    batch = [HubEvent(body(), "sub-1", 0, "0", NOW)]
    await worker.invoke_event_hub("ingest_usage", batch, "0")
    # Another process, or this one a second later: it remembers nothing.
    bootstrap.use(bootstrap.App(app.settings))
    _, document = await ask(worker, query="?model=gpt-4o")
    assert (document["verdict"], document["remaining"]) == ("block", "0")
    await bootstrap.current().close()


async def test_an_unknown_subscription_is_a_problem_that_says_so(worker: FunctionsWorker) -> None:
    answer, problem = await ask(worker, "nobody")
    assert (answer.status, problem["title"]) == (404, "Unknown subscription")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_subject_comes_in_one_segment_whatever_is_in_it(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    await app.tenancy.map_subject("app:a/b", "acme", None)
    answer, document = await ask(worker, "app%3Aa%2Fb")
    assert (answer.status, document["subscription"]) == (200, "app:a/b")


async def test_a_store_out_of_reach_is_said_to_be_so(
    worker: FunctionsWorker, app: bootstrap.App, tmp_path: Path
) -> None:
    await app.close()
    (tmp_path / "store.db").write_bytes(b"")
    locked = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    try:
        answer, problem = await ask(worker)
    finally:
        locked.close()
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert problem["title"] == "Temporarily unavailable"
