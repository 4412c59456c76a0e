"""The double of Azure Resource Manager: behaviour that the SDK tests do not cover."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.doubles.arm import ArmPeer

THINGS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.X/things"


@pytest.fixture
def peer() -> Iterator[ArmPeer]:
    with ArmPeer() as made:
        yield made


def ask(
    peer: ArmPeer, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, dict[str, Any]]:
    """Return status and body of one request, with a token and an API version."""
    place = path if "?" in path else f"{path}?api-version=2025-01-01"
    content = json.dumps(body) if body is not None else None
    connection = HTTPConnection(peer.url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, place, content, {"authorization": "Bearer t", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def test_a_resource_is_put_read_changed_and_deleted(peer: ArmPeer) -> None:
    status, made = ask(peer, "PUT", f"{THINGS}/a", {"properties": {"state": "active", "x": 1}})
    assert (status, made["name"]) == (201, "a")

    change = {"properties": {"state": "suspended"}}
    assert ask(peer, "PATCH", f"{THINGS}/a", change)[0] == 428
    assert ask(peer, "PATCH", f"{THINGS}/a", change, **{"if-match": '"old"'})[0] == 412
    status, changed = ask(peer, "PATCH", f"{THINGS}/A", change, **{"if-match": made["etag"]})
    assert (status, changed["properties"]) == (200, {"state": "suspended", "x": 1})
    assert changed["etag"] != made["etag"]
    assert ask(peer, "GET", f"{THINGS}/a") == (200, changed)

    assert ask(peer, "DELETE", f"{THINGS}/a", **{"if-match": "*"}) == (200, {})
    assert ask(peer, "GET", f"{THINGS}/a")[0] == 404
    assert ask(peer, "PATCH", f"{THINGS}/a", change)[1]["error"]["code"] == "ResourceNotFound"


def test_a_collection_is_there_if_its_owner_is(peer: ArmPeer) -> None:
    assert ask(peer, "GET", f"{THINGS}/a/parts")[0] == 404
    peer.put(f"{THINGS}/a", {})
    assert ask(peer, "GET", f"{THINGS}/a/parts") == (200, {"value": []})


def test_who_does_not_sign_in_or_names_no_version_is_refused(peer: ArmPeer) -> None:
    peer.put(f"{THINGS}/a", {})
    assert ask(peer, "GET", f"{THINGS}/a", authorization="Basic t")[0] == 401
    assert ask(peer, "GET", f"{THINGS}/a?top=1")[0] == 400
