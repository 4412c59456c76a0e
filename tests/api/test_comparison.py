"""Periods, comparisons, and the versions of plans and prices, over HTTP."""

from metering.core.basics.instants import DAY
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import parse_month
from metering.core.plans.plan import Plan
from tests.api.served import OF_GLOBEX, Served, problem
from tests.builders import NOW, body, price_file

#: 1,000 input and 100 output tokens of gpt-4o: 0.0025 and 0.001 USD.
ONE = "0.0035"


async def test_a_running_period_is_compared_with_the_same_part_of_the_one_before(
    api: Served,
) -> None:
    await api.count(
        body(id="o-1", time="2026-10-05T10:00:00Z"),
        body(id="o-2", time="2026-10-19T23:59:00Z"),
        # The 20th has not ended in November: neither this nor that of the 20th is compared.
        body(id="o-3", time="2026-10-20T00:00:00Z"),
        body(id="n-1", time="2026-11-02T10:00:00Z"),
        body(id="n-2", time="2026-11-03T10:00:00Z"),
        body(id="n-3", time="2026-11-19T23:59:00Z", data__model="gpt-99"),
        body(id="n-4", time="2026-11-20T11:00:00Z"),
    )
    found = await api.get("/api/me/comparison", api.tenant())
    assert (found["period"], found["before"], found["reason"]) == ("2026-11", "2026-10", None)
    assert (found["part"]["end_day"], found["part_before"]["end_day"]) == (
        "2026-11-20",
        "2026-10-20",
    )
    # Two priced requests in each.
    assert found["amount"] == {"now": "0.007", "before": "0.007", "difference": "0", "percent": "0"}
    assert found["requests"] == {"now": "3", "before": "2", "difference": "1", "percent": "50"}
    # 3 and 2 times 1,100.
    assert found["tokens"]["difference"] == "1100"
    assert found["unpriced"] == {"now": "1", "before": "0", "difference": "1", "percent": None}
    # October has ended and is compared whole; nothing was before it.
    first = await api.get("/api/me/comparison?period=2026-10", api.tenant())
    assert (first["before"], first["reason"], first["amount"]) == (None, "first_period", None)
    with api.at("2026-12-02"):
        whole = await api.get("/api/me/comparison?period=2026-11", api.tenant())
        # A period without usage is one of zero.
        december = await api.get("/api/me/comparison", api.tenant())
    assert (whole["is_running"], whole["requests"]["now"], whole["requests"]["before"]) == (
        False,
        "4",
        "3",
    )
    assert december["requests"] == {"now": "0", "before": "0", "difference": "0", "percent": None}
    named = await api.get("/api/tenants/acme/comparison", api.operator())
    assert named == found


async def test_on_the_first_day_of_a_period_nothing_is_compared(api: Served) -> None:
    await api.count()
    with api.at("2026-12-01"):
        found = await api.get("/api/me/comparison", api.tenant())
    assert (found["before"], found["reason"], found["part"]) == ("2026-11", "no_day_ended", None)


async def test_amounts_in_two_currencies_are_not_compared(api: Served) -> None:
    await api.count(body(time="2026-09-05T10:00:00Z"))
    await api.app.publish_prices.publish(
        "p", price_file({}, version="e", currency="EUR"), supersede=False
    )
    await api.app.tenancy.define_plan(Plan(id="euro", currency="EUR"), None)
    await api.app.tenancy.assign_plan("acme", "euro", parse_month("2026-12").start)
    with api.at("2026-12-05"):
        found = await api.get("/api/me/comparison", api.tenant())
    assert (found["part"]["currency"], found["part_before"]["currency"]) == ("EUR", "USD")
    assert found["amount"] is None
    assert found["requests"]["now"] == "0"


async def test_periods_are_those_with_usage_and_the_current_one(api: Served) -> None:
    await api.count(body(time="2026-09-05T10:00:00Z"))
    found = await api.get("/api/me/periods", api.tenant())
    assert [(one["period"], one["is_running"]) for one in found["items"]] == [
        ("2026-11", True),
        ("2026-09", False),
    ]
    page = await api.get("/api/me/periods?limit=1", api.tenant())
    rest = await api.get(f"/api/me/periods?cursor={page['next']}", api.tenant())
    assert [one["period"] for one in rest["items"]] == ["2026-09"]
    # Another tenant has its own.
    others = await api.get("/api/me/periods", api.tenant(OF_GLOBEX))
    assert [one["period"] for one in others["items"]] == ["2026-11"]


async def test_usage_of_a_period_leaves_out_what_another_has_on_the_same_day(api: Served) -> None:
    with api.at("2026-08-01"):
        tokyo = Calendar(time_zone="Asia/Tokyo")
        await api.app.tenancy.set_calendar("acme", tokyo, None)
    await api.count(
        # The periods of Tokyo change at 15:00 UTC on the last day.
        body(id="a", time="2026-10-31T14:59:00Z"),
        body(id="b", time="2026-10-31T15:00:00Z"),
    )
    both = await api.get("/api/me/usage?from=2026-10-31&to=2026-11-01&group_by=day", api.tenant())
    assert both["items"][0]["requests"] == 2
    for period in ("2026-10", "2026-11"):
        one = await api.get(f"/api/me/usage?period={period}&group_by=day", api.tenant())
        assert [(row["group"]["day"], row["requests"]) for row in one["items"]] == [
            ("2026-10-31", 1)
        ]
    path = "/api/me/usage?period=2026-10&from=2026-10-01"
    refused = await api.ask("GET", path, api.tenant())
    assert problem(refused)["errors"][0]["field"] == "period"


async def test_versions_of_a_plan_say_what_is_in_force_and_scheduled(api: Served) -> None:
    await api.app.tenancy.define_plan(Plan(id="pro", markup="0.1"), None)
    await api.app.tenancy.define_plan(Plan(id="pro", markup="0.2"), NOW + DAY)
    later, now = await api.get("/api/plans/pro/versions", api.operator())
    assert (later["state"], later["start"]) == ("scheduled", "2026-11-21T12:00:00Z")
    assert later["changes"] == [{"term": "markup", "old": "0.1", "new": "0.2"}]
    assert (now["state"], now["start"], now["end"]) == ("in_force", None, later["start"])
    assert now["terms"]["markup"] == "0.1"
    assert (await api.ask("GET", "/api/plans/other/versions", api.operator())).status_code == 404


async def test_price_rows_name_their_source_and_what_they_replace(api: Served) -> None:
    row = {"effective_from": "2026-12-01T00:00:00Z", "per_million_tokens": {"input": "2"}}
    await api.app.publish_prices.publish("p", price_file(row, version="v9"), supersede=True)
    path = "/api/price-rows?model=GPT-4O"
    found = await api.get(f"{path}&state=scheduled", api.operator())
    (one,) = [one for one in found["items"] if one["version"] == "v9"]
    assert (one["row"], one["start"], one["end"]) == (
        "gpt-4o/global/any/standard",
        "2026-12-01T00:00:00Z",
        None,
    )
    assert (one["per_million"], one["per_million_before"]["input"]) == (
        {"input": "2", "input_image": "2"},
        "2.5",
    )
    assert (one["source"], one["retrieved"], one["age_days"]) == ("a test", "2026-11-20", 0)
    first = await api.get(f"{path}&limit=1", api.operator())
    second = await api.get(f"{path}&limit=1&cursor={first['next']}", api.operator())
    assert first["items"] != second["items"]
