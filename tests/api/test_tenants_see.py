"""What a tenant sees of itself: balance, usage over days and periods, alerts, quotas, credit."""

from typing import Any

from metering import bootstrap
from metering.core.plans.plan import read_plan
from metering.core.tenancy.grant_records import GrantOffer
from tests.api.served import OF_GLOBEX, Served, problem
from tests.builders import body

#: 1,000 x 2.5 + 100 x 10 per million, in USD.
ONE = "0.0035"


async def test_a_balance_says_what_was_committed_up_to_now(api: Served) -> None:
    await api.count(body(), body(), body(id="r-2", data__tokens="pending", data__usage=None))
    found = await api.get("/api/me/balance", api.tenant())
    assert (found["tenant"], found["period"], found["currency"]) == ("acme", "2026-11", "USD")
    assert (found["amount"], found["total"], found["requests"]) == (ONE, ONE, 1)
    assert found["tokens"] == {"input": 1000, "output": 100}
    # A stream that says nothing is held for 500 tokens of output at $10 a million.
    assert (found["pending"], found["duplicates"]) == ({"requests": 1, "amount": "0.005"}, 1)
    assert (found["pages"], found["entries"]) == (1, 2)
    assert found["as_of"] == found["last_commit"] == "2026-11-20T12:00:00Z"
    assert found["credits"] is None
    assert [(one["model"], one["amount"]) for one in found["models"]] == [("gpt-4o", ONE)]
    # 1,000 tokens at 2.5 per million, 100 at 10 per million
    assert [
        (line["bucket"], line["quantity"], line["unit_price"], line["amount"])
        for line in found["charges"]["lines"]
    ] == [("input", 1000, "0.0000025", "0.0025"), ("output", 100, "0.00001", "0.001")]


async def test_operators_see_the_same_of_every_tenant(api: Served) -> None:
    await api.count()
    own = await api.get("/api/me/balance", api.tenant())
    assert await api.get("/api/tenants/acme/balance", api.operator()) == own
    assert await api.get("/api/tenants/acme/balance", api.tenant()) == own
    other = await api.get("/api/me/balance", api.tenant(OF_GLOBEX))
    assert (other["tenant"], other["amount"]) == ("globex", "0")
    answer = await api.ask("GET", "/api/tenants/initech/balance", api.operator())
    assert problem(answer)["status"] == 404


async def test_a_past_period_is_asked_for_by_its_name(api: Served) -> None:
    await api.count(body(time="2026-10-05T00:00:00Z"))
    path = "/api/me/balance?period=2026-10"
    assert (await api.get(path, api.tenant()))["amount"] == ONE
    assert (await api.get("/api/me/balance", api.tenant()))["amount"] == "0"


async def test_credit_is_on_the_balance(api: Served) -> None:
    await api.app.tenancy.add_grant(GrantOffer("acme", "10", id="g"))
    await api.count()
    credit = (await api.get("/api/me/balance", api.tenant()))["credits"]
    # 10 - 0.0035
    assert (credit["granted"], credit["remaining"]) == ("10", "9.9965")
    (grant,) = (await api.get("/api/me/grants", api.tenant()))["items"]
    assert (grant["id"], grant["remaining"]) == ("g", "9.9965")


async def usage(api: Served, query: str) -> list[tuple[Any, ...]]:
    found = await api.get(f"/api/me/usage?{query}", api.tenant())
    return [(*row["group"].values(), row["amount"]) for row in found["items"]]


async def spread(api: Served) -> None:
    """Count one request on each of four days, in two periods."""
    days = ("2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02")
    await api.count(
        *(
            body(id=f"r-{day}", time=f"{day}T23:59:59Z", data__use_case=f"case {n % 2}")
            for n, day in enumerate(days)
        )
    )


async def test_usage_over_days_crosses_periods_and_ends_where_it_is_asked_to(
    api: Served,
) -> None:
    await spread(api)
    rolled_up: list[object] = []
    not_yet: list[Any] = []
    for found in (not_yet, rolled_up):
        found.append(await usage(api, "from=2026-10-31&to=2026-11-02&group_by=day"))
        found.append(await usage(api, "from=2026-10-01&to=2026-12-01&group_by=use_case"))
        found.append(await usage(api, "group_by=day,model"))
        await api.app.roll_up.run()
    assert not_yet == rolled_up
    assert not_yet[0] == [("2026-10-31", ONE), ("2026-11-01", ONE)]
    # two of each: 2 x 0.0035
    assert not_yet[1] == [("case 0", "0.007"), ("case 1", "0.007")]
    assert not_yet[2] == [("2026-11-01", "gpt-4o", ONE), ("2026-11-02", "gpt-4o", ONE)]


async def test_usage_says_which_days_it_covers_and_how_fresh_it_is(api: Served) -> None:
    await spread(api)
    await api.app.roll_up.run()
    await api.count(body(id="late"))
    path = "/api/me/usage?from=2026-11-01T12:00:00Z&to=2026-11-02T00:00:01Z"
    found = await api.get(path, api.tenant())
    assert (found["first_day"], found["end_day"]) == ("2026-11-01", "2026-11-03")
    assert found["as_of"] == "2026-11-20T12:00:00Z"
    (ledger,) = found["ledgers"]
    assert (ledger["ledger"], ledger["page"], ledger["rolled_up_page"]) == (
        "acme|2026-11-01T00:00:00Z",
        3,
        2,
    )


async def test_usage_comes_in_pages(api: Served) -> None:
    await spread(api)
    path = "/api/me/usage?from=2026-10-01&group_by=day&limit=3"
    first = await api.get(path, api.tenant())
    second = await api.get(f"{path}&cursor={first['next']}", api.tenant())
    days = [row["group"]["day"] for page in (first, second) for row in page["items"]]
    assert days == ["2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02"]
    assert second["next"] is None
    # A cursor is of one list alone.
    other = f"/api/me/usage?from=2026-10-02&group_by=day&cursor={first['next']}"
    assert problem(await api.ask("GET", other, api.tenant()))["status"] == 400


QUOTA = {"metric": "amount", "window": "period", "limit": "0.007", "thresholds": [50, 100]}


async def capped(app: bootstrap.App) -> None:
    plan = read_plan("p", {"id": "capped", "quotas": [QUOTA | {"action": "block"}]})
    await app.tenancy.define_plan(plan, None)
    await app.tenancy.assign_plan("hooli", "capped", None)
    await app.tenancy.map_subject("sub-9", "hooli", None)


async def test_alerts_say_what_was_reached_and_when(api: Served) -> None:
    await capped(api.app)
    await api.count(body(subject="sub-9"), body(subject="sub-9", id="r-2", data__model="gpt-99"))
    path = "/api/tenants/hooli/alerts"
    found = await api.get(path, api.operator())
    # One request is half of the limit; the other has no price.
    assert [(one["kind"], one["at"]) for one in found["items"]] == [
        ("quota", "2026-11-20T12:00:00Z"),
        ("unpriced", "2026-11-20T12:00:00Z"),
    ]
    assert found["items"][0]["detail"]["threshold"] == 50
    assert found["items"][1]["detail"] == {"model": "gpt-99"}
    assert [(one["used"], one["percent"]) for one in found["reached"]] == [(ONE, 50)]
    first = await api.get(f"{path}?limit=1", api.operator())
    second = await api.get(f"{path}?limit=1&cursor={first['next']}", api.operator())
    assert (first["items"] + second["items"], second["next"]) == (found["items"], None)
    await api.app.deliver_effects.run()
    assert await api.get(path, api.operator()) == found
    past = await api.get(f"{path}?period=2026-10", api.operator())
    assert (past["items"], past["reached"]) == ([], [])


async def test_quotas_say_where_they_stand_and_where_they_go(api: Served) -> None:
    await capped(api.app)
    await api.count(body(subject="sub-9"))
    found = await api.get("/api/tenants/hooli/quotas", api.operator())
    (quota,) = found["quotas"]
    assert (quota["limit"], quota["used"], quota["remaining"]) == ("0.007", ONE, ONE)
    assert (quota["action"], quota["thresholds"]) == ("block", [50, 100])
    # 0.0035 in 19.5 days of 30: the limit, twice that, after 39 days, is not reached.
    assert quota["exhausted_at"] is None
    assert await api.get("/api/me/quotas", api.tenant()) == {
        "tenant": "acme",
        "currency": "USD",
        "as_of": "2026-11-20T12:00:00Z",
        "amount": {"used": "0", "an_hour": "0", "projected": "0", "charge": "0"},
        "provisioned": {
            "amount": "0",
            "projected": "0",
            "as_of": None,
            "complete": True,
            "unknown": [],
            "shares": [],
        },
        "quotas": [],
        "scheduled": [],
        "credits": None,
        "stopped": [],
    }


async def test_another_meter_has_its_quantity_and_unit(api: Served) -> None:
    event = (
        b'{"specversion":"1.0","type":"meter.usage.v1","source":"/s","id":"m","subject":"sub-1",'
        b'"time":"2026-11-20T11:00:00Z","data":{"meter":"search","quantity":"2.5","unit":"query"}}'
    )
    await api.count(event)
    (one,) = (await api.get("/api/me/balance", api.tenant()))["models"]
    assert (one["quantity"], one["unit"], one["amount"]) == ("2.5", "query", None)
