"""The dashboard's pages over HTTP: what they allow a browser, and who gets a session how."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from metering import bootstrap
from metering.adapters.sign_in.browser_sessions import CODE_LIFE, SESSION_LIFE, BrowserSessions
from metering.core.basics.instants import Instant
from metering.core.tenancy.access import Identity, Role
from metering.local.api import listener_on, local_api, sign_in_links
from metering.settings.http import Http
from metering.settings.settings import Settings, SqliteStore
from tests.api.issuer import TENANT
from tests.api.served import Served, problem
from tests.builders import NOW

OURS = {"Sec-Fetch-Site": "same-origin"}
DASHBOARD = Path(__file__).parents[2] / "metering" / "api" / "dashboard"


class Moving:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at: Instant = NOW

    def now(self) -> Instant:
        return self.at


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[tuple[bootstrap.App, httpx2.AsyncClient, str]]:
    """Return an app with the development issuer, a browser's client, and the app's address."""
    settings = Settings(
        SqliteStore(tmp_path / "store.db"), automatic_tenants=False, fixed_now=NOW, http=Http()
    )
    app = bootstrap.App(settings)
    await app.tenancy.map_subject("sub-1", "acme", None)
    async with local_api(app, listener_on(0)) as url, httpx2.AsyncClient(base_url=url) as client:
        yield app, client, url
    await app.close()


type Local = tuple[bootstrap.App, httpx2.AsyncClient, str]


async def signed_in(local: Local, who: str = "operator") -> None:
    """Sign the client in with a link that is printed."""
    app, client, url = local
    code = sign_in_links(app, url)[who].partition("code=")[2]
    answer = await client.post("/signin", data={"code": code}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard")


async def test_pages_let_nothing_run_but_what_the_app_serves(local: Local) -> None:
    _, client, _ = local
    await signed_in(local)
    for path in ("/signin", "/signin?code=x", "/dashboard", "/dashboard/tenants/acme"):
        answer = await client.get(path)
        assert answer.status_code == 200
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert "require-trusted-types-for 'script'" in policy
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", answer.text)
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text)
    for path in ("/api/health", "/api/me/balance"):
        answer = await client.get(path)
        assert answer.headers["content-security-policy"].startswith("default-src 'none';")


async def test_every_file_of_the_dashboard_is_served_and_nothing_else(local: Local) -> None:
    _, client, _ = local
    files = [*(DASHBOARD / "assets").iterdir(), *(DASHBOARD / "vendor").glob("*.[jc]s*")]
    for file in files:
        answer = await client.get(f"/dashboard/assets/{file.name}")
        assert (answer.status_code, answer.content) == (200, file.read_bytes())
        seen = {"If-None-Match": answer.headers["etag"]}
        again = await client.get(f"/dashboard/assets/{file.name}", headers=seen)
        assert (again.status_code, again.content) == (304, b"")
    for name in ("README.md", "..%2Fpages%2Ftenant.html", "nothing.js"):
        assert (await client.get(f"/dashboard/assets/{name}")).status_code == 404


def test_what_is_vendored_is_what_was_published() -> None:
    listed = (DASHBOARD / "vendor" / "README.md").read_text()
    for file in (DASHBOARD / "vendor").glob("uPlot*.[jc]s*"):
        assert f"`{hashlib.sha256(file.read_bytes()).hexdigest()}`" in listed
    assert "MIT" in (DASHBOARD / "vendor" / "uPlot.LICENSE").read_text()


async def test_a_link_is_used_up_by_signing_in_and_not_by_looking(local: Local) -> None:
    app, client, url = local
    code = sign_in_links(app, url)["acme"].partition("code=")[2]
    for _ in range(2):
        looked = await client.get(f"/signin?code={code}")
        assert (looked.status_code, "set-cookie" in looked.headers) == (200, False)
    first = await client.post("/signin", data={"code": code}, headers=OURS)
    cookie = first.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    # This is plain HTTP on loopback; over HTTPS it is for HTTPS alone.
    assert "Secure" not in cookie
    again = await client.post("/signin", data={"code": code}, headers=OURS)
    assert (again.status_code, "set-cookie" in again.headers) == (401, False)
    assert (await client.get("/api/me/balance")).json()["tenant"] == "acme"
    assert (await client.get("/api/tenants/other/balance")).status_code == 404


async def test_the_cookie_is_for_https_alone_where_there_is_https(local: Local) -> None:
    app, _, url = local
    from metering.api import create_api  # noqa: PLC0415

    code = sign_in_links(app, url)["acme"].partition("code=")[2]
    transport = httpx2.ASGITransport(create_api(app))
    async with httpx2.AsyncClient(transport=transport, base_url="https://here") as client:
        answer = await client.post("/signin", data={"code": code}, headers=OURS)
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_form_of_another_origin_signs_nobody_in_or_out(local: Local) -> None:
    app, client, url = local
    code = sign_in_links(app, url)["acme"].partition("code=")[2]
    foreign: list[dict[str, str]] = [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        # Another port of this machine is the same site.
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-origin"},
    ]
    for headers in foreign:
        for path in ("/signin", "/signout"):
            answer = await client.post(path, data={"code": code}, headers=headers)
            assert (headers, problem(answer)["status"]) == (headers, 403)
    mine = await client.post("/signin", data={"code": code}, headers={"Origin": url})
    assert mine.status_code == 303


async def test_a_change_by_a_session_must_be_meant(local: Local) -> None:
    _, client, _ = local
    await signed_in(local)
    content = {"every": True}
    for headers in ({}, {"X-Metering-Intent": "x", "Sec-Fetch-Site": "same-site"}):
        answer = await client.post("/api/dead-letters/replay", json=content, headers=headers)
        assert problem(answer)["status"] == 403
    meant = {"X-Metering-Intent": "dashboard", **OURS}
    answer = await client.post("/api/dead-letters/replay", json=content, headers=meant)
    assert answer.status_code == 200


async def test_signing_out_ends_the_session_for_whoever_has_its_cookie(local: Local) -> None:
    _, client, _ = local
    await signed_in(local)
    session = client.cookies["metering_session"]
    out = await client.post("/signout", headers=OURS)
    assert (out.status_code, out.headers["location"]) == (303, "/signin")
    assert "metering_session" not in client.cookies
    kept = {"Cookie": f"metering_session={session}"}
    assert (await client.get("/api/tenants", headers=kept)).status_code == 401
    led = await client.get("/dashboard", headers=kept)
    assert (led.status_code, led.headers["location"]) == (303, "/signin")


async def test_a_token_signs_in_and_a_wrong_one_does_not(local: Local) -> None:
    app, client, _ = local
    wrong = await client.post("/signin", data={"token": "a.b.c"}, headers=OURS)
    assert (wrong.status_code, "set-cookie" in wrong.headers) == (401, False)
    token = app.sign_in.development_issuer.token(tenant="acme")
    await client.post("/signin", data={"token": token}, headers=OURS)
    assert 'data-api="/api/me"' in (await client.get("/dashboard")).text
    assert (await client.get("/dashboard/tenants/acme")).status_code == 404
    long = await client.post("/signin", data={"token": "x" * 20_000}, headers=OURS)
    assert problem(long)["status"] == 413


async def test_what_a_page_repeats_is_escaped(local: Local) -> None:
    app, client, _ = local
    asked = await client.get("/signin", params={"code": '"><script>alert(1)</script>'})
    assert "<script>alert" not in asked.text
    hostile = Identity("user:<b>x</b>", frozenset({Role.OPERATOR}))
    code = app.sign_in.sessions.code_for(hostile)
    await client.post("/signin", data={"code": code}, headers=OURS)
    shown = (await client.get("/dashboard")).text
    assert "<b>x" not in shown
    assert "user:&lt;b&gt;x" in shown


async def test_who_belongs_to_no_tenant_is_told_its_name(local: Local) -> None:
    app, client, _ = local
    code = app.sign_in.sessions.code_for(Identity("user:nobody"))
    await client.post("/signin", data={"code": code}, headers=OURS)
    assert "You do not have access to a tenant yet" in (await client.get("/dashboard")).text


async def test_where_another_issuer_is_set_there_are_no_sessions_of_ours(api: Served) -> None:
    """The fixture's app listens on loopback, too, and takes tokens of a real issuer alone."""
    assert sign_in_links(api.app, api.url) == {}
    session = api.app.sign_in.sessions.begin(Identity("x", frozenset({Role.OPERATOR})))
    kept = {"Cookie": f"metering_session={session}"}
    assert (await api.ask("GET", "/api/tenants", headers=kept)).status_code == 401
    posted = await api.client.post(
        f"{api.url}/signin", data={"token": api.operator()}, headers=OURS
    )
    assert problem(posted)["status"] == 403
    assert "Browser sign-in is turned off" in (await api.ask("GET", "/signin")).text


async def test_in_azure_app_service_signs_people_in_and_out(tmp_path: Path) -> None:
    http = Http(app_service_directory=TENANT)
    app = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), fixed_now=NOW, http=http))
    person = "00000000-0000-0000-0000-0000000000aa"
    claims = [
        {"typ": "oid", "val": person},
        {"typ": "tid", "val": TENANT},
        {"typ": "roles", "val": "Metering.Operator"},
    ]
    principal = base64.b64encode(json.dumps({"auth_typ": "aad", "claims": claims}).encode())
    async with local_api(app, listener_on(0)) as url, httpx2.AsyncClient(base_url=url) as client:
        assert "/.auth/login/aad?" in (await client.get("/signin")).text
        known = {"x-ms-client-principal": principal.decode()}
        shown = (await client.get("/dashboard", headers=known)).text
        assert "/.auth/logout?" in shown
        assert f"user:{person}" in shown
    await app.close()


def test_codes_and_sessions_end_with_time_and_are_bounded() -> None:
    clock = Moving()
    held = BrowserSessions(clock)
    who = Identity("development:acme", tenant="acme")
    late, code = held.code_for(who), held.code_for(who)
    clock.at += CODE_LIFE - 1
    session = held.redeem(code)
    assert session is not None
    found = held.identity(session)
    assert found is not None
    assert (found.tenant, found.is_ambient) == ("acme", True)
    clock.at += 1
    assert held.redeem(late) is None
    clock.at += SESSION_LIFE - 2
    assert held.identity(session) is not None
    clock.at += 1
    assert held.identity(session) is None
    first = held.begin(who)
    for _ in range(1_000):
        held.begin(who)
    assert held.identity(first) is None
