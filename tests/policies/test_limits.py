"""Each scope of a quota, from the request that reaches the limit to the refusal of the next one.

The events that the policies send are counted, and the policies get the document that is then due.
"""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import Attributes
from tests.policies.exchanges import answer, run
from tests.policies.gateway import Gateway
from tests.policies.verdicts import refusal

type System = Any
type Request = dict[str, Any]


def of(header: str, name: str) -> Request:
    return {"headers": {header: name}}


def to(deployment: str, **more: Any) -> Request:
    return {"path": f"/deployments/{deployment}/chat/completions", **more}


ADA, BOB = of("x-end-user", "ada"), of("x-end-user", "bob")
#: A scope, the request that it covers, and one that it does not.
SCOPES: dict[str, tuple[Any, Request, Request]] = {
    "model": ({"model": "gpt-4o"}, to("gpt-4o"), to("o3")),
    "product": ({"product": "ai-platform"}, {}, {"product": {"id": "other"}}),
    "use-case": ({"use_case": "faq"}, of("x-use-case", "faq"), of("x-use-case", "chat")),
    "end-user": ({"end_user": "ada"}, ADA, BOB),
    "each-end-user": ({"end_user": "*"}, ADA, BOB),
    "each-use-case": ({"use_case": "*"}, of("x-use-case", "faq"), of("x-use-case", "chat")),
    "each-product": ({"product": "*"}, {}, {"product": {"id": "other"}}),
    "end-user-and-model": ({"end_user": "ada", "model": "gpt-4o"}, ADA, to("o3", **ADA)),
    "each-user-of-a-model": ({"end_user": "*", "model": "gpt-4o"}, ADA, BOB),
    "subscription": ({"subscription": "sub-1"}, {}, {"subscription": {"id": "sub-2"}}),
    "agent": ({"agent": "coder"}, of("x-agent", "coder"), of("x-agent", "clerk")),
    "session": ({"session": "*"}, of("x-session", "s-1"), of("x-session", "s-2")),
}


async def document(system: System, subscription: str) -> Any:
    found = await system.admission().of(subscription, Attributes())
    return answer(found.document())


@pytest.mark.parametrize("name", SCOPES)
async def test_the_request_after_the_crossing_is_refused_and_others_are_not(
    gateway: Gateway, system: System, name: str
) -> None:
    scope, covered, other = SCOPES[name]
    quota = {"metric": "requests", "window": "day", "scope": scope, "limit": 1, "action": "block"}
    await system.tenancy.define_plan(read_plan("p", {"id": "p", "quotas": [quota]}), None)
    await system.tenancy.assign_plan("acme", "p", None)
    for subscription in ("sub-1", "sub-2"):
        await system.tenancy.map_subject(subscription, "acme", None)
    limited = {"values": "open"}

    before = await document(system, "sub-1")
    first = run(gateway, **covered, **limited, admission=before)
    assert first["end"] == "outbound"
    await system.ingest.batch([Message(first["bodies"][0], "0", 1)])

    after = await document(system, "sub-1")
    second = run(gateway, **covered, **limited, admission=after)
    assert refusal(second)["status"] == 429
    assert "1 of 1 used" in refusal(second)["message"]
    subscription = other.get("subscription", {"id": "sub-1"})["id"]
    theirs = await document(system, subscription)
    assert run(gateway, **other, **limited, admission=theirs)["end"] == "outbound"
