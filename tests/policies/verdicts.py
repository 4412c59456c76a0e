"""Requests under verdicts of the admission service."""

import json
from typing import Any

from tests.policies.exchanges import answer, run
from tests.policies.gateway import Gateway

KEY = "metering-admission/sub-1"
ALLOW = {"subscription": "sub-1", "verdict": "allow", "cache_s": 30, "models": {}}
BLOCK = {
    "subscription": "sub-1",
    "verdict": "block",
    "reason": "quota_exceeded",
    "remaining": "0",
    "resets_at": "2026-12-01T00:00:00Z",
    "retry_after_s": 3600,
    "cache_s": 30,
    "models": {},
}
DOWN = {"verdict": "downgrade", "to": "gpt-4o-mini", "reason": "quota_exceeded"}


def admitted(
    gateway: Gateway, document: object, policy: str = "chat-completions", **more: Any
) -> Any:
    """Run a request where the service answers with a document, fail-open unless told otherwise."""
    return answered(gateway, answer(document), policy, **more)


def answered(gateway: Gateway, reply: object, policy: str = "chat-completions", **more: Any) -> Any:
    """Run a request where the service gives a reply, or none (None)."""
    return run(gateway, policy, **({"values": "open", "admission": reply} | more))


def problem(done: Any) -> Any:
    assert done["end"] == "returned"
    assert done["response"]["headers"]["content-type"] == "application/problem+json"
    said = json.loads(done["response"]["body"])
    assert said["status"] == done["response"]["status"]
    return said
