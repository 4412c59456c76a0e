"""Whatever goes wrong is a problem that says what, names the field and nothing more."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from metering import bootstrap
from metering.adapters.clock import FixedClock
from metering.api.shell import MAX_REQUEST_BYTES
from metering.settings.http import Http
from tests.api.served import Served, problem
from tests.builders import NOW


async def test_an_address_that_is_not_there_is_a_problem(api: Served) -> None:
    for path in ("/api/nothing", "/nothing", "/api/me/", "/api/tenants/acme/balance/"):
        assert problem(await api.ask("GET", path))["status"] == 404


async def test_a_method_that_is_not_there_says_which_are(api: Served) -> None:
    answer = await api.ask("DELETE", "/api/me/balance")
    assert (problem(answer)["status"], answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/me/balance?period=2026-13", "period"),
        ("/api/me/usage?from=yesterday", "from"),
        ("/api/me/usage?to=2026-11-20T12:00:00", "to"),
        ("/api/me/usage?from=2026-11-20&to=2026-11-20", "from"),
        ("/api/me/usage?from=2020-01-01&to=2026-11-20", "from"),
        ("/api/me/usage?from=9999-12-01&to=9999-12-31T23:59:59Z", "from"),
        ("/api/me/usage?to=0001-01-01T00:00:00%2B14:00", "to"),
        ("/api/me/balance?period=0001-01-01T00:00:00%2B14:00", "period"),
        ("/api/me/usage?from=9999-12-31T23:59:59Z", "from"),
        ("/api/me/usage?group_by=day,color", "group_by"),
        ("/api/me/usage?group_by=day,day", "group_by"),
        ("/api/me/usage?limit=0", "limit"),
        ("/api/me/alerts?limit=many", "limit"),
        ("/api/me/alerts?cursor=nonsense", "cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(api: Served, path: str, field: str) -> None:
    said = problem(await api.ask("GET", path, api.tenant()))
    assert said["status"] in {400, 422}
    assert [fault["field"] for fault in said["errors"]] == [field]


WRONG: list[tuple[str, str, Any, str]] = [
    ("PUT", "/api/plans/pro", {"markup": 0.2}, "markup"),
    ("PUT", "/api/plans/pro", {"id": "other"}, "id"),
    ("PUT", "/api/plans/pro", {"quotas": [{"metric": "gold"}]}, "quotas.0"),
    ("PUT", "/api/deployments/d", {"model": "gpt-4o"}, "deployment_type"),
    ("PUT", "/api/deployments/d", {"name": "e"}, "name"),
    ("PUT", "/api/aliases/a", {"targets": ["a"]}, "leads to itself"),
    ("PUT", "/api/aliases/a", {"targets": "gpt-4o"}, "targets"),
    ("PUT", "/api/tenants/acme/plan", {"plan": "default", "more": 1}, "more"),
    ("PUT", "/api/tenants/acme/plan", {"plan": "no-such-plan"}, "no-such-plan"),
    ("PUT", "/api/subscriptions/new", {"tenant": "a b"}, "a b"),
    ("PUT", "/api/members/user:7", {"tenant": "acme"}, "user:7"),
    ("PUT", "/api/prices/v9", {"version": "v8"}, "version"),
    ("PUT", "/api/prices/v9", {"version": "v9"}, "currency"),
    ("POST", "/api/dead-letters/drop", {}, "ids"),
    ("POST", "/api/dead-letters/drop", {"ids": ["a"], "every": True}, "ids"),
    ("POST", "/api/events", {}, "body"),
    ("POST", "/api/events", [], "body"),
]


@pytest.mark.parametrize(("method", "path", "content", "field"), WRONG)
async def test_a_wrong_body_is_refused_by_the_name_of_its_field_and_changes_nothing(
    api: Served, method: str, path: str, content: Any, field: str
) -> None:
    before = api.app.tenancy.directory.version
    headers = {"If-Match": "*"} if path == "/api/tenants/acme/plan" else {}
    if headers:
        await api.app.tenancy.assign_plan("acme", "default", None)
    answer = await api.ask(method, path, api.operator(), json=content, headers=headers)
    said = problem(answer)
    assert said["status"] in {412, 422}
    if said["status"] == 422:
        assert field in said["detail"]
    await api.app.tenancy.refresh()
    assert api.app.tenancy.directory.version == before


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("GET", "/api/overview?limit=my-secret", None),
        ("GET", "/api/overview?cursor=my-secret", None),
        ("PUT", "/api/tenants/acme/plan", {"plan": ["my-secret"]}),
        ("PUT", "/api/tenants/acme/plan", {"plan": "default", "effective": "my-secret"}),
        ("POST", "/api/dead-letters/drop", {"ids": "my-secret"}),
        ("POST", "/api/dead-letters/drop", {"ids": ["a"], "every": "my-secret"}),
        ("POST", "/api/events", "my-secret"),
        ("POST", "/api/tenants/acme/grants", {"amount": ["my-secret"]}),
    ],
)
async def test_a_problem_never_repeats_a_value_that_was_sent(
    api: Served, method: str, path: str, content: Any
) -> None:
    headers = {"Idempotency-Key": "g-1"}
    answer = await api.ask(method, path, api.operator(), json=content, headers=headers)
    said = problem(answer)
    assert said["status"] in {400, 422}
    assert said["errors"]
    assert "my-secret" not in answer.text


async def test_a_body_that_is_no_json_is_said_to_be_so(api: Served) -> None:
    for method, path in (("PUT", "/api/plans/pro"), ("POST", "/api/events")):
        answer = await api.ask(
            method,
            path,
            api.operator(),
            content=b'{"half',
            headers={"Content-Type": "application/json"},
        )
        assert problem(answer)["status"] == 400


@pytest.mark.parametrize("is_told", [True, False])
async def test_a_body_that_is_too_large_is_not_read(api: Served, is_told: object) -> None:
    size = MAX_REQUEST_BYTES + 1

    async def chunks() -> Any:
        for _ in range(0, size, 65_536):
            yield b" " * 65_536
        yield b" "

    content: Any = b" " * size if is_told else chunks()
    answer = await api.ask("POST", "/api/events", api.operator(), content=content)
    assert problem(answer)["status"] == 413


async def test_a_bug_of_ours_is_a_problem_with_a_number_that_the_log_has(
    api: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret of the store")

    monkeypatch.setattr(type(api.app.read), "balance", broken)
    said = problem(await api.ask("GET", "/api/me/balance", api.tenant()))
    assert said["status"] == 500
    assert "secret" not in said["detail"]
    assert said["detail"].split()[-1].rstrip(".") in caplog.text


async def test_a_store_out_of_reach_is_503_and_says_nothing_of_where_it_is(
    api: Served, tmp_path: Path
) -> None:
    await api.get("/api/me/balance", api.tenant())
    await api.app.close()
    (tmp_path / "store.db").write_bytes(b"not a database " * 100)
    answer = await api.ask("GET", "/api/me/balance", api.tenant())
    said = problem(answer)
    assert (said["status"], "store.db" in answer.text) == (503, False)
    (tmp_path / "store.db").unlink()


async def test_a_store_that_is_locked_is_worth_another_try(api: Served, tmp_path: Path) -> None:
    api.app.stores.ledgers._database._patience_ms = 40  # type: ignore[attr-defined]  # noqa: SLF001
    locked = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    wish = {"amount": "1"}
    answer = await api.ask(
        "POST",
        "/api/tenants/acme/grants",
        api.operator(),
        json=wish,
        headers={"Idempotency-Key": "g-1"},
    )
    locked.close()
    assert (problem(answer)["status"], answer.headers["retry-after"]) == (503, "1")
    assert api.app.tenancy.directory.grants("acme") == []


class TestOfRates:
    @pytest.fixture
    def http(self, http: Http) -> Http:
        return http._replace(rate_limit=1)

    @pytest.fixture
    async def app(self, app: bootstrap.App) -> bootstrap.App:
        """Let no time pass, so that nothing fills up meanwhile."""
        app.sign_in.clock = FixedClock(NOW)
        return app

    async def test_a_caller_that_asks_too_often_waits_and_others_do_not(self, api: Served) -> None:
        token = api.tenant()
        statuses = []
        for _ in range(5):
            answer = await api.ask("GET", "/api/me/balance", token)
            statuses.append(answer.status_code)
        # A rate of one a second has two at once.
        assert statuses[:3] == [200, 200, 429]
        assert int(answer.headers["retry-after"]) == 1
        assert problem(answer)["title"] == "Too Many Requests"
        assert (await api.ask("GET", "/api/me/balance", api.tenant(12))).status_code == 200

    async def test_the_gateway_has_a_rate_for_each_subscription_it_speaks_for(
        self, api: Served
    ) -> None:
        gateway = api.gateway()
        for subscription in ("sub-1", "sub-1", "sub-1", "sub-2"):
            headers = {"x-metering-subscription": subscription}
            answer = await api.ask("GET", "/api/me/balance", gateway, headers=headers)
        assert answer.status_code == 200

    async def test_made_up_subscriptions_are_no_way_around_the_rate(self, api: Served) -> None:
        """The rate is 1, of a gateway 10 in all: twice that at once."""
        for path, token, through in (
            ("/api/subscriptions/made-up-{}", api.operator(), 2),
            ("/api/admission/made-up-{}", api.tenant(), 2),
            ("/api/admission/made-up-{}", api.gateway(), 20),
        ):
            statuses = [
                (await api.ask("GET", path.format(n), token)).status_code for n in range(30)
            ]
            assert [status == 429 for status in statuses] == [False] * through + [True] * (
                30 - through
            )

    async def test_a_subscription_that_asks_too_often_takes_nothing_from_the_others(
        self, api: Served
    ) -> None:
        gateway = api.gateway()
        for _ in range(40):
            last = await api.ask("GET", "/api/admission/sub-1", gateway)
        assert last.status_code == 429
        assert (await api.ask("GET", "/api/admission/sub-2", gateway)).status_code == 200

    async def test_what_the_limit_refuses_reads_nothing(self, api: Served) -> None:
        token = api.tenant()
        for _ in range(2):
            assert (await api.ask("GET", "/api/me/balance", token)).status_code == 200
        seen: list[str] = []
        database = api.app.stores.registry._database  # type: ignore[attr-defined]  # noqa: SLF001
        database._connection.set_trace_callback(seen.append)  # noqa: SLF001
        # As old as it can be: whoever gets through has to read.
        api.app.tenancy.elapsed_s = lambda: 1e9
        for path in ("/api/me/balance", "/api/me/usage", "/api/tenants/acme", "/dashboard"):
            assert (await api.ask("GET", path, token)).status_code == 429
        assert seen == []
        assert (await api.ask("GET", "/api/me/balance", api.tenant(12))).status_code == 200
        assert seen

    async def test_pages_are_limited_like_the_rest(self, api: Served) -> None:
        operator = api.operator()
        paths = ["/dashboard", "/dashboard/tenants/acme", "/dashboard"]
        statuses = [(await api.ask("GET", path, operator)).status_code for path in paths]
        assert statuses == [200, 200, 429]
        statuses = [(await api.ask("GET", "/dashboard")).status_code for _ in range(3)]
        assert statuses == [303, 303, 429]

    async def test_who_has_not_signed_in_shares_one_rate(self, api: Served) -> None:
        statuses = [
            (await api.ask("GET", "/api/me/balance", f"bad{n}")).status_code for n in range(4)
        ]
        assert statuses[:3] == [401, 401, 429]
        assert (await api.ask("GET", "/api/health")).status_code == 200
