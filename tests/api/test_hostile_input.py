"""No input gives a 500: forged cursors, half surrogates, values of other types, deep nesting."""

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.api.served import Served, problem
from tests.builders import event, meter_price

#: Every list with a cursor, by the name that its cursors are made for.
LISTS = {
    "/api/audit?day=2026-11-20": "audit 2026-11-20",
    "/api/dead-letters": "dead letters None",
    "/api/deployments": "deployments None None",
    "/api/effects": "effects False",
    "/api/me/grants": "grants acme",
    "/api/me/statements": "statements acme",
    "/api/overview": "overview '' [] tenant ascending",
    "/api/overview?sort=amount": "overview '' [] amount ascending",
    "/api/periods/due": "periods",
    "/api/plans": "plans",
    "/api/prices": "prices",
    "/api/subscriptions": "subscriptions None",
    "/api/tenants": "tenants",
    "/api/verify": "verify None",
}
FORGED = [
    b"5",
    b"null",
    b'"text"',
    b"{}",
    b"[]",
    b"[[]]",
    b"[{}]",
    b"[true]",
    b"[1.5]",
    b"[NaN]",
    b"",
    b"\xff\xfe",
    b'["\\ud800"]',
    b"[" * 3_000,
    b"[" + b"9" * 3_000 + b"]",
    b'["x", 5, null, "x", 5, null]',
    b"[null]",
    b"[5]",
    b'["x"]',
]


def forged(listed: str, content: bytes) -> str:
    """Return the cursor that anybody can make who has read the code."""
    digest = hashlib.blake2b(listed.encode() + b"\0" + content, digest_size=8).digest()
    return base64.urlsafe_b64encode(digest + content).rstrip(b"=").decode()


@pytest.mark.parametrize("path", LISTS)
async def test_a_forged_cursor_is_answered(api: Served, path: str) -> None:
    token = api.tenant() if path.startswith("/api/me") else api.operator()
    query = "&" if "?" in path else "?"
    for content in FORGED:
        cursor = forged(LISTS[path], content)
        answer = await api.ask("GET", f"{path}{query}cursor={cursor}", token)
        assert answer.status_code in {200, 400}, (content, answer.text)


async def test_a_forged_cursor_of_another_form_is_refused_by_name(api: Served) -> None:
    answer = await api.ask(
        "GET", f"/api/audit?cursor={forged('audit 2026-11-20', b'[5]')}", api.operator()
    )
    assert [one["field"] for one in problem(answer)["errors"]] == ["cursor"]


HALF = "\ud800"
BODIES: list[tuple[str, str, Any]] = [
    ("PUT", "/api/plans/pro", {"markup": HALF}),
    ("PUT", "/api/plans/pro", {HALF: 1}),
    ("PUT", "/api/plans/pro", {"quotas": [{HALF: HALF}]}),
    ("PUT", "/api/deployments/d", {HALF: 1}),
    ("PUT", "/api/tenants/acme/plan", {"plan": HALF}),
    ("PUT", "/api/subscriptions/new", {"tenant": HALF}),
    ("PUT", "/api/members/user:7", {"tenant": HALF}),
    ("PUT", "/api/prices/v9", {"version": "v9", "currency": HALF}),
    ("POST", "/api/dead-letters/drop", {"ids": [HALF]}),
    ("POST", "/api/periods/close", {"tenants": [HALF]}),
    ("POST", "/api/tenants/acme/grants", {"amount": "1", "reason": HALF}),
    ("POST", "/api/tenants/acme/adjustments", {"reason": HALF}),
]


@pytest.mark.parametrize(("method", "path", "body"), BODIES)
async def test_half_a_surrogate_is_no_json(api: Served, method: str, path: str, body: Any) -> None:
    headers = {"Idempotency-Key": "g-1", "Content-Type": "application/json"}
    content = json.dumps(body).encode()
    answer = await api.ask(method, path, api.operator(), content=content, headers=headers)
    said = problem(answer)
    assert (said["status"], said["detail"]) == (400, "The body is not valid JSON.")


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5_000, b"NaN"])
@pytest.mark.parametrize("path", ["/api/plans/pro", "/api/prices/v9"])
async def test_what_is_deeper_or_longer_than_any_body_is_no_json(
    api: Served, path: str, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await api.ask("PUT", path, api.operator(), content=content, headers=headers)
    assert problem(answer)["status"] == 400


def prices(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "model": "gpt-4o",
        "aliases": [],
        "provider": "openai",
        "channel": "microsoft",
        "deployment_type": "global",
        "region": None,
        "service_tier": "standard",
        "context_tier": None,
        "effective_from": "2026-01-01T00:00:00Z",
        "per_million_tokens": {"input": "1"},
        "meters": {},
    }
    origin = {"source": "t", "url": "", "retrieved": "2026-11-20", "via": ""}
    made = {"version": "v9", "currency": "USD", "origin": origin, "prices": [row]}
    for name, value in changes.items():
        (row if name in row else made)[name] = value
    return made


ODD: list[Any] = [None, True, 5, 1.5, "", "x", [], [5], {}, {"a": 5}, 10**30, "9" * 300, "\x00"]


@pytest.mark.parametrize(
    "field", [*prices()["prices"][0], "version", "currency", "origin", "prices", "other_meters"]
)
async def test_a_field_of_another_type_is_refused_by_name(api: Served, field: str) -> None:
    for value in ODD:
        answer = await api.ask(
            "PUT", "/api/prices/v9", api.operator(), json=prices(**{field: value})
        )
        assert answer.status_code in {200, 422}, (field, value, answer.text)


@pytest.mark.parametrize("field", meter_price())
async def test_a_field_of_a_meter_of_another_type_is_refused_by_name(
    api: Served, field: str
) -> None:
    for value in ODD:
        content = prices(other_meters=[meter_price(**{field: value})])
        answer = await api.ask("PUT", "/api/prices/v9", api.operator(), json=content)
        assert answer.status_code in {200, 422}, (field, value, answer.text)


PLAN: list[tuple[str, Any]] = [
    (field, value)
    for field in (
        "markup",
        "quotas",
        "prices",
        "fees",
        "allowances",
        "tiers",
        "off_peak",
        "calendar",
        "currency",
        "billing",
        "spike",
        "targets",
        "minimum",
        "credits",
    )
    for value in ODD
]


async def test_a_plan_of_any_types_is_answered(api: Served) -> None:
    for field, value in PLAN:
        answer = await api.ask(
            "PUT",
            f"/api/plans/p-{field}",
            api.operator(),
            json={field: value},
            headers={"If-Match": "*"},
        )
        assert answer.status_code in {200, 412, 422}, (field, value, answer.text)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (json.dumps(event(id=HALF)).encode(), "not_json"),
        (json.dumps(event(subject=HALF)).encode(), "not_json"),
        (json.dumps(event(data__use_case=HALF)).encode(), "not_json"),
        (b"[" * 50_000 + b"]" * 50_000, "not_json"),
        (b"9" * 5_000, "not_json"),
        (b"NaN", "not_cloudevents"),
        (b"\xff", "not_json"),
        (b"", "not_json"),
        (json.dumps(event(id=5)).encode(), "invalid_field"),
        (json.dumps(event(id=None)).encode(), "missing_field"),
        (json.dumps(event(time="0001-01-01T00:00:00+23:59")).encode(), "invalid_field"),
        (json.dumps(event(time="9999-12-31T23:59:59-23:59")).encode(), "invalid_field"),
        (json.dumps(event(data__status=10**400)).encode(), "invalid_field"),
        (b"7", "not_cloudevents"),
    ],
)
async def test_a_bad_event_is_answered_for_itself_and_the_rest_is_counted(
    api: Served, bad: bytes, code: str
) -> None:
    good = json.dumps(event(id="good")).encode()
    content = b"[" + good + b", " + bad + b"," + good + b"]"
    headers = {"Content-Type": "application/json"}
    answer = await api.ask("POST", "/api/events", api.operator(), content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    said = answer.json()["events"]
    assert [one["status"] for one in said] == ["accepted", "rejected", "accepted"]
    assert (said[1]["index"], said[1]["code"]) == (1, code)
    assert (await api.get("/api/me/balance", api.tenant()))["requests"] == 1
