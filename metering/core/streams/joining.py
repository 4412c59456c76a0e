"""Joining: complete events from the halves of a request that arrived apart."""

from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import format_instant
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.usage.event import LLM_USAGE
from metering.core.usage.provider_usage import ProviderUsage, disjoint_buckets

ANONYMOUS: Final = "anonymous"
"""Subject of recovered usage whose record names no subscription (only without any policy)."""

#: The counts of both shapes that no other one contains.
_PARTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
)


def complete(identity: bytes, row: LlmRow) -> bytes:
    """Return the event of a stream with the counts that the log has for it.

    Where the halves contradict each other, the identity holds: it says who, when and which model;
    the log says how many tokens, and names the model only where the identity does not.
    RejectedEvent `usage_inconsistent` for counts that cannot be.
    """
    event: dict[str, Any] = from_json(identity)
    data = {name: value for name, value in event["data"].items() if name != "hold"}
    data["model"] = data.get("model") or row.model
    data["deployment"] = data.get("deployment") or row.deployment
    names = (data.get("provider"), data["model"], data.get("requested_model"), row.model)
    counted = {"tokens": "final", "evidence": "totals", "usage": _usage(row, names)}
    event["data"] = data | counted
    return to_json(event)


def recovered(gateway: GatewayRow, row: LlmRow) -> bytes:
    """Return the event of a request that no policy reported, from the gateway's logs alone.

    The region in the log is that of the gateway, which says nothing of the model's, so it is left
    out: the deployments registry has it.
    """
    event = {
        "specversion": "1.0",
        "type": LLM_USAGE,
        "source": f"/apim/{gateway.service}",
        "id": gateway.request_id,
        "time": format_instant(gateway.time),
        "subject": gateway.subscription or ANONYMOUS,
        "data": {
            "status": gateway.status,
            "product": gateway.product,
            "api": gateway.api,
            "operation": gateway.operation,
            "backend": gateway.backend,
            "model": row.model,
            "deployment": row.deployment,
            "tokens": "final",
            "evidence": "recovered",
            "usage": _usage(row, (row.model, row.deployment)),
        },
    }
    return to_json(event)


class Counted(NamedTuple):
    """All tokens of a request, as a log has them."""

    tokens: int
    has_cache_writes: bool
    """Whether tokens written to a cache are among them."""


def counted(row: LlmRow) -> Counted:
    """Return how many tokens a row says that a request had; RejectedEvent as in `complete`."""
    names = (row.model, row.deployment)
    usage = _usage(row, names)
    parts = [usage.get(name, 0) for name in _PARTS]
    return Counted(
        sum(part for part in parts if isinstance(part, int)), not any(map(_is_anthropic, names))
    )


def _usage(row: LlmRow, names: tuple[str | None, ...]) -> dict[str, object]:
    """Return the counts in their provider's shape: its total contains the cached or it does not."""
    shape = _anthropic if any(map(_is_anthropic, names)) else _openai
    usage = shape(row)
    disjoint_buckets(ProviderUsage.model_validate(usage))
    return usage


def _is_anthropic(name: str | None) -> bool:
    """Say whether a name is theirs: claude…, also behind a prefix such as `anthropic/`."""
    lowered = (name or "").lower()
    return "claude" in lowered or "anthropic" in lowered


def _anthropic(row: LlmRow) -> dict[str, object]:
    """`promptTokens` is what was not cached; cache reads stand beside it, writes are not logged."""
    if row.prompt_tokens is None and row.completion_tokens is None:
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "a total alone says neither input nor output")
    return {
        "input_tokens": row.prompt_tokens or 0,
        "output_tokens": row.completion_tokens or 0,
        "cache_read_input_tokens": row.cached_tokens or 0,
    }


def _openai(row: LlmRow) -> dict[str, object]:
    """`promptTokens` contains the cached ones. Of prompt, completion and total two are enough."""
    prompt, completion, total = row.prompt_tokens, row.completion_tokens, row.total_tokens
    if prompt is None and (completion is None or total is None):
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "promptTokens: is not there")
    if prompt is None:
        prompt = (total or 0) - (completion or 0)
    if completion is None:
        completion = 0 if total is None else total - prompt
    if prompt < 0 or completion < 0:
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "a part is larger than totalTokens")
    usage: dict[str, object] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if total is not None:
        usage["total_tokens"] = total
    if row.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": row.cached_tokens}
    return usage
