"""Temporary increases over HTTP: operators make them, and each is in the audit log."""

from metering.core.plans.plan import read_plan
from tests.api.served import Served, problem
from tests.builders import body

CAP = {"metric": "requests", "window": "period", "limit": "1", "action": "block"}


async def test_an_operator_raises_a_limit_for_a_while(api: Served) -> None:
    tenancy = api.app.tenancy
    plan = read_plan("p", {"id": "capped", "quotas": [CAP]})
    await tenancy.define_plan(plan, None)
    await tenancy.assign_plan("acme", "capped", None)
    # A plan holds five minutes after it was assigned.
    with api.at("2026-11-21"):
        await api.count(body())
        path = f"/api/tenants/acme/quotas/{plan.quotas[0].key}/increases"
        wanted = {"limit": "3", "until": "2026-11-22", "reason": "launch"}
        answer = await api.ask("POST", path, api.operator(), json=wanted)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        assert (made["limit"], made["until"]) == ("3", "2026-11-22T00:00:00Z")
        assert await api.get("/api/tenants/acme/increases", api.operator()) == [made]
        (quota,) = (await api.get("/api/me/quotas", api.tenant()))["quotas"]
        assert (quota["limit"], quota["remaining"]) == ("3", "2")
        entries = await api.app.audited.entries("2026-11-21", None, 10)
        assert [one.action for one in entries] == ["quota.raise", "quota.raise"]
        assert '"reason": "launch"' in str(entries[0].after)
        refused = await api.ask("POST", path, api.operator(), json=wanted | {"limit": "0"})
        assert "limit: 0 is below the plan's 1" in problem(refused)["detail"]
