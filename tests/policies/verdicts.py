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
#: Ticks a minute after the requests of these tests: 2026-11-20T11:46:00Z since the year 1.
UNTIL = "639307719600000000"
DOWN = {"verdict": "downgrade", "to": "gpt-4o-mini", "reason": "quota_exceeded"}


def admitted(
    gateway: Gateway, document: object, policy: str = "chat-completions", **more: Any
) -> Any:
    """Run a request where the service answers with a document, fail-open unless told otherwise."""
    return answered(gateway, answer(document), policy, **more)


def answered(gateway: Gateway, reply: object, policy: str = "chat-completions", **more: Any) -> Any:
    """Run a request where the service gives a reply, or none (None)."""
    return run(gateway, policy, **({"values": "open", "admission": reply} | more))


def kept(document: object, **answers: object) -> str:
    """Return what the cache holds of a subject, fresh for a while."""
    fresh = {"until": UNTIL, "document": document}
    own = {question: {"until": UNTIL, "rules": rules} for question, rules in answers.items()}
    return json.dumps(fresh | {"answers": own})


def refusal(done: Any) -> Any:
    """Return the error that the client got, in OpenAI's shape, with the status that it had."""
    assert done["end"] == "returned"
    assert done["response"]["headers"]["content-type"] == "application/json"
    return json.loads(done["response"]["body"])["error"] | {"status": done["response"]["status"]}
