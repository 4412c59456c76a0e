"""Accrued cost through the worker library: ingest, timer, admission as the gateway asks for it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from metering import bootstrap
from metering.core.basics.instants import parse_instant
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.plans.plan import read_plan
from metering.core.tenancy.access import Role
from metering.local.functions.http_messages import HttpRequest
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import HubEvent
from metering.local.system import app_dir
from metering.settings.settings import Settings, SqliteStore
from tests.builders import body

NOW = parse_instant("2026-11-20T00:00:00Z")
CAP = {
    "metric": "amount",
    "window": "period",
    "limit": "100",
    "action": "block",
    "include_provisioned": True,
}


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[bootstrap.App]:
    made = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), fixed_now=NOW))
    # As over Cosmos DB: only the timer works out what has accrued.
    made.accruals.works_out = False
    bootstrap.use(made)
    units = Provisioned(units=50, hourly_price="1", scope="global", idle="by_share")
    await made.tenancy.define_deployment(
        Deployment(name="chat", model="gpt-4o", deployment_type="provisioned", provisioned=units),
        None,
    )
    await made.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [CAP]}), None)
    await made.tenancy.assign_plan("acme", "capped", None)
    await made.tenancy.map_subject("sub-1", "acme", None)
    yield made
    await made.close()


async def test_units_that_a_tenant_used_block_it_before_the_close(app: bootstrap.App) -> None:
    worker = await FunctionsWorker.start(app_dir())
    used = body(time="2026-11-03T10:00:00Z", data__deployment="chat", data__deployment_type=...)
    await worker.invoke_event_hub("ingest_usage", [HubEvent(used, "sub-1", 0, "0", NOW)], "0")
    await worker.invoke_timer("accrue_cost")
    app.sign_in.listens_on_loopback()

    async def get(path: str, role: Role) -> dict[str, object]:
        token = app.sign_in.development_issuer.token(roles=frozenset({role}))
        address = f"https://metering.example/api/{path}"
        request = HttpRequest("GET", address, headers={"Authorization": f"Bearer {token}"})
        found: dict[str, object] = json.loads((await worker.invoke_http("api", request)).body)
        return found

    document = await get("admission/sub-1?model=gpt-4o", Role.GATEWAY)
    # 19 days x 24 hours x 50 units.
    assert (document["verdict"], document["reason"]) == ("block", "quota_reached")
    assert (document["limit"], document["remaining"]) == ("100", "0")
    assert "22800 of it provisioned, accrued until 2026-11-20T00:00:00Z" in str(document["detail"])
    balance = await get("tenants/acme/balance", Role.OPERATOR)
    assert (balance["total"], balance["total_with_provisioned"]) == ("0", "22800")
