"""Every route, for every kind of caller: who is let in, who is not, and what they are told."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import httpx2
import jwt
import pytest
from fastapi.routing import APIRoute

from metering import bootstrap
from metering.api import create_api
from metering.api.guard import GuardedRoute
from metering.core.basics.instants import parse_instant
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from tests.api.issuer import Issuer, rsa_key, unsigned
from tests.api.served import OF_GLOBEX, OF_NOBODY, Served, problem

EVERYBODY, PAGES, OPERATORS, ADMISSION, REPORT, EXPORT, OWN, NAMED = (
    "everybody",
    "pages",
    "operators",
    "admission",
    "report",
    "export",
    "own",
    "named",
)

#: Who each route is for. A route that is not here fails `test_every_route_has_its_line_here`.
ROUTES: Final = {
    ("GET", "/api/openapi.json"): EVERYBODY,
    ("GET", "/"): PAGES,
    ("GET", "/dashboard"): PAGES,
    ("GET", "/dashboard/tenants/{tenant}"): PAGES,
    ("GET", "/dashboard/tenants/{tenant}/requests"): PAGES,
    ("GET", "/dashboard/requests"): PAGES,
    ("GET", "/dashboard/audit"): PAGES,
    ("GET", "/dashboard/costs"): PAGES,
    ("GET", "/dashboard/plans"): PAGES,
    ("GET", "/dashboard/prices"): PAGES,
    ("GET", "/dashboard/assets/{name}"): PAGES,
    ("GET", "/signin"): PAGES,
    ("POST", "/signin"): PAGES,
    ("POST", "/signout"): PAGES,
    ("GET", "/api/health"): EVERYBODY,
    ("GET", "/api/health/live"): EVERYBODY,
    ("GET", "/api/health/ready"): EVERYBODY,
    ("GET", "/api/me/balance"): OWN,
    ("GET", "/api/me/changes"): OWN,
    ("GET", "/api/tenants/{tenant}/changes"): NAMED,
    ("GET", "/api/changes"): OPERATORS,
    ("GET", "/api/me/usage"): OWN,
    ("GET", "/api/me/periods"): OWN,
    ("GET", "/api/me/comparison"): OWN,
    ("GET", "/api/tenants/{tenant}/periods"): NAMED,
    ("GET", "/api/tenants/{tenant}/comparison"): NAMED,
    ("GET", "/api/plans/{plan_id}/versions"): OPERATORS,
    ("GET", "/api/price-rows"): OPERATORS,
    ("GET", "/api/me/requests"): OWN,
    ("GET", "/api/tenants/{tenant}/requests"): NAMED,
    ("GET", "/api/me/alerts"): OWN,
    ("GET", "/api/me/quotas"): OWN,
    ("GET", "/api/me/grants"): OWN,
    ("GET", "/api/me/unit-costs"): OWN,
    ("GET", "/api/tenants/{tenant}/unit-costs"): NAMED,
    ("GET", "/api/me/statements"): OWN,
    ("GET", "/api/me/statements/{period}"): OWN,
    ("GET", "/api/me/statements/{period}/preview"): OWN,
    ("GET", "/api/tenants/{tenant}/statements"): NAMED,
    ("GET", "/api/tenants/{tenant}/statements/{period}"): NAMED,
    ("GET", "/api/tenants/{tenant}/statements/{period}/preview"): NAMED,
    ("GET", "/api/me/invoices"): OWN,
    ("GET", "/api/me/invoices/{number}"): OWN,
    ("GET", "/api/tenants/{tenant}/invoices"): NAMED,
    ("GET", "/api/tenants/{tenant}/invoices/{number}"): NAMED,
    ("GET", "/api/tenants/{tenant}/customer"): OPERATORS,
    ("PUT", "/api/tenants/{tenant}/customer"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/invoices/{number}/void"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/invoices/{number}/reissue"): OPERATORS,
    ("GET", "/api/tenants/{tenant}/adjustments"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/adjustments"): OPERATORS,
    ("GET", "/api/tenants/{tenant}/increases"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/quotas/{quota}/increases"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/stop"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/resume"): OPERATORS,
    ("GET", "/api/me/efficiency"): OWN,
    ("GET", "/api/tenants/{tenant}/efficiency"): NAMED,
    ("GET", "/api/overview"): OPERATORS,
    ("GET", "/api/overview/totals"): OPERATORS,
    ("GET", "/api/status"): OPERATORS,
    ("GET", "/api/costs"): OPERATORS,
    ("GET", "/api/discounts"): OPERATORS,
    ("POST", "/api/discounts"): OPERATORS,
    ("GET", "/api/overview/work"): OPERATORS,
    ("GET", "/api/periods/due"): OPERATORS,
    ("POST", "/api/periods/close"): OPERATORS,
    ("GET", "/api/tenants/{tenant}/balance"): NAMED,
    ("GET", "/api/tenants/{tenant}/usage"): NAMED,
    ("GET", "/api/tenants/{tenant}/alerts"): NAMED,
    ("GET", "/api/tenants/{tenant}/quotas"): NAMED,
    ("GET", "/api/tenants/{tenant}/grants"): NAMED,
    ("POST", "/api/tenants/{tenant}/grants"): OPERATORS,
    ("POST", "/api/tenants/{tenant}/grants/{grant_id}/revocation"): OPERATORS,
    ("GET", "/api/tenants"): OPERATORS,
    ("GET", "/api/tenants/{tenant}"): OPERATORS,
    ("GET", "/api/tenants/{tenant}/plan"): OPERATORS,
    ("PUT", "/api/tenants/{tenant}/plan"): OPERATORS,
    ("GET", "/api/subscriptions"): OPERATORS,
    ("GET", "/api/subscriptions/{subscription:path}"): OPERATORS,
    ("PUT", "/api/subscriptions/{subscription:path}"): OPERATORS,
    ("GET", "/api/members/{member}"): OPERATORS,
    ("PUT", "/api/members/{member}"): OPERATORS,
    ("GET", "/api/producers"): OPERATORS,
    ("GET", "/api/producers/{producer}"): OPERATORS,
    ("PUT", "/api/producers/{producer}"): OPERATORS,
    ("GET", "/api/plans"): OPERATORS,
    ("GET", "/api/plans/{plan_id}"): OPERATORS,
    ("PUT", "/api/plans/{plan_id}"): OPERATORS,
    ("GET", "/api/prices"): OPERATORS,
    ("GET", "/api/prices/{version}"): OPERATORS,
    ("PUT", "/api/prices/{version}"): OPERATORS,
    ("GET", "/api/deployments"): OPERATORS,
    ("GET", "/api/deployments/{name}"): OPERATORS,
    ("PUT", "/api/deployments/{name}"): OPERATORS,
    ("GET", "/api/aliases"): OPERATORS,
    ("GET", "/api/aliases/{alias:path}"): OPERATORS,
    ("PUT", "/api/aliases/{alias:path}"): OPERATORS,
    ("GET", "/api/dead-letters"): OPERATORS,
    ("GET", "/api/dead-letters/counts"): OPERATORS,
    ("GET", "/api/dead-letters/{letter_id}"): OPERATORS,
    ("POST", "/api/dead-letters/replay"): OPERATORS,
    ("POST", "/api/dead-letters/recount"): OPERATORS,
    ("POST", "/api/dead-letters/drop"): OPERATORS,
    ("GET", "/api/effects"): OPERATORS,
    ("POST", "/api/effects/retry"): OPERATORS,
    ("GET", "/api/verify"): OPERATORS,
    ("GET", "/api/tenants/{tenant}/evidence/{period}"): NAMED,
    ("GET", "/api/me/evidence/{period}"): OWN,
    ("GET", "/api/evidence/verifier"): EVERYBODY,
    ("GET", "/api/audit"): OPERATORS,
    ("GET", "/api/admission/{subscription:path}"): ADMISSION,
    ("POST", "/api/events"): REPORT,
    ("GET", "/api/exporters"): OPERATORS,
    ("PUT", "/api/exporters/{exporter}"): OPERATORS,
    ("POST", "/api/exporters/{exporter}/keys"): OPERATORS,
    ("DELETE", "/api/exporters/{exporter}/keys"): OPERATORS,
    ("POST", "/otlp/v1/{signal}"): EXPORT,
}

PARTS: Final = {
    "grant_id": "g-1",
    "period": "2026-11",
    "subscription:path": "sub-1",
    "member": "user:00000000-0000-0000-0000-00000000000b",
    "producer": "app:00000000-0000-0000-0000-000000000001",
    "plan_id": "default",
    "version": "v9",
    "name": "gpt-4o",
    "exporter": "ai-gateway",
    "letter_id": "ab",
}
#: Kinds of callers, and the routes that each is let into.
LET_IN: Final = {
    "operator": {OPERATORS, ADMISSION, REPORT, NAMED},
    "gateway": {ADMISSION, REPORT},
    "producer": {REPORT},
    "tenant": {OWN, NAMED},
    "other tenant": {OWN},
    "nobody": set[str](),
}


#: The invoice of each tenant.
NUMBERS: Final = {"acme": "INV-000001", "globex": "INV-000002"}


class Ask(NamedTuple):
    method: str
    path: str
    kind: str

    def url(self, tenant: str = "acme") -> str:
        path = self.path.replace("{tenant}", tenant)
        path = path.replace("{number}", NUMBERS.get(tenant, NUMBERS["acme"]))
        for name, value in PARTS.items():
            path = path.replace(f"{{{name}}}", value)
        return path


EVERY: Final = [Ask(method, path, kind) for (method, path), kind in ROUTES.items()]
#: Pages are for browsers, and lead those who are not signed in to sign in: see test_dashboard.py.
#: Exporters have keys of their own, and errors in a form of their own: see test_otlp.py.
ASKS: Final = [ask for ask in EVERY if ask.kind not in {PAGES, EXPORT}]
GUARDED: Final = [ask for ask in ASKS if ask.kind != EVERYBODY]


def tokens(api: Served) -> dict[str, str]:
    return {
        "operator": api.operator(),
        "gateway": api.gateway(),
        "producer": api.producer(),
        "tenant": api.tenant(),
        "other tenant": api.tenant(OF_GLOBEX),
        "nobody": api.tenant(OF_NOBODY),
    }


def test_every_route_has_its_line_here_and_a_guard(app: bootstrap.App) -> None:
    routes = create_api(app).routes
    assert all(isinstance(route, GuardedRoute) for route in routes)
    listed = [
        (method, route.path)
        for route in routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    ]
    assert sorted(listed) == sorted(ROUTES)


def _stale(issuer: Issuer) -> str:
    now = int(time.time())
    return issuer.token(roles=ROLES, iat=now - 7_200, nbf=now - 7_200, exp=now - 3_600)


ROLES: Final = ["Metering.Operator", "Metering.Gateway"]
BAD: Final[dict[str, Callable[[Issuer], str | None]]] = {
    "none": lambda _: None,
    "expired": _stale,
    "not yet": lambda issuer: issuer.token(roles=ROLES, nbf=int(time.time()) + 600),
    "issued later": lambda issuer: issuer.token(roles=ROLES, iat=int(time.time()) + 600),
    "for a week": lambda issuer: issuer.token(roles=ROLES, exp=int(time.time()) + 700_000),
    "wrong audience": lambda issuer: issuer.token(roles=ROLES, aud="api://other"),
    "many audiences": lambda issuer: issuer.token(roles=ROLES, aud=["api://metering", "x"]),
    "wrong issuer": lambda issuer: issuer.token(roles=ROLES, iss="https://login.example"),
    "wrong directory": lambda issuer: issuer.token(roles=ROLES, tid="0"),
    "no directory": lambda issuer: issuer.token(roles=ROLES, tid=...),
    "no expiry": lambda issuer: issuer.token(roles=ROLES, exp=...),
    "alg none": lambda issuer: unsigned(
        issuer.claims(roles=ROLES), {"alg": "none", "kid": "one", "typ": "JWT"}
    ),
    "another's key": lambda issuer: jwt.encode(
        issuer.claims(roles=ROLES), rsa_key("mallory"), "RS256", headers={"kid": "one"}
    ),
    "another hash": lambda issuer: jwt.encode(
        issuer.claims(roles=ROLES), rsa_key("one"), "RS512", headers={"kid": "one"}
    ),
    "no key id": lambda issuer: jwt.encode(issuer.claims(roles=ROLES), rsa_key("one"), "RS256"),
    "an ID token": lambda issuer: issuer.token(roles=ROLES, azp=..., sub="pairwise"),
    "no token": lambda _: "nonsense",
    "too long": lambda _: "a" * 20_000,
}


@pytest.mark.parametrize("kind", BAD)
async def test_no_route_but_the_open_ones_takes_a_bad_token(api: Served, kind: str) -> None:
    token = BAD[kind](api.issuer)
    for ask in GUARDED:
        answer = await api.ask(ask.method, ask.url(), token)
        assert (answer.status_code, ask) == (401, ask)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "rsa" not in problem(answer)["detail"].lower()


@pytest.mark.parametrize("name", ["operator", "gateway", "producer", "tenant", "nobody"])
async def test_each_kind_of_caller_gets_into_its_routes_and_no_others(
    api: Served, name: str
) -> None:
    token = tokens(api)[name]
    await _close_november(api)
    for ask in ASKS:
        answer = await api.ask(ask.method, ask.url(), token)
        is_in = ask.kind in LET_IN[name] | {EVERYBODY}
        # Where a caller may not even know that there is something, it is not there.
        refused = 404 if ask.kind == NAMED else 403
        assert (answer.status_code != refused) == is_in, ask
        assert answer.status_code < 500, ask
        if not is_in:
            problem(answer)


@pytest.mark.parametrize("ask", [ask for ask in GUARDED if ask.kind == NAMED], ids=str)
async def test_another_tenant_is_as_if_it_did_not_exist(api: Served, ask: Ask) -> None:
    token = api.tenant(OF_GLOBEX)
    await _close_november(api)
    theirs = await api.ask(ask.method, ask.url("acme"), token)
    nobodys = await api.ask(ask.method, ask.url("no-such-tenant"), token)
    nonsense = await api.ask(ask.method, ask.url("no such tenant"), token)
    nowhere = await api.ask(ask.method, "/api/nowhere", token)
    for answer in (theirs, nobodys, nonsense, nowhere):
        assert answer.status_code == 404
        assert _without_date(answer) == _without_date(theirs)
    assert (await api.ask(ask.method, ask.url("globex"), token)).status_code == 200


async def _close_november(api: Served) -> None:
    """Make statements and invoices, as if it were December: there is something to be let into."""
    december = parse_instant("2026-12-10T00:00:00Z")
    await api.app.tenancy.refresh()
    for tenant in NUMBERS:
        offer = AdjustmentOffer(tenant, "5.00", "setup", "ada", None, "a-1")
        await api.app.tenancy.adjust(offer)
    assert [one.period async for one in api.app.billing.close_periods.run(december)]
    issuing = api.app.billing.invoices.issue
    issuing.series = "INV-"
    assert [one.number async for one in issuing.run()] == list(NUMBERS.values())


def _without_date(answer: httpx2.Response) -> tuple[Any, bytes]:
    headers = {name: value for name, value in answer.headers.items() if name != "date"}
    return headers, answer.content


async def test_a_question_about_another_tenant_reads_nothing_of_it(api: Served) -> None:
    token = api.tenant(OF_GLOBEX)
    asked: list[str] = []
    app = api.app
    read_head = app.stores.ledgers.read_head

    async def watched(ledger: Any) -> Any:
        asked.append(str(ledger))
        return await read_head(ledger)

    app.stores.ledgers.read_head = watched  # type: ignore[method-assign]
    await api.ask("GET", "/api/tenants/acme/balance", token)
    assert asked == []
    await api.ask("GET", "/api/tenants/globex/balance", token)
    assert asked == ["globex|2026-11-01T00:00:00Z"]


async def test_the_gateway_reads_for_the_subscription_that_it_names(api: Served) -> None:
    gateway = api.gateway()
    for subscription, tenant in (("sub-1", "acme"), ("sub-2", "globex")):
        headers = {"x-metering-subscription": subscription}
        found = await api.get("/api/me/balance", gateway, headers=headers)
        assert found["tenant"] == tenant
    answer = await api.ask(
        "GET", "/api/me/balance", gateway, headers={"x-metering-subscription": "nobody"}
    )
    assert answer.status_code == 404
    unnamed = await api.ask("GET", "/api/me/balance", gateway)
    assert (unnamed.status_code, "x-metering-subscription" in unnamed.text) == (403, True)


@pytest.mark.parametrize("name", ["tenant", "operator", "producer"])
async def test_nobody_but_the_gateway_speaks_for_a_subscription(api: Served, name: str) -> None:
    headers = {"x-metering-subscription": "sub-2"}
    answer = await api.ask("GET", "/api/me/balance", tokens(api)[name], headers=headers)
    if name == "tenant":
        assert answer.json()["tenant"] == "acme"
    else:
        assert answer.status_code == 403


async def test_an_app_that_pays_for_itself_reads_its_own_tenant(api: Served) -> None:
    client = "00000000-0000-0000-0000-0000000000aa"
    await api.app.tenancy.map_subject(f"app:{client}", "globex", None)
    token = api.issuer.token(azp=client)
    assert (await api.get("/api/me/balance", token))["tenant"] == "globex"
    # A person who comes through that app is that person.
    person = await api.ask("GET", "/api/me/balance", api.issuer.user(OF_NOBODY, azp=client))
    assert person.status_code == 403


async def test_a_member_that_is_taken_off_reads_nothing_from_the_next_request_on(
    api: Served,
) -> None:
    token, path = api.tenant(), f"/api/members/{PARTS['member']}"
    seen = await api.ask("GET", path, api.operator())
    assert seen.json()["tenant"] == "acme"
    headers = {"If-Match": seen.headers["etag"]}
    await api.ask("PUT", path, api.operator(), headers=headers, json={"tenant": None})
    assert (await api.ask("GET", "/api/me/balance", token)).status_code == 403
