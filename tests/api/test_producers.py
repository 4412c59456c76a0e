"""Producers speak for the subjects and sources that they are bound to, and for no others."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from metering import bootstrap
from metering.settings.http import Http
from metering.settings.settings import Settings, SqliteStore
from tests.api.served import PRODUCER, Served, problem
from tests.builders import NOW, event

OTHER = "00000000-0000-0000-0000-000000000007"
COMMAND = f"metering producers set app:{OTHER} --subject … --source …"


async def send(api: Served, token: str, **changes: Any) -> tuple[str | None, str | None]:
    """Return the code and the reason of the answer to one event."""
    answer = await api.ask("POST", "/api/events", token, json=[event(**changes)])
    assert answer.status_code == 200, answer.text
    (one,) = answer.json()["events"]
    return one["code"], one["reason"]


async def requests(api: Served) -> list[str]:
    found = await api.get("/api/me/requests", api.tenant())
    return [one["id"] for one in found["requests"]]


async def put(api: Served, name: str, token: str | None = None, **more: Any) -> Any:
    content = {"subjects": ["sub-1"], "sources": ["/App/Search"]}
    headers = more.pop("headers", None)
    return await api.ask(
        "PUT",
        f"/api/producers/{name}",
        token or api.operator(),
        json=content | more,
        headers=headers,
    )


async def test_what_is_outside_the_binding_is_refused_and_counts_nothing(api: Served) -> None:
    name = f"app:{OTHER}"
    assert (await put(api, name)).status_code == 200
    token = api.producer_by(OTHER)
    assert await send(api, token, id="in", source="/app/SEARCH") == (None, None)
    assert await send(api, token, id="below", source="/app/search/eu") == (None, None)
    refused = [
        ({"source": "/app/search", "subject": "sub-2"}, "subject: 'sub-2'"),
        ({"source": "/app/searches"}, "source: '/app/searches'"),
        ({"source": "/app"}, "source: '/app'"),
        ({"source": "/app/search", "subject": "*"}, "subject: '*'"),
    ]
    for changes, what in refused:
        code, reason = await send(api, token, id="out", **changes)
        assert (code, reason) == (
            "outside_binding",
            f"{what} is none that this producer speaks for",
        )
    assert (await send(api, token, source="/APIM/test"))[0] == "source_not_allowed"
    assert await requests(api) == ["below", "in"]
    assert await api.app.dead_letters.latest(10) == []
    log = (await api.get("/api/audit", api.operator()))["items"]
    found = [one for one in log if one["action"] == "events.report"]
    assert len(found) == 5
    assert {(one["author"], one["resource"], one["outcome"]) for one in found} == {
        (name, f"producer/{name}", "refused")
    }
    reasons = [one["after"]["reason"] for one in found]
    assert "subject: 'sub-2' is none that this producer speaks for" in reasons
    assert sorted(str(one["after"]["refused"]) for one in found) == [
        *["{'outside_binding': 1}"] * 4,
        "{'source_not_allowed': 1}",
    ]


async def test_a_producer_that_nobody_bound_is_refused_with_the_command_to_run(
    api: Served,
) -> None:
    code, reason = await send(api, api.producer_by(OTHER), source="/app/test")
    assert code == "producer_not_bound"
    assert COMMAND in str(reason)
    assert await requests(api) == []
    # Neither the gateway nor operators need a binding.
    for number, token in enumerate((api.gateway(), api.operator())):
        assert await send(api, token, id=f"r-{number}") == (None, None)


async def test_every_subject_is_a_star_and_no_binding_at_all_is_nothing(api: Served) -> None:
    etag = {"If-Match": "*"}
    await put(api, PRODUCER, subjects=["*"], sources=["/app/search"], headers=etag)
    assert await send(api, api.producer(), subject="sub-2", source="/app/search") == (None, None)
    done = await put(api, PRODUCER, subjects=[], sources=[], headers=etag)
    assert done.json() == {"producer": PRODUCER, "subjects": [], "sources": []}
    code, _ = await send(api, api.producer(), id="r-2", source="/app/search")
    assert code == "outside_binding"


async def test_bindings_are_listed_edited_by_their_etag_and_audited(api: Served) -> None:
    name = f"app:{OTHER}"
    made = await put(api, name)
    expected = {"producer": name, "subjects": ["sub-1"], "sources": ["/app/search"]}
    assert made.json() == expected
    shown = await api.ask("GET", f"/api/producers/{name}", api.operator())
    assert (shown.json(), shown.headers["etag"]) == (expected, made.headers["etag"])
    listed = await api.get("/api/producers", api.operator())
    assert [one["producer"] for one in listed["items"]] == [PRODUCER, name]
    assert (await put(api, name)).status_code == 428
    assert (await put(api, name, headers={"If-Match": '"r1"'})).status_code == 412
    tag = {"If-Match": made.headers["etag"]}
    again = await put(api, name, headers=tag)
    assert (again.status_code, again.headers["etag"]) == (200, made.headers["etag"])
    log = (await api.get("/api/audit", api.operator()))["items"]
    assert {(one["action"], one["resource"]) for one in log} == {
        ("producer.set", f"producer/{name}")
    }
    unknown = await api.ask("GET", f"/api/producers/{name[:-1]}8", api.operator())
    assert problem(unknown)["status"] == 404


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("somebody", {}, "producer 'somebody': write app:<client id> or user:<object id>"),
        (f"app:{OTHER}", {"sources": ["/APIM/contoso"]}, "is the gateway's"),
        (f"app:{OTHER}", {"sources": ["/apim"]}, "is the gateway's"),
        (f"app:{OTHER}", {"sources": ["/apim/"]}, "is the gateway's"),
        (f"app:{OTHER}", {"sources": ["/"]}, "is the gateway's"),
        (f"app:{OTHER}", {"sources": []}, "give subjects and sources, or neither"),
        (f"app:{OTHER}", {"subjects": [""]}, "subjects"),
        (f"app:{OTHER}", {"subjects": ["s"] * 1_001}, "subjects"),
        (f"app:{OTHER}", {"sources": ["s"] * 101}, "sources"),
    ],
)
async def test_a_wrong_binding_is_refused_and_not_recorded(
    api: Served, name: str, changes: dict[str, Any], reason: str
) -> None:
    answer = await put(api, name, **changes)
    assert problem(answer)["status"] == 422
    assert reason in answer.text
    listed = await api.get("/api/producers", api.operator())
    assert [one["producer"] for one in listed["items"]] == [PRODUCER]


class TestAccepting:
    """Where METERING_UNBOUND_PRODUCERS is `accept`."""

    @pytest.fixture
    async def app(self, tmp_path: Path, http: Http) -> AsyncIterator[bootstrap.App]:
        settings = Settings(
            SqliteStore(tmp_path / "store.db"),
            fixed_now=NOW,
            http=http._replace(accepts_unbound=True),
        )
        made = bootstrap.App(settings)
        yield made
        await made.close()

    async def test_an_unbound_producer_speaks_for_all_but_the_gateway(self, api: Served) -> None:
        token = api.producer_by(OTHER)
        assert await send(api, token, source="/app/any", subject="any") == (None, None)
        assert (await send(api, token))[0] == "source_not_allowed"
        # A binding counts all the same.
        await put(api, f"app:{OTHER}")
        assert (await send(api, token, source="/app/any"))[0] == "outside_binding"
