"""Log records as Azure Monitor ships them to a hub, with every part replaceable."""

import json
from typing import Any

from metering.app.hubs.batch import Message, Tally

RESOURCE = "/SUBSCRIPTIONS/0000/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/TEST"

type Record = dict[str, Any]


def llm_record(correlation_id: str | None = "r-1", **properties: Any) -> Record:
    """Return the metadata row of a request: 1,000 prompt and 100 completion tokens of gpt-4o."""
    given = {
        "correlationId": correlation_id,
        "requestId": "chatcmpl-1",
        "modelName": "gpt-4o",
        "deploymentName": "gpt-4o",
        "promptTokens": 1000,
        "completionTokens": 100,
        "totalTokens": 1100,
        "sequenceNumber": 0,
        **properties,
    }
    return _record("GatewayLlmLogs", given)


def gateway_record(correlation_id: str | None = "r-1", **properties: Any) -> Record:
    """Return the record of a request of subscription sub-1 that succeeded."""
    given = {
        "correlationId": correlation_id,
        "method": "POST",
        "url": "https://gateway.example/secret?key=1",
        "responseCode": 200,
        "apiId": "openai",
        "operationId": "chat",
        "productId": "gold",
        "apimSubscriptionId": "sub-1",
        "backendId": "pool-1",
        **properties,
    }
    return _record("GatewayLogs", given) | {
        "callerIpAddress": "192.0.2.7",
        "location": "Sweden Central",
    }


def _record(category: str, properties: Record) -> Record:
    given = {name: value for name, value in properties.items() if value is not ...}
    return {
        "time": "2026-11-20T11:45:00.1234567Z",
        "category": category,
        "resourceId": RESOURCE,
        "properties": given,
    }


def log(*records: object) -> bytes:
    """Return the body of one event that carries these records."""
    return json.dumps({"records": records}).encode()


async def take_in(use_case: Any, *bodies: bytes, **options: int) -> Tally:
    """Give bodies to a use case as one batch."""
    messages = [Message(content, "3", number) for number, content in enumerate(bodies)]
    tally = await use_case.batch(messages, **options)
    assert isinstance(tally, Tally)
    return tally
