"""Operators stop and resume over HTTP: in force at once, audited, shown to the tenant."""

from typing import Any

from tests.api.served import Served, problem

STOP, RESUME = "/api/tenants/acme/stop", "/api/tenants/acme/resume"
NOW = "2026-11-20T12:00:00Z"


async def post(api: Served, path: str, **body: object) -> Any:
    return await api.ask("POST", path, api.operator(), json=body)


async def verdict(api: Served) -> tuple[str, str]:
    told = await api.get("/api/admission/sub-1", api.gateway())
    return told["verdict"], told["reason"]


async def test_a_stop_is_in_force_once_the_process_forgets_and_undone_likewise(
    api: Served,
) -> None:
    made = await post(api, STOP, reason="leaked key")
    assert made.status_code == 200, made.text
    stop = {"subscription": None, "reason": "leaked key", "since": NOW}
    assert made.json()["stopped"] == [stop]
    assert await verdict(api) == ("block", "stopped")
    # The tenant sees it on its own page.
    assert (await api.get("/api/me/quotas", api.tenant()))["stopped"] == [stop]

    with api.at("2026-11-21"):
        assert (await post(api, RESUME, reason="replaced")).json()["stopped"] == []
        assert await verdict(api) == ("allow", "within_limits")
        assert (await api.get("/api/me/quotas", api.tenant()))["stopped"] == []


async def test_both_are_in_the_audit_log_with_who_and_why(api: Served) -> None:
    await post(api, STOP, reason="leaked key", subscription="sub-1")
    entries = (await api.get("/api/audit?day=2026-11-20", api.operator()))["items"]
    assert [(one["action"], one["resource"], one["outcome"]) for one in entries] == [
        ("tenant.stop", "tenant/acme", "done"),
        ("tenant.stop", "tenant/acme", "asked"),
    ]
    assert entries[0]["before"] == {"stopped": []}
    assert entries[0]["after"] == {"reason": "leaked key", "subscription": "sub-1"}


async def test_a_subscription_of_another_tenant_is_refused_and_an_unknown_tenant_is_not_there(
    api: Served,
) -> None:
    answer = await post(api, STOP, reason="x", subscription="sub-2")
    assert problem(answer)["status"] == 422
    answer = await post(api, "/api/tenants/initech/stop", reason="x")
    assert problem(answer)["status"] == 404
    assert problem(await post(api, STOP, reason=""))["status"] == 422
