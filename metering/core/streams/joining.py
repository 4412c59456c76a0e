"""Joining: complete events from what was reported of a request and its log rows."""

from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import format_instant
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.streams.sheets import Stream
from metering.core.usage.buckets import Buckets
from metering.core.usage.event import LLM_USAGE
from metering.core.usage.families import Family, family_of
from metering.core.usage.provider_usage import ProviderUsage, disjoint_buckets
from metering.core.usage.usage import CACHE_HIT

ANONYMOUS: Final = "anonymous"
"""Subject of recovered usage whose record names no subscription (only without any policy)."""


def complete(stream: Stream, row: LlmRow) -> bytes:
    """Return the event of a stream with the counts from the log.

    If they disagree, the report takes precedence for subject, time and model. The log gives the
    counts, and the model only if the report has none.
    RejectedEvent `usage_inconsistent` for impossible counts.
    """
    event = stream.to_event()
    data: dict[str, Any] = event["data"]
    data["model"] = data.get("model") or row.model
    data["deployment"] = data.get("deployment") or row.deployment
    names = (data.get("provider"), data["model"], data.get("requested_model"), row.model)
    family = family_of(
        data["model"], data.get("provider"), data.get("requested_model"), data["deployment"]
    )
    usage, _ = _usage(row, names, family)
    counted = {"tokens": "final", "evidence": "totals", "usage": usage}
    event["data"] = data | counted
    return to_json(event)


def _recovered_usage(row: LlmRow) -> tuple[dict[str, object], Buckets]:
    family = family_of(row.model, None, None, row.deployment)
    return _usage(row, (row.model, row.deployment), family)


def recovered(gateway: GatewayRow, row: LlmRow) -> bytes:
    """Return the event of a request that no policy reported, from the gateway's logs alone.

    The region in the log is the gateway's, not the model's, so it is left out: the deployments
    registry has the model's.
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
            **({"cache": CACHE_HIT} if gateway.is_from_cache else {}),
            "usage": _recovered_usage(row)[0],
        },
    }
    return to_json(event)


class Counted(NamedTuple):
    """The token counts of a request in a log."""

    tokens: int
    has_cache_writes: bool
    """Whether they include tokens written to a cache."""


def counted(row: LlmRow) -> Counted:
    """Return how many tokens a row says that a request had; RejectedEvent as in `complete`."""
    _, buckets = _recovered_usage(row)
    by_anthropic = any(map(_is_anthropic, (row.model, row.deployment)))
    return Counted(sum(buckets), not by_anthropic)


def _usage(
    row: LlmRow, names: tuple[str | None, ...], family: Family | None
) -> tuple[dict[str, object], Buckets]:
    """Return the counts in their provider's shape, and the buckets that they are read into.

    A log row has no detail of reasoning. Where the models of a family reason beside the
    completion, the total says how much.
    """
    shape = _anthropic if any(map(_is_anthropic, names)) else _openai
    usage = shape(row)
    return usage, disjoint_buckets(ProviderUsage.model_validate(usage), family)


def _is_anthropic(name: str | None) -> bool:
    """Return whether a model is Anthropic's: claude…, also after a prefix such as `anthropic/`."""
    lowered = (name or "").lower()
    return "claude" in lowered or "anthropic" in lowered


def _anthropic(row: LlmRow) -> dict[str, object]:
    """`promptTokens` excludes cached tokens; cache reads are separate, writes are not logged."""
    if row.prompt_tokens is None and row.completion_tokens is None:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "totalTokens alone has neither input nor output"
        )
    return {
        "input_tokens": row.prompt_tokens or 0,
        "output_tokens": row.completion_tokens or 0,
        "cache_read_input_tokens": row.cached_tokens or 0,
    }


def _openai(row: LlmRow) -> dict[str, object]:
    """`promptTokens` includes cached tokens. Two of prompt, completion and total suffice."""
    prompt, completion, total = row.prompt_tokens, row.completion_tokens, row.total_tokens
    if prompt is None and (completion is None or total is None):
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "promptTokens: is missing")
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
