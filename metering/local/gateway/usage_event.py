"""The usage event of a request, as the gateway's policy builds it."""

import json
from typing import Final, Literal

from metering.core.basics.instants import format_instant
from metering.core.usage.event import LLM_USAGE, MAX_NAME_LENGTH
from metering.core.usage.usage import CACHE_HIT
from metering.local.gateway.call import BACKEND, REGION, SERVICE, Call
from metering.local.gateway.refusals import Json

type Tokens = Literal["final", "pending", "absent"]

_OK: Final = 200
#: The fields in which answers have their usage; Cohere's `meta` is one of embed and rerank.
_USAGE: Final = ("usage", "usageMetadata", "usage_info", "meta")
#: What Azure calls the usual tier.
_TIERS: Final = {"default": "standard"}


def usage_event(call: Call, tokens: Tokens, answer: Json | None = None) -> bytes:
    """Return the body of the event of a call whose caller is known.

    `answer` is what the client gets, if the policy can read it: not a stream. What is not known is
    left out; of a deployment's type a gateway knows nothing.
    """
    assert call.caller is not None
    answer = answer or {}
    # What a stored response says was used by the request that it was stored of.
    usage = None if call.from_cache else _usage(answer)
    labels = {
        "api": call.surface.api,
        "operation": call.operation,
        "deployment": call.downgraded_to or call.requested_model,
        "model": answer.get("model") or answer.get("modelVersion") or _asked_by_name(call),
        "requested_model": call.requested_model,
        "provider": call.surface.provider,
        "backend": None if call.from_cache else BACKEND,
        "region": REGION if call.reached_model else None,
        "service_tier": None if call.from_cache else _tier(answer),
        "admission": call.admission,
        **call.attributes,
        "usage": usage,
        "hold": None if call.from_cache else call.hold or None,
        "cache": CACHE_HIT if call.from_cache else None,
    }
    event = {
        "specversion": "1.0",
        "type": LLM_USAGE,
        "source": f"/apim/{SERVICE}",
        "id": call.request_id,
        "time": format_instant(call.time),
        "subject": call.caller.subject,
        "datacontenttype": "application/json",
        "data": {
            **{name: _cut(value) for name, value in labels.items() if value},
            "spillover": False,
            "status": call.status,
            "streamed": call.streamed,
            "duration_ms": call.total_ms,
            "tokens": tokens,
        },
    }
    return json.dumps(event).encode()


def _usage(answer: Json) -> Json | None:
    """Return the usage of an answer. One with images and no usage object has their number."""
    usage, images = next(filter(None, map(answer.get, _USAGE)), None), answer.get("data")
    if usage is None and isinstance(images, list) and "created" in answer:
        return {"images": len(images)}
    return usage


def _asked_by_name(call: Call) -> str | None:
    """Return the model where the answer names none: these providers are asked for it by name."""
    of_provider = call.surface.provider not in {None, "anthropic"}
    if of_provider and call.reached_model and call.status == _OK:
        return call.downgraded_to or call.requested_model
    return call.billed_as


def _cut(value: object) -> object:
    """Return a name as long as an event may have it, as the policy cuts it."""
    return value[:MAX_NAME_LENGTH] if isinstance(value, str) else value


def _tier(answer: Json) -> str | None:
    tier = answer.get("service_tier") or (answer.get("usage") or {}).get("service_tier")
    if "serviceTier" in answer:
        tier = answer["serviceTier"]["type"]
    return None if tier is None else _TIERS.get(tier, tier)
