"""Reads of usage: an entity tag answers what has not changed, and each caller has a budget."""

import asyncio
from collections.abc import Callable

import pytest

from metering import bootstrap
from metering.adapters.clock import FixedClock
from metering.api import limits
from metering.api.limits import WORK_A_SECOND, WORK_BURST, WorkBudgets
from metering.api.problems import Problem
from metering.core.basics.instants import SECOND
from tests.api.served import OF_GLOBEX, Served, problem
from tests.builders import NOW, body
from tests.systems import MovableClock

PATH = "/api/me/usage?group_by=end_user&limit=2"


async def test_what_has_not_changed_is_answered_by_its_tag(api: Served) -> None:
    await api.count(*(body(id=f"r-{n}", data__end_user=f"u-{n}") for n in range(3)))
    first = await api.ask("GET", PATH, api.tenant())
    tag = {"If-None-Match": f'"other", {first.headers["etag"]}'}
    again = await api.ask("GET", PATH, api.tenant(), headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await api.ask("GET", PATH, api.tenant(), headers={"If-None-Match": "*"})).content == b""
    for other in (f"{PATH}&cursor={first.json()['next']}", "/api/me/usage?group_by=end_user"):
        assert (await api.ask("GET", other, api.tenant(), headers=tag)).status_code == 200
    await api.count(body(id="r-4", data__end_user="u-0"))
    changed = await api.ask("GET", PATH, api.tenant(), headers=tag)
    assert changed.status_code == 200
    assert [row["requests"] for row in changed.json()["items"]] == [2, 1]


async def test_a_tag_of_one_tenant_is_none_of_another(api: Served) -> None:
    first = await api.ask("GET", PATH, api.tenant())
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await api.ask("GET", PATH, api.tenant(OF_GLOBEX), headers=tag)).status_code == 200


@pytest.mark.parametrize(
    ("path", "who"), [("/api/me/changes", "tenant"), ("/api/changes", "operator")]
)
async def test_a_page_asks_for_changes_with_one_conditional_request(
    api: Served, path: str, who: str
) -> None:
    now_s = 1_000.0
    api.app.tenancy.elapsed_s = lambda: now_s
    token = api.tenant() if who == "tenant" else api.operator()

    async def asks(tag: str) -> tuple[int, str]:
        answer = await api.ask("GET", path, token, headers={"If-None-Match": tag})
        return answer.status_code, answer.headers["etag"]

    status, tag = await asks('"none"')
    assert status == 200
    assert await asks(tag) == (304, tag)
    await api.app.tenancy.map_subject("sub-3", "acme", None)
    status, tag = await asks(tag)
    assert status == 200
    if who == "tenant":
        await api.count(body())
        status, tag = await asks(tag)
        assert status == 200
    # A minute, or 15 seconds, later something may have changed by time alone.
    now_s += 60
    assert (await asks(tag))[0] == 200


class TestOfBudgets:
    @pytest.fixture
    async def app(self, app: bootstrap.App, monkeypatch: pytest.MonkeyPatch) -> bootstrap.App:
        monkeypatch.setattr(limits, "WORK_BURST", 5)
        app.sign_in.clock = FixedClock(NOW)
        return app

    async def test_a_caller_whose_reads_cost_too_much_waits_and_others_do_not(
        self, api: Served
    ) -> None:
        await api.count(*(body(id=f"r-{n}", data__end_user=f"u-{n}") for n in range(10)))
        token = api.tenant()
        assert (await api.ask("GET", PATH, token)).status_code == 200
        seen: list[str] = []
        database = api.app.stores.registry._database  # type: ignore[attr-defined]  # noqa: SLF001
        database._connection.set_trace_callback(seen.append)  # noqa: SLF001
        for path in (PATH, "/api/me/usage", "/api/me/unit-costs"):
            answer = await api.ask("GET", path, token)
            assert "cost too much; retry in 1 s" in problem(answer)["detail"]
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
        assert seen == []
        assert (await api.ask("GET", "/api/me/balance", token)).status_code == 200
        assert (await api.ask("GET", PATH, api.tenant(OF_GLOBEX))).status_code == 200
        # An operator's reads of one tenant leave those of another alone.
        for path in ("/api/tenants/acme/usage?group_by=end_user", "/api/tenants/globex/usage"):
            assert (await api.ask("GET", path, api.operator())).status_code == 200

    async def test_a_caller_has_four_reads_at_once(self, api: Served) -> None:
        await api.count(body())
        async with api.app.read.breakdowns.turn("acme"):
            reads = [asyncio.create_task(api.ask("GET", PATH, api.tenant())) for _ in range(5)]
            done, _ = await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
            (refused,) = done
            assert "4 reads of usage are under way" in problem(refused.result())["detail"]
        answers = await asyncio.gather(*reads)
        assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429]


async def test_unit_costs_come_in_pages_and_are_not_sent_twice(api: Served) -> None:
    await api.count(body(id="r-0"), *(body(id=n, data__use_case=n) for n in ("a", "b", "c")))
    path, token = "/api/me/unit-costs", api.tenant()
    first = await api.ask("GET", f"{path}?limit=2", token)
    page = first.json()
    assert [one["use_case"] for one in page["use_cases"]] == [None, "a"]
    rest = await api.get(f"{path}?limit=2&cursor={page['next']}", token)
    assert ([one["use_case"] for one in rest["use_cases"]], rest["next"]) == (["b", "c"], None)
    assert (await api.ask("GET", f"{path}?limit=5001", token)).status_code == 422
    assert (await api.ask("GET", f"{path}?cursor=x", token)).status_code == 400
    tag = {"If-None-Match": first.headers["etag"]}
    again = await api.ask("GET", f"{path}?limit=2", token, headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    await api.count(body(id="r-9"))
    assert (await api.ask("GET", f"{path}?limit=2", token, headers=tag)).status_code == 200


def test_a_debt_is_paid_off_at_the_rate_and_no_more_than_the_burst_is_saved() -> None:
    clock = MovableClock(NOW)
    budgets = WorkBudgets(clock)

    def spends(groups: int) -> Callable[[], None]:
        def read() -> None:
            with budgets.opened("a") as spend:
                spend(groups)

        return read

    spends(WORK_BURST + 2 * WORK_A_SECOND - 1)()
    with pytest.raises(Problem, match="retry in 2 s"):
        spends(1)()
    clock.set(NOW + 2 * SECOND)
    spends(1)()
    with pytest.raises(Problem, match="retry in 1 s"):
        spends(1)()
    # A clock that was set back pays nothing off.
    clock.set(NOW)
    with pytest.raises(Problem, match="retry in 1 s"):
        spends(1)()
    clock.set(NOW + 10_000 * SECOND)
    spends(WORK_BURST)()
    with pytest.raises(Problem):
        spends(1)()


def test_callers_that_are_many_are_not_remembered_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "_MAX_CALLERS", 2)
    budgets = WorkBudgets(FixedClock(NOW))
    for name in ("a", "b", "c"):
        with budgets.opened(name) as spend:
            spend(WORK_BURST)
    with budgets.opened("a"):
        pass
    with pytest.raises(Problem), budgets.opened("c"):
        pass
