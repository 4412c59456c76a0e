"""The rows that API Management's diagnostic setting logs: GatewayLogs and GatewayLlmLogs.

Field names are those seen on Event Hubs: camelCase inside `properties`. The LLM log has one row
with the tokens (sequence number 0); a prompt too large for a row is logged in pieces too, all under
number 1, and the answer under 2. Here those pieces hold a placeholder and no text.
"""

from typing import Final

from metering.core.basics.instants import format_instant
from metering.core.usage.usage import CACHE_HIT
from metering.local.gateway.call import BACKEND, PRODUCT, REGION, SERVICE, Call
from metering.local.gateway.models.catalogue import provider_of
from metering.local.gateway.refusals import Json

GATEWAY: Final = "GatewayLogs"
LLM: Final = "GatewayLlmLogs"

#: Longer messages are logged in pieces of this length (API Management, "LLM logs", 2026).
CHUNK_BYTES: Final = 32_768

_RESOURCE: Final = (
    "/SUBSCRIPTIONS/00000000-0000-0000-0000-000000000000/RESOURCEGROUPS/LOCAL"
    f"/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/{SERVICE.upper()}"
)


def gateway_record(call: Call) -> Json:
    """Return the row of GatewayLogs. Every request has one, whatever its outcome."""
    succeeded = call.status in range(200, 400)
    caller = call.caller
    properties = {
        "method": call.method,
        "url": call.url,
        "clientProtocol": "HTTP/1.1",
        "responseCode": call.status,
        "requestSize": call.request_length,
        "responseSize": call.response_length,
        "cache": CACHE_HIT if call.from_cache else "none",
        "clientTime": max(0, call.total_ms - call.backend_ms),
        "apiId": call.surface.api,
        "operationId": call.operation,
    }
    if caller is not None and caller.subscription:
        properties |= {"apimSubscriptionId": caller.subscription, "productId": PRODUCT}
    if call.reached_model:
        properties |= {
            "backendId": BACKEND,
            "backendMethod": call.method,
            "backendProtocol": "HTTP/1.1",
            "backendResponseCode": call.status,
            "backendTime": call.backend_ms,
        }
    if not succeeded or call.aborted:
        properties["lastError"] = _last_error(call)
    return {
        **_root(call, GATEWAY),
        "location": REGION,
        "durationMs": call.total_ms,
        "callerIpAddress": "127.0.0.1",
        "correlationId": call.request_id,
        "isRequestSuccess": succeeded,
        "httpStatusCodeCategory": f"{call.status // 100}XX",
        "properties": properties,
    }


def llm_records(call: Call) -> list[Json]:
    """Return the rows of GatewayLlmLogs: the one with the tokens, and pieces of a large prompt.

    A request that reached no model has a row that says nothing; such rows are common. Whether a
    stored response has a row with its tokens is not known: here it has one. Other models than those
    of chat and embeddings have none.
    """
    if not call.surface.is_logged:
        return []
    is_told = call.reached_model or call.from_cache
    first = _row(call, 0, **(_tokens(call) if is_told else _NO_MODEL))
    if not call.reached_model or call.request_length <= CHUNK_BYTES:
        return [first]
    pieces = -(-call.request_length // CHUNK_BYTES)
    return [
        first,
        *(_row(call, 1, requestMessages=f"[{n} of {pieces}]") for n in range(1, pieces + 1)),
        _row(call, 2, responseMessages="[1 of 1]"),
    ]


_NO_MODEL: Final[Json] = {
    "requestId": "",
    "modelName": "",
    "promptTokens": 0,
    "completionTokens": 0,
    "totalTokens": 0,
}


def _tokens(call: Call) -> Json:
    assert call.model is not None
    counts = call.counts
    prompt = completion = 0
    row: Json = {}
    if counts is not None:
        prompt, completion = counts.prompt, counts.completion
        if provider_of(call.model) == "anthropic":
            # Of Anthropic's models the log counts the uncached prompt alone, and names cache reads.
            prompt, row = counts.uncached, {"promptCachedTokens": counts.cached}
    return row | {
        "requestId": call.model_request_id,
        "modelName": call.model.served,
        "deploymentName": call.model.name,
        "promptTokens": prompt,
        "completionTokens": completion,
        "totalTokens": prompt + completion,
        "isStreamCompletion": call.streamed,
    }


def _row(call: Call, number: int, **properties: object) -> Json:
    common = {
        "correlationId": call.request_id,
        "sequenceNumber": number,
        "operationName": call.operation,
        "apiVersion": call.api_version,
        "region": REGION,
    }
    return {**_root(call, LLM), "properties": common | properties}


def _root(call: Call, category: str) -> Json:
    return {
        "time": format_instant(call.time),
        "category": category,
        "operationName": f"Microsoft.ApiManagement/{category}",
        "resourceId": _RESOURCE,
    }


def _last_error(call: Call) -> Json:
    if call.aborted:
        source, reason = "forward-request", "ClientConnectionFailure"
    elif call.caller is None:
        source, reason = "authorization", "SubscriptionKeyInvalid"
    else:
        source, reason = "forward-request", "BackendError"
    return {"elapsed": call.total_ms, "source": source, "section": "backend", "reason": reason}
