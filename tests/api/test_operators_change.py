"""What operators change: on the version they saw, once, and in the audit log."""

import asyncio
import json
from typing import Any

import pytest

from metering.core.basics.errors import RetryableError
from tests.api.served import Served, problem
from tests.builders import body, event, price_file

MEMBER = "user:00000000-0000-0000-0000-0000000000cc"
#: What can be edited: its address, and two contents.
EDITED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("/api/plans/pro", {"markup": "0.1"}, {"markup": "0.2"}),
    ("/api/subscriptions/sub-7", {"tenant": "acme"}, {"tenant": "globex"}),
    ("/api/subscriptions/app:a/b", {"tenant": "acme"}, {"tenant": "globex"}),
    (f"/api/members/{MEMBER}", {"tenant": "acme"}, {"tenant": None}),
    (
        "/api/deployments/d?account=contoso",
        {"model": "gpt-4o", "deployment_type": "global"},
        {"model": "gpt-4o", "deployment_type": "data_zone"},
    ),
    ("/api/aliases/Smart", {"targets": ["gpt-4o"]}, {"targets": ["gpt-4o-mini"]}),
    ("/api/aliases/house/smart", {"targets": ["gpt-4o"]}, {"targets": ["gpt-4o-mini"]}),
]


async def put(api: Served, path: str, content: object, **headers: str) -> Any:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.ask("PUT", path, api.operator(), json=content, headers=told)


@pytest.mark.parametrize(("path", "first", "second"), EDITED)
async def test_what_is_edited_says_which_version_it_was_seen_in(
    api: Served, path: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert (await put(api, path, first, If_Match='"r1"')).status_code == 412
    made = await put(api, path, first)
    assert made.status_code == 200
    seen = await api.ask("GET", path, api.operator())
    assert seen.headers["etag"] == made.headers["etag"]
    assert (await put(api, path, second)).status_code == 428
    for wrong in ('"r0"', "r1", f"W/{seen.headers['etag']}", '"nonsense"', ""):
        answer = await put(api, path, second, If_Match=wrong)
        assert (wrong, problem(answer)["status"]) == (wrong, 412)
    edited = await put(api, path, second, If_Match=f'"r0", {seen.headers["etag"]}')
    assert edited.status_code == 200
    assert edited.headers["etag"] != seen.headers["etag"]
    again = await put(api, path, first, If_Match=seen.headers["etag"])
    assert problem(again)["status"] == 412
    assert (await put(api, path, second, If_Match="*")).headers["etag"] == edited.headers["etag"]


async def test_the_plan_of_a_tenant_is_edited_as_it_was_seen(api: Served) -> None:
    await put(api, "/api/plans/pro", {"markup": "0.1"})
    path = "/api/tenants/acme/plan"
    made = await put(api, path, {"plan": "pro"})
    assert made.json()["plan"] == "default"
    assert made.json()["until"] == "2026-11-20T12:05:00Z"
    assert (await put(api, path, {"plan": "default"})).status_code == 428
    stale = await put(api, path, {"plan": "default"}, If_Match='"r0"')
    assert problem(stale)["status"] == 412
    new = await put(api, "/api/tenants/initech/plan", {"plan": "pro"})
    assert (new.status_code, new.json()["plan"]) == (200, "pro")


async def test_of_two_edits_at_the_same_time_one_is_told_to_look_again(api: Served) -> None:
    made = await put(api, "/api/plans/pro", {"markup": "0"})
    tag = made.headers["etag"]
    answers = await asyncio.gather(
        *(put(api, "/api/plans/pro", {"markup": f"0.{n}"}, If_Match=tag) for n in range(1, 6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412, 412]


async def test_a_change_of_the_past_is_refused_with_the_reason(api: Served) -> None:
    await put(api, "/api/plans/pro", {})
    answer = await put(api, "/api/plans/pro?from=2026-11-01", {"markup": "1"}, If_Match="*")
    assert problem(answer)["status"] == 422
    assert "history is never edited" in problem(answer)["detail"]


class TestOfGrants:
    PATH = "/api/tenants/acme/grants"

    async def give(self, api: Served, key: str | None, **wish: Any) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        wish = {"amount": "10", **wish}
        return await api.ask("POST", self.PATH, api.operator(), json=wish, headers=headers)

    async def test_a_grant_needs_a_key_and_is_given_once_under_it(self, api: Served) -> None:
        assert problem(await self.give(api, None))["status"] == 400
        assert problem(await self.give(api, "a key"))["status"] == 422
        first = await self.give(api, "g-1", expiry="2027-01-31", reason="welcome")
        again = await self.give(api, "g-1", expiry="2027-01-31", reason="welcome")
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert (first.json()["id"], first.json()["author"]) == ("g-1", f"user:{GUID}")
        other = await self.give(api, "g-1", amount="11")
        assert problem(other)["status"] == 422
        assert "amount" in problem(other)["detail"]
        found = await api.get(self.PATH, api.operator())
        assert [one["amount"] for one in found["items"]] == ["10"]

    async def test_many_at_once_under_one_key_are_one_grant(self, api: Served) -> None:
        answers = await asyncio.gather(*(self.give(api, "g-1") for _ in range(5)))
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 201]

    async def test_a_grant_is_taken_back_once(self, api: Served) -> None:
        await self.give(api, "g-1")
        path = f"{self.PATH}/g-1/revocation"
        first = await api.ask("POST", path, api.operator(), json={"reason": "twice"})
        again = await api.ask("POST", path, api.operator(), json={})
        assert first.json()["revoked"] == "2026-11-20T12:05:00Z"
        assert again.json() == first.json()
        missing = await api.ask("POST", f"{self.PATH}/g-2/revocation", api.operator(), json={})
        assert problem(missing)["status"] == 404

    @pytest.mark.parametrize(
        ("wish", "named"),
        [
            ({"amount": "0"}, "amount"),
            ({"amount": 5}, "amount"),
            ({"amount": "1e3"}, "amount"),
            ({"expiry": "soon"}, "expiry"),
            ({"expiry": "2020-01-01"}, "expiry"),
            ({"start": "2020-01-01"}, "start"),
            ({"currency": "EUR"}, "currency"),
            ({"priority": 10_000}, "priority"),
            ({"author": "somebody else"}, "author"),
        ],
    )
    async def test_a_wrong_grant_names_what_is_wrong(
        self, api: Served, wish: dict[str, Any], named: str
    ) -> None:
        answer = await self.give(api, "g-1", **wish)
        assert problem(answer)["status"] == 422
        assert named in problem(answer)["detail"]


GUID = "00000000-0000-0000-0000-000000000063"


async def test_prices_are_published_once_under_their_name(api: Served) -> None:
    row = {"effective_from": "2026-12-01T00:00:00Z"}
    content = json.loads(price_file(row, version="v9"))
    first = await put(api, "/api/prices/v9", content)
    assert first.status_code == 200, first.text
    assert first.json()["version"] == "v9"
    assert (await put(api, "/api/prices/v9", content)).status_code == 200
    other = json.loads(price_file({**row, "region": "eastus2"}, version="v9"))
    assert problem(await put(api, "/api/prices/v9", other))["status"] == 422
    listed = await api.get("/api/prices", api.operator())
    assert [one["version"] for one in listed["items"]] == ["v9"]
    assert await api.get("/api/prices/v9", api.operator()) == content
    missing = await api.ask("GET", "/api/prices/v8", api.operator())
    assert problem(missing)["status"] == 404


async def test_dead_letters_are_looked_at_sent_again_and_dropped(api: Served) -> None:
    await api.count(body(subject="sub-8"), b"nonsense", body(subject="sub-8", id="r-2"))
    operator = api.operator()
    assert await api.get("/api/dead-letters/counts", operator) == {
        "not_json": 1,
        "unknown_subscription": 2,
    }
    first = await api.get("/api/dead-letters?limit=2", operator)
    second = await api.get(f"/api/dead-letters?limit=2&cursor={first['next']}", operator)
    ids = [one["id"] for one in first["items"] + second["items"]]
    assert (len(set(ids)), second["next"]) == (3, None)
    (bad,) = (await api.get("/api/dead-letters?code=not_json", operator))["items"]
    assert (bad["body"], bad["body_bytes"]) == (None, 8)
    shown = await api.get(f"/api/dead-letters/{bad['id'][:20]}", operator)
    assert shown["body"] == "nonsense"
    assert (await api.ask("GET", "/api/dead-letters/00", operator)).status_code == 404
    await api.app.tenancy.map_subject("sub-8", "acme", None)
    wish = {"code": "unknown_subscription", "every": True}
    done = await api.ask("POST", "/api/dead-letters/replay", operator, json=wish)
    assert done.json() == {"letters": 2, "accepted": 2, "duplicates": 0, "rejected": {}}
    wish = {"ids": [bad["id"], bad["id"][:10]]}
    refused = await api.ask("POST", "/api/dead-letters/replay", operator, json=wish)
    assert refused.json()["rejected"] == {"not_json": 1}
    dropped = await api.ask("POST", "/api/dead-letters/drop", operator, json=wish)
    assert dropped.json() == {"letters": 1}
    assert await api.get("/api/dead-letters/counts", operator) == {}
    recounted = await api.ask("POST", "/api/dead-letters/recount", operator)
    assert recounted.json() == {"before": {}, "after": {}}


async def test_effects_that_were_given_up_are_made_due_again(api: Served) -> None:
    await api.count(body(data__model="gpt-99"))
    operator = api.operator()
    (waiting,) = (await api.get("/api/effects", operator))["items"]
    assert (waiting["kind"], waiting["parked"]) == ("unpriced", False)
    (stored,) = await api.app.deliver_effects.waiting(10)
    await api.app.stores.effects.park(stored.effect, "nobody there")
    (parked,) = (await api.get("/api/effects?parked=true", operator))["items"]
    assert (parked["failure"], parked["due"]) == ("nobody there", None)
    done = await api.ask("POST", "/api/effects/retry", operator)
    assert done.json() == {"effects": 1}
    assert (await api.get("/api/effects?parked=true", operator))["items"] == []


async def test_ledgers_are_proven_a_few_at_a_time(api: Served) -> None:
    await api.count(body(), body(subject="sub-2"), body(id="o", time="2026-10-31T00:00:00Z"))
    operator, found, cursor = api.operator(), [], ""
    while cursor is not None:
        page = await api.get(f"/api/verify?limit=1{cursor and f'&cursor={cursor}'}", operator)
        found += page["items"]
        cursor = page["next"]
    assert [(one["ledger"], one["holds"], one["faults"]) for one in found] == [
        ("acme|2026-10-01T00:00:00Z", True, []),
        ("acme|2026-11-01T00:00:00Z", True, []),
        ("globex|2026-11-01T00:00:00Z", True, []),
    ]
    one = await api.get("/api/verify?tenant=globex", operator)
    assert len(one["items"]) == 1


async def test_tenants_and_subscriptions_are_listed_in_pages(api: Served) -> None:
    operator = api.operator()
    first = await api.get("/api/tenants?limit=1", operator)
    second = await api.get(f"/api/tenants?limit=1&cursor={first['next']}", operator)
    assert [one["tenant"] for one in first["items"] + second["items"]] == ["acme", "globex"]
    assert first["items"][0]["subscriptions"] == ["sub-1"]
    assert first["items"][0]["members"] == ["user:00000000-0000-0000-0000-00000000000b"]
    assert await api.get("/api/tenants/acme", operator) == first["items"][0]
    every = await api.get("/api/subscriptions", operator)
    assert [(one["subscription"], one["tenant"]) for one in every["items"]] == [
        ("sub-1", "acme"),
        ("sub-2", "globex"),
    ]
    assert (await api.get("/api/subscriptions?tenant=acme", operator))["items"] == [
        {"subscription": "sub-1", "tenant": "acme"}
    ]
    for path in ("tenants/x", "tenants/x/plan", "subscriptions/x", f"members/{MEMBER}"):
        assert (await api.ask("GET", f"/api/{path}", operator)).status_code == 404
    plans = await api.get("/api/plans", operator)
    assert [one["id"] for one in plans["items"]] == ["default"]
    assert (await api.ask("GET", "/api/plans/x", operator)).status_code == 404
    assert (await api.get("/api/deployments", operator))["items"] == []
    assert (await api.ask("GET", "/api/deployments/x", operator)).status_code == 404
    assert (await api.get("/api/aliases", operator))["items"] == []
    assert (await api.ask("GET", "/api/aliases/x", operator)).status_code == 404


class TestOfTheAuditLog:
    async def entries(self, api: Served) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await api.get("/api/audit", api.operator()))["items"]
        return found

    async def test_every_change_is_there_before_it_is_done_and_after(self, api: Served) -> None:
        made = await put(api, "/api/plans/pro", {"markup": "0.1"})
        await put(api, "/api/plans/pro", {"markup": "0.2"}, If_Match=made.headers["etag"])
        entries = await self.entries(api)
        assert {(one["action"], one["author"]) for one in entries} == {("plan.set", f"user:{GUID}")}
        edits = [one for one in entries if one["before"] is not None]
        assert sorted(one["outcome"] for one in edits) == ["asked", "done"]
        for one in edits:
            assert one["resource"] == "plan/pro"
            assert (one["before"]["markup"], one["after"]["plan"]["markup"]) == ("0.1", "0.2")
        assert len({one["act"] for one in entries}) == 2

    async def test_a_refusal_is_there_too_with_its_reason(self, api: Served) -> None:
        await put(api, "/api/tenants/initech/plan", {"plan": "none"})
        outcomes = {one["outcome"]: one["after"] for one in await self.entries(api)}
        assert outcomes["asked"] == {"plan": "none", "from": None}
        assert "unknown plan" in outcomes["refused"]["reason"]

    async def test_nothing_is_done_that_cannot_be_written_down(
        self, api: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(_: object) -> None:
            raise RetryableError("no room")

        monkeypatch.setattr(api.app.stores.audit, "append_audit", full)
        assert problem(await put(api, "/api/plans/pro", {}))["status"] == 503
        await api.app.tenancy.refresh()
        assert api.app.tenancy.directory.revision("plan", "pro") == 0

    async def test_a_fault_in_between_leaves_what_was_asked_for(
        self, api: Served, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def out_of_reach(*_: object) -> bool:
            raise RetryableError("gone")

        monkeypatch.setattr(api.app.stores.registry, "append_record", out_of_reach)
        assert problem(await put(api, "/api/plans/pro", {}))["status"] == 503
        assert {one["outcome"] for one in await self.entries(api)} == {"asked", "failed"}

    async def test_it_is_read_a_day_at_a_time_newest_first_in_pages(self, api: Served) -> None:
        for number in range(3):
            await put(api, f"/api/plans/p{number}", {})
        every = await self.entries(api)
        assert len(every) == 6
        paged, cursor = [], ""
        while cursor is not None:
            more = cursor and f"&cursor={cursor}"
            page = await api.get(f"/api/audit?limit=4{more}", api.operator())
            paged += page["items"]
            cursor = page["next"]
        assert paged == every
        other = await api.get("/api/audit?day=2026-11-19", api.operator())
        assert other["items"] == []
        wrong = await api.ask("GET", "/api/audit?day=today", api.operator())
        assert problem(wrong)["status"] == 422


async def test_what_only_reads_is_not_in_the_audit_log(api: Served) -> None:
    await api.get("/api/tenants", api.operator())
    await api.ask("POST", "/api/events", api.producer(), json=[event(source="/app/test")])
    assert (await api.get("/api/audit", api.operator()))["items"] == []
