"""Admission as the gateway sees it: a verdict before each request."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

from metering.local.gateway.refusals import Refusal


class Verdict(NamedTuple):
    """Whether a subscription may use a model now."""

    action: Literal["allow", "downgrade", "block"] = "allow"
    model: str | None = None
    """Of a downgrade: the deployment to use instead."""
    status: Literal[403, 429] = 429
    reason: str = "The quota is used up."
    retry_after_s: int | None = None
    problem: dict[str, Any] | None = None
    """The problem+json body to give; None: one made of status and reason."""


type Admission = Callable[[str, str], Awaitable[Verdict]]
"""Asked with the subscription and the model before a request goes on to a model."""


async def admit_all(_subscription: str, _model: str) -> Verdict:
    """Let every request through: there are no quotas."""
    return Verdict()


def blocked(verdict: Verdict) -> Refusal:
    """Return the answer to a request that is not let through (RFC 9457)."""
    problem = verdict.problem or {
        "type": "about:blank",
        "title": "Quota exceeded" if verdict.status == 429 else "Not allowed",  # noqa: PLR2004
        "status": verdict.status,
        "detail": verdict.reason,
    }
    wait = verdict.retry_after_s
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return Refusal(verdict.status, problem, headers=headers, media_type="application/problem+json")
