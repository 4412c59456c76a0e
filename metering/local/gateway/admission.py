"""Admission as the gateway's policies see it: a decision for a subscription.

The document is what `GET /api/admission/{subscription}` answers: a `verdict` (allow, downgrade,
block), and in `models` those of single models, which come first. With a verdict may stand `to`,
`reason`, `retry_after_s`, `remaining` and `resets_at`.
"""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

from metering.core.basics.patterns import IDENTIFIER
from metering.local.gateway.refusals import Json, Refusal

type Document = Mapping[str, Any]
type Admission = Callable[[str, str], Awaitable[Document]]
"""Called with the subscription and the model of a request."""


_TITLES: Final = {
    402: "No credit is left",
    403: "This is not allowed",
    429: "A quota is reached",
}


async def admit_all(_subscription: str, _model: str) -> Document:
    """Admit every request: there are no quotas."""
    return {"verdict": "allow"}


class Decision(NamedTuple):
    """The decision for one request. `to` is the deployment to use instead."""

    verdict: Literal["allow", "downgrade", "block"]
    to: str = ""
    rule: Document = MappingProxyType({})


def decide(document: Document, model: str, *, downgradable: bool) -> Decision:
    """Return the decision on a request for a model.

    A downgrade that cannot be, because of the interface or of where it leads, blocks. A document
    that says nothing known lets the request through, as a gateway does that fails open.
    """
    models = {name.lower(): rule for name, rule in document.get("models", {}).items()}
    rule = models.get(model.lower(), document)
    verdict, to = rule.get("verdict", document.get("verdict")), str(rule.get("to", ""))
    if verdict == "downgrade":
        possible = (
            downgradable
            and IDENTIFIER.fullmatch(to) is not None
            and to.lower() != model.lower()
            and models.get(to.lower(), {}).get("verdict", "allow") == "allow"
        )
        return Decision("downgrade", to, rule) if possible else Decision("block", rule=rule)
    return Decision("block", rule=rule) if verdict == "block" else Decision("allow")


def blocked(decision: Decision, request_id: str, model: str) -> Refusal:
    """Return the response to a blocked request (RFC 9457)."""
    reason = str(decision.rule.get("reason", "blocked"))
    status = _status(reason)
    problem: Json = {
        "type": f"urn:metering:admission:{reason}",
        "title": _TITLES[status],
        "status": status,
        "detail": reason,
        "instance": f"urn:uuid:{request_id}",
        "model": model,
    }
    problem |= {
        name: decision.rule[name] for name in ("remaining", "resets_at") if name in decision.rule
    }
    wait = decision.rule.get("retry_after_s")
    headers = {}
    if status == 429 and wait is not None:  # noqa: PLR2004, HTTP's own
        problem["retry_after_s"] = wait
        headers["Retry-After"] = str(wait)
    return Refusal(status, problem, headers=headers, media_type="application/problem+json")


def _status(reason: str) -> int:
    """402: credit is used up; 429: wait for the window to reset; 403: not allowed."""
    if "credit" in reason or "prepaid" in reason:
        return 402
    return 429 if reason == "held" or "quota" in reason or "limit" in reason else 403
