"""Statements, closing, adjustments and the overview over HTTP."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from metering.api.routes import evidence, statements
from tests.api.served import OF_GLOBEX, Served, problem
from tests.builders import body

DECEMBER = "2026-12-10"


async def closed(api: Served) -> dict[str, Any]:
    """Use something, and close the period as if it were December."""
    await api.count()
    with api.at(DECEMBER):
        answer = await api.ask("POST", "/api/periods/close", api.operator(), json={})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_periods_are_closed_once_and_audited(api: Served) -> None:
    done = await closed(api)
    # 1,000 x 2.50 + 100 x 10.00 of a million: 0.0035, to the cent nothing.
    acme = {"tenant": "acme", "period": "2026-11", "currency": "USD", "total": "0", "unsettled": 0}
    assert acme in done["closed"]
    with api.at(DECEMBER):
        again = await api.ask("POST", "/api/periods/close", api.operator(), json={"at": DECEMBER})
        audit = (await api.get("/api/audit", api.operator()))["items"]
    assert again.json()["closed"] == []
    assert [one["action"] for one in audit].count("periods.close") == 4
    unknown = await api.ask(
        "POST", "/api/periods/close", api.operator(), json={"tenants": ["initech"]}
    )
    assert problem(unknown)["errors"] == [
        {"field": "tenants", "message": "unknown tenant 'initech'"}
    ]
    badly = await api.ask("POST", "/api/periods/close", api.operator(), json={"at": "soon"})
    assert problem(badly)["errors"][0]["field"] == "at"


async def test_the_future_is_closed_only_for_a_period_that_is_over_and_named(api: Served) -> None:
    await api.count()

    async def close(**content: str) -> httpx2.Response:
        return await api.ask("POST", "/api/periods/close", api.operator(), json=content)

    for content in ({"at": "2028-12-01"}, {"at": "2026-12-10", "allow_future": "2026-11"}):
        refused = problem(await close(**content))
        assert refused["status"] == 422
        assert "2026-11 of acme, 2026-11 of globex" in refused["detail"]
    with api.at("2026-12-01"):
        done = await close(at="2026-12-10", allow_future="2026-11")
    assert [one["period"] for one in done.json()["closed"]] == ["2026-11", "2026-11"]


async def test_a_statement_comes_as_it_is_asked_for(api: Served) -> None:
    await closed(api)
    listed = await api.get("/api/me/statements", api.tenant())
    assert [(one["period"], one["number"], one["total"]) for one in listed["items"]] == [
        ("2026-11", 1, "0.00")
    ]
    path = "/api/me/statements/2026-11"
    shown = await api.ask("GET", path, api.tenant())
    assert shown.headers["content-type"] == "application/json"
    assert "content-disposition" not in shown.headers
    amounts = [line["amount"] for line in shown.json()["lines"] if line["kind"] == "usage"]
    assert sorted(amounts) == ["0.001", "0.0025"]
    for accept, start in (("text/csv", "tenant,period"), ("text/html", "<!doctype html>")):
        answer = await api.ask("GET", path, api.tenant(), headers={"Accept": accept})
        assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
        assert answer.text.startswith(start)
    kept = await api.ask("GET", f"{path}?format=csv", api.tenant())
    assert kept.headers["content-disposition"] == 'attachment; filename="acme-2026-11.csv"'
    page = await api.ask("GET", f"{path}?format=html", api.tenant())
    assert "style-src 'sha256-" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    other = await api.ask("GET", path, api.tenant(), headers={"Accept": "image/png"})
    assert problem(other)["status"] == 406
    any_ = await api.ask("GET", path, api.tenant(), headers={"Accept": "image/png, */*;q=0.1"})
    assert any_.json() == shown.json()
    same = await api.ask("GET", "/api/tenants/acme/statements/2026-11", api.operator())
    assert same.json() == shown.json()
    assert same.headers["etag"] == f'"{shown.json()["hash"]}"'


async def test_what_is_not_closed_has_no_statement(api: Served) -> None:
    await api.count()
    for path in ("/api/me/statements/2026-11", "/api/tenants/globex/statements/2026-11"):
        assert problem(await api.ask("GET", path, api.tenant()))["status"] == 404
    assert (await api.get("/api/me/statements", api.tenant()))["items"] == []
    await closed(api)
    theirs = await api.get("/api/me/statements/2026-11", api.tenant(OF_GLOBEX))
    assert theirs["tenant"] == "globex"
    assert theirs["lines"] == []


async def test_a_period_that_is_not_closed_has_a_preview(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.count()
    path = "/api/me/statements/2026-11/preview"
    shown = await api.ask("GET", path, api.tenant())
    assert (shown.status_code, "etag" in shown.headers) == (200, False)
    assert shown.headers["cache-control"] == "no-store"
    draft = shown.json()
    assert (draft["draft"], draft["number"], draft["period"]) == (True, 1, "2026-11")
    amounts = [line["amount"] for line in draft["lines"] if line["kind"] == "usage"]
    assert sorted(amounts) == ["0.001", "0.0025"]
    named = "/api/tenants/acme/statements/2026-11/preview"
    assert (await api.get(named, api.operator())) == draft
    for kind, sign in (("csv", b",draft,USD,"), ("html", b"raft"), ("pdf", b"%PDF-")):
        answer = await api.ask("GET", f"{path}?format={kind}", api.tenant())
        assert sign in answer.content, answer.content[:200]
        if kind != "html":
            name = f'attachment; filename="acme-2026-11-draft.{kind}"'
            assert answer.headers["content-disposition"] == name
    # Nothing was stored: the statement is there once the period is closed.
    assert (await api.ask("GET", path.removesuffix("/preview"), api.tenant())).status_code == 404
    ahead = problem(await api.ask("GET", "/api/me/statements/2026-12/preview", api.tenant()))
    assert (ahead["status"], "period 2026-12 has not begun" in ahead["detail"]) == (422, True)
    await closed(api)
    # A closed period is no part of the draft after it, which may overdraw the caller's budget.
    with api.at(DECEMBER):
        after = await api.get("/api/me/statements/2026-12/preview", api.tenant())
    assert (after["number"], after["lines"]) == (2, [])
    monkeypatch.setattr(statements, "MAX_ENTRIES", 0)
    with api.at(DECEMBER):
        await api.get("/api/me/statements/2026-12/preview", api.tenant())
    refused = await api.ask("GET", path, api.tenant())
    assert (refused.status_code, "metering statement --preview" in refused.text) == (413, True)


async def test_an_adjustment_is_made_once(api: Served) -> None:
    path, token = "/api/tenants/acme/adjustments", api.operator()
    content = {"amount": "-5.00", "reason": "outage of 3 Nov", "about": "2026-10"}
    assert problem(await api.ask("POST", path, token, json=content))["status"] == 400
    key = {"Idempotency-Key": "a-1"}
    first = await api.ask("POST", path, token, json=content, headers=key)
    assert (first.status_code, first.json()["amount"]) == (201, "-5")
    again = await api.ask("POST", path, token, json=content, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    other = await api.ask("POST", path, token, json={**content, "amount": "-6"}, headers=key)
    assert problem(other)["status"] == 422
    assert (await api.get(path, token))["items"] == [first.json()]
    await closed(api)
    lines = (await api.get("/api/me/statements/2026-11", api.tenant()))["lines"]
    made = next(line for line in lines if line["kind"] == "adjustment")
    assert (made["amount"], made["charge_period"]) == ("-5", "2026-10")


async def test_all_tenants_are_seen_at_a_glance(api: Served) -> None:
    await api.count(body(), body(), body(id="r-2", data__model="unheard-of"))
    first = await api.get("/api/overview?limit=1", api.operator())
    acme = first["items"][0]
    shown = ("tenant", "standing", "amount", "requests", "unpriced", "duplicates")
    assert [acme[name] for name in shown] == ["acme", "unlimited", "0.0035", 2, 1, 1]
    rest = await api.get(f"/api/overview?limit=1&cursor={first['next']}", api.operator())
    assert [one["tenant"] for one in rest["items"]] == ["globex"]
    assert (rest["next"], rest["matches"]) == (None, 2)
    one = "/api/overview?sort=amount&order=descending&standing=unlimited&limit=1&search="
    spent = await api.get(one, api.operator())
    assert [one["tenant"] for one in spent["items"]] == ["acme"]
    after = await api.get(f"{one}&cursor={spent['next']}", api.operator())
    assert [one["tenant"] for one in after["items"]] == ["globex"]
    refused = await api.ask("GET", f"{one}a&cursor={spent['next']}", api.operator())
    assert problem(refused)["status"] == 400
    totals = await api.get("/api/overview/totals", api.operator())
    told = {one["question"]: one for one in await api.get("/api/status", api.operator())}
    assert told["Is anything not priced?"]["figure"] == 1
    spending = {"currency": "USD", "tenants": 2, "amount": "0.0035"}
    assert totals["spending"] == [{**spending, "projected": acme["projected"]}]
    assert (totals["tenants"], totals["standings"]["unlimited"]) == (2, 2)
    assert (totals["requests"], totals["unpriced"], totals["unreadable"]) == (2, 1, [])
    await api.count(body(id="r-3", subject="nobody"))
    work = await api.get("/api/overview/work", api.operator())
    assert work["dead_letters"] == {"unknown_subscription": 1}
    assert (work["ingest_lag_s"], work["effects_parked"]) == (0, 0)
    ages = {one["source"]: one for one in work["price_sources"]}
    assert ages["prices.azure.com"]["retrieved"] == "2026-08-11"


async def test_periods_that_wait_are_listed_with_the_reason(api: Served) -> None:
    # The tenants are known since the clock's month, so nothing is due; October's usage is.
    await api.count(body(time="2026-10-20T11:45:00Z"))
    due = await api.get("/api/periods/due?limit=1", api.operator())
    assert [(one["tenant"], one["period"], one["reason"]) for one in due["items"]] == [
        ("acme", "2026-10", "due")
    ]
    rest = await api.get(f"/api/periods/due?limit=1&cursor={due['next']}", api.operator())
    assert rest == {"items": [], "next": None}


async def test_a_tenant_gets_the_evidence_of_its_own_bill(api: Served, tmp_path: Path) -> None:
    await closed(api)
    with api.at(DECEMBER):
        own = await api.ask("GET", "/api/me/evidence/2026-11", api.tenant())
        named = await api.ask("GET", "/api/tenants/acme/evidence/2026-11", api.operator())
    assert (own.status_code, own.headers["content-type"]) == (200, "application/x-ndjson")
    assert "acme-2026-11-evidence.jsonl" in own.headers["content-disposition"]
    assert own.content == named.content
    assert b"globex" not in own.content
    program = await api.ask("GET", "/api/evidence/verifier", None)
    (tmp_path / "check.py").write_bytes(program.content)
    (tmp_path / "evidence.jsonl").write_bytes(own.content)
    command = [sys.executable, "-I", "check.py", "evidence.jsonl"]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "acme 2026-11: holds" in done.stdout) == (0, True), done.stdout


async def test_evidence_that_a_response_cannot_hold_is_refused(
    api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    await api.count()
    monkeypatch.setattr(evidence, "MAX_ENTRIES", 0)
    refused = await api.ask("GET", "/api/me/evidence/2026-11", api.tenant())
    assert (refused.status_code, "metering evidence" in refused.text) == (413, True)
