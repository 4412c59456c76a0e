"""The usage event of a request, as the gateway's policy sends it."""

import json
from typing import Literal

from metering.core.event import LLM_USAGE
from metering.core.instants import format_instant
from metering.local.gateway.call import BACKEND, PRODUCT, REGION, SERVICE, Call
from metering.local.gateway.catalogue import provider_of
from metering.local.gateway.refusals import Json


def usage_event(
    call: Call, tokens: Literal["final", "pending", "absent"], usage: Json | None = None
) -> bytes:
    """Return the body of the event of a call whose caller is known.

    A policy sees no more than this: of a stream it sees the request and the status alone.
    """
    assert call.caller is not None
    event = {
        "specversion": "1.0",
        "type": LLM_USAGE,
        "source": f"/apim/{SERVICE}",
        "id": call.request_id,
        "time": format_instant(call.time),
        "subject": call.caller.subject,
        "data": {
            "product": PRODUCT,
            "api": call.shape.api,
            "operation": call.shape.operation,
            "deployment": call.deployment,
            "model": call.model.served if call.model and tokens == "final" else None,
            "requested_model": call.requested_model,
            "provider": None if call.model is None else provider_of(call.model),
            "backend": BACKEND,
            "region": REGION,
            "deployment_type": None if call.model is None else call.model.deployment_type,
            "service_tier": call.tier,
            "spillover": False,
            "status": call.status,
            "streamed": call.streamed,
            "duration_ms": call.total_ms,
            "use_case": call.use_case,
            "end_user": call.end_user,
            "tokens": tokens,
            "hold": _hold(call) if tokens == "pending" else None,
            "usage": usage,
        },
    }
    return json.dumps(event).encode()


def _hold(call: Call) -> Json | None:
    if call.prompt is None:
        return None
    return {
        "prompt_tokens_estimate": call.prompt.tokens,
        "max_output_tokens": call.prompt.max_output_tokens,
    }
