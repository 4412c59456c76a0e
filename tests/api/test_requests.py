"""`GET /api/me/requests`: one request after the other, filtered, paged, as JSON and as CSV."""

import csv
import io
from typing import Any

import pytest

from tests.api.served import Served, problem
from tests.builders import body


async def filled(api: Served) -> None:
    await api.count(
        *(body(id=f"r-{n}", time=f"2026-11-0{n + 1}T10:00:00Z") for n in range(5)),
        body(id="u", data__model="gpt-99", data__use_case="=cmd", data__end_user="bob"),
        body(id="s", data__tokens="pending", data__usage=None, data__requested_model="gpt-4o"),
        body(id="other", subject="sub-2"),
    )
    await api.count(body(id="s", data__evidence="totals", data__requested_model="gpt-4o"))


async def test_a_request_says_what_it_was_what_it_cost_and_what_it_replaced(api: Served) -> None:
    await filled(api)
    (found,) = (await api.get("/api/me/requests?id=s", api.tenant()))["requests"]
    assert found["amount"] == "0.0035"
    assert found["tokens"] == {"input": 1000, "output": 100}
    assert (found["model"], found["model_asked"], found["model_served"]) == (
        "gpt-4o",
        "gpt-4o",
        "gpt-4o-2024-11-20",
    )
    price = found["price"]
    assert (price["row"], price["multiplier"]) == ("gpt-4o/global/any/standard", "1")
    assert price["unit_prices"]["output"] == "0.00001"
    (replaced,) = found["corrections"]
    assert (replaced["evidence"], replaced["amount"]) == ("pending", None)
    assert (replaced["page"], replaced["row"]) < (found["page"], found["row"])


async def test_pages_of_a_list_have_every_request_once(api: Served) -> None:
    await filled(api)
    ids: list[str] = []
    path = "/api/me/requests?limit=3"
    while True:
        page = await api.get(path, api.tenant())
        assert list(page) == ["requests", "next"]
        ids += [one["id"] for one in page["requests"]]
        if page["next"] is None:
            break
        path = f"/api/me/requests?limit=3&cursor={page['next']}"
    assert sorted(ids) == ["r-0", "r-1", "r-2", "r-3", "r-4", "s", "u"]
    assert ids[2:] == ["r-4", "r-3", "r-2", "r-1", "r-0"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("day=2026-11-02", ["r-1"]),
        ("from=2026-11-04&to=2026-11-06", ["r-4", "r-3"]),
        ("period=2026-11&day=2026-11-01", ["r-0"]),
        ("period=2026-10", []),
        ("model=gpt-99", ["u"]),
        ("use_case=%3Dcmd", ["u"]),
        ("user=bob", ["u"]),
        ("unpriced=true", ["u"]),
        ("evidence=totals", ["s"]),
        ("id=r-2", ["r-2"]),
        ("id=other", []),
        ("status=429", []),
        ("deployment=gpt-4o&from=2026-11-05&to=2026-11-06", ["r-4"]),
        ("subscription=sub-2", []),
        ("bucket=cached_read", []),
    ],
)
async def test_a_filter_names_what_is_wanted(api: Served, query: str, ids: list[str]) -> None:
    await filled(api)
    for path, token in (
        ("/api/me/requests", api.tenant()),
        ("/api/tenants/acme/requests", api.operator()),
    ):
        page = await api.get(f"{path}?{query}", token)
        assert ([one["id"] for one in page["requests"]], page["next"]) == (ids, None)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("day=yesterday", "day"),
        ("from=2026", "from"),
        ("period=2026-13", "period"),
        ("evidence=good", "evidence"),
        ("status=99", "status"),
        ("bucket=gold", "bucket"),
        ("unpriced=maybe", "unpriced"),
        ("limit=0", "limit"),
        ("format=xml", "format"),
        ("modell=gpt-4o", "modell"),
        ("cursor=nonsense", "cursor"),
    ],
)
async def test_a_wrong_filter_is_refused_by_name(api: Served, query: str, field: str) -> None:
    said = problem(await api.ask("GET", f"/api/me/requests?{query}", api.tenant()))
    assert [fault["field"] for fault in said["errors"]] == [field]


async def test_a_cursor_holds_for_its_filter_only(api: Served) -> None:
    await filled(api)
    cursor = (await api.get("/api/me/requests?limit=1", api.tenant()))["next"]
    answer = await api.ask("GET", f"/api/me/requests?day=2026-11-02&cursor={cursor}", api.tenant())
    assert problem(answer)["status"] == 400


async def test_a_tenant_sees_its_own_requests_only(api: Served) -> None:
    await filled(api)
    answer = await api.ask("GET", "/api/tenants/globex/requests", api.tenant())
    assert problem(answer)["status"] == 404


@pytest.mark.parametrize("way", ["format", "accept"])
async def test_a_filtered_list_as_csv_goes_on_where_its_link_says(api: Served, way: str) -> None:
    await filled(api)
    path = "/api/me/requests?limit=4" + ("&format=csv" if way == "format" else "")
    headers: Any = {"Accept": "text/csv"} if way == "accept" else {}
    text = ""
    while path:
        answer = await api.ask("GET", path, api.tenant(), headers=headers)
        assert answer.headers["content-type"].startswith("text/csv")
        text += answer.text
        path = answer.links["next"]["url"] if "link" in answer.headers else ""
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 7
    by_id = {row["id"]: row for row in rows}
    assert by_id["r-1"]["amount"] == "0.0035"
    # Unknown is empty, never zero, and text that a spreadsheet might run is disarmed.
    assert (by_id["u"]["amount"], by_id["u"]["use_case"]) == ("", "'=cmd")
    assert by_id["s"]["corrections"] == "1"


async def test_a_balance_counts_requests_by_their_evidence(api: Served) -> None:
    await filled(api)
    assert (await api.get("/api/me/balance", api.tenant()))["evidence"] == {
        "full": 6,
        "totals": 1,
        "recovered": 0,
        "estimated": 0,
        "aggregate": 0,
        "missing": 0,
    }
