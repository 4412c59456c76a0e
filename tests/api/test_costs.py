"""Costs and discounts over HTTP: operators only, bounded, audited."""

import pytest

from tests.api.served import Served, problem
from tests.builders import body

DAYS = "from=2026-11-01&to=2026-12-01"


async def count(api: Served, *bodies: bytes) -> None:
    from metering.app.hubs.batch import Message  # noqa: PLC0415

    tally = await api.app.ingest.batch([Message(one, "0", 0) for one in bodies])
    assert tally.accepted == len(bodies)


async def test_operators_see_costs_and_margins_by_any_dimension(api: Served) -> None:
    await count(
        api,
        body(id="a", data__backend="eu-ai"),
        body(id="b", subject="sub-2", data__backend="us-ai", data__use_case="mail"),
    )
    made = await api.ask(
        *("POST", "/api/discounts", api.operator()),
        json={"percent": "7", "provider": "openai", "since": "2026-11-01"},
    )
    assert made.status_code == 200, made.text
    key = {"key": "provider/openai", "percent": "7", "since": "2026-11-01T00:00:00Z"}
    assert made.json() == [key]
    assert await api.get("/api/discounts", api.operator()) == [key]
    found = await api.get(f"/api/costs?by=account,tenant&{DAYS}&compare=true", api.operator())
    # 0.0035 at list prices less 7 % is 0.003255
    assert [
        (one["group"], one["charged"], one["cost"], one["margin"], one["charged_before"])
        for one in found["items"]
    ] == [
        ({"account": "eu-ai", "tenant": "acme"}, "0.0035", "0.003255", "0.000245", "0"),
        ({"account": "us-ai", "tenant": "globex"}, "0.0035", "0.003255", "0.000245", "0"),
    ]
    (total,) = found["totals"]
    assert (total["currency"], total["charged"], total["margin_share"]) == ("USD", "0.007", "0.07")
    only = await api.get(f"/api/costs?by=day&{DAYS}&only=use_case%3Dmail", api.operator())
    assert [one["group"] for one in only["items"]] == [{"day": "2026-11-20"}]
    entries = (await api.get("/api/audit?day=2026-11-20", api.operator()))["items"]
    assert entries[0]["action"] == "discount.set"


@pytest.mark.parametrize("path", ["/api/costs", "/api/discounts"])
async def test_a_tenant_never_sees_what_the_company_pays(api: Served, path: str) -> None:
    assert problem(await api.ask("GET", path, api.tenant()))["status"] in {403, 404}
    for own in ("/api/me/costs", "/api/tenants/acme/costs", "/api/me/discounts"):
        assert (await api.ask("GET", own, api.tenant())).status_code in {403, 404}
    answer = await api.ask("POST", "/api/discounts", api.tenant(), json={"percent": "7"})
    assert problem(answer)["status"] in {403, 404}
    shown = await api.ask("GET", "/dashboard/costs", api.tenant())
    assert shown.status_code in {303, 404}


@pytest.mark.parametrize(
    "query",
    [
        "by=agent",
        "by=day,week",
        "from=2026-11-31",
        "only=end_user%3Dx",
        "from=2020-01-01",
        "limit=0",
    ],
)
async def test_a_question_that_cannot_be_answered_is_refused(api: Served, query: str) -> None:
    assert problem(await api.ask("GET", f"/api/costs?{query}", api.operator()))["status"] == 422


async def test_a_discount_that_cannot_be_is_refused(api: Served) -> None:
    for body_ in (
        {"percent": "101"},
        {"percent": "7", "provider": "nobody"},
        {"percent": "7", "provider": "openai", "model": "gpt-4o"},
        {"percent": "7", "since": "November"},
    ):
        answer = await api.ask("POST", "/api/discounts", api.operator(), json=body_)
        assert problem(answer)["status"] == 422, body_


async def test_a_tenant_sees_its_own_efficiency_and_not_what_the_company_pays(api: Served) -> None:
    await count(api, body(id="a", data__end_user="u-1"), body(id="b", subject="sub-2"))
    path = "/api/me/efficiency?by=week,end_user&period=2026-11"
    found = await api.get(path, api.tenant())
    assert (found["tenant"], found["by"]) == ("acme", ["week", "end_user"])
    (one,) = found["items"]
    assert one["group"] == {"week": "2026-11-16", "end_user": "u-1"}
    # 1,000 x 2.50 + 100 x 10 a million for one request; 100 tokens out for 1,000 in
    figures = (one["amount"], one["hours"], one["cost_per_request"], one["output_ratio"])
    assert figures == ("0.0035", "0", "0.0035", "0.1")
    assert not {"cost", "paid", "margin", "unallocated"} & one.keys()
    other = await api.ask("GET", "/api/me/efficiency?by=agent", api.tenant())
    assert problem(other)["status"] == 422
