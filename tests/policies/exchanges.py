"""Requests and answers as they pass the gateway, every part replaceable."""

import base64
import json
from typing import Any

from tests.policies.gateway import Gateway

type Json = dict[str, Any]

REQUEST_ID = "6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11"

CHAT = {
    "model": "ignored-here",
    "messages": [{"role": "user", "content": "Tell me a secret"}],
    "max_tokens": 400,
}
CHAT_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 512, "audio_tokens": None},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-2024-11-20",
    "choices": [{"message": {"role": "assistant", "content": "It is a secret"}}],
    "usage": CHAT_USAGE,
}
STREAM = 'data: {"choices":[{"delta":{"content":"It"}}],"usage":null}\n\ndata: [DONE]\n\n'

_PATHS = {
    "chat-completions": "/deployments/gpt-4o/chat/completions",
    "embeddings": "/deployments/text-embedding-3-small/embeddings",
    "responses": "/v1/responses",
    "openai-v1": "/v1/chat/completions",
    "anthropic-messages": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:generateContent",
    "bedrock": "/model/us.amazon.nova-lite-v1%3A0/converse",
    "cohere": "/v2/chat",
    "mistral": "/v1/chat/completions",
}


def text_of(value: object) -> str | None:
    """Return a body: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def answer(body: object = CHAT_ANSWER, status: int = 200, **headers: str) -> Json:
    """Return what a backend or the admission service answers; `x_y` is the header x-y."""
    given = {"Content-Type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": given, "body": text_of(body)}


def stream(text: str = STREAM, status: int = 200, **headers: str) -> Json:
    """Return an answer of server-sent events."""
    return answer(text, status, Content_Type="text/event-stream; charset=utf-8", **headers)


def request(policy: str = "chat-completions", **changes: Any) -> Json:
    """Return one request under a policy: a chat of sub-1 that is answered well.

    `path=` changes where it goes, `headers=` adds to those that clients always send.
    """
    path = changes.pop("path", _PATHS[policy])
    deployment = path.split("/")[2] if path.startswith("/deployments/") else None
    template = path.replace(str(deployment), "{deployment-id}") if deployment else path
    headers = {
        "Content-Type": "application/json",
        "Accept-Encoding": "gzip, deflate, br",
        "api-key": "sk-0123456789",
    }
    made: Json = {
        "policy": policy,
        "values": "plain",
        "overall": "plain",
        "method": "POST",
        "url": f"https://contoso.azure-api.net/openai{path}?api-version=2024-10-21",
        "backend_url": f"https://somewhere.example/openai{path}?api-version=2024-10-21",
        "backend_path": "/openai",
        "matched": {"deployment-id": deployment} if deployment else {},
        "body": CHAT,
        "api": {"id": "azure-openai", "path": "openai"},
        "operation": {"id": "create", "url_template": template},
        "product": {"id": "ai-platform"},
        "subscription": {"id": "sub-1", "key": "sk-0123456789"},
        "service": {"service_name": "contoso", "region": "West Europe"},
        "id": REQUEST_ID,
        "time": "2026-11-20T11:45:00.1234567Z",
        "backend": answer(),
        "cache": {},
    }
    made |= changes
    made["headers"] = headers | changes.get("headers", {})
    made["body"] = text_of(made["body"])
    return made


def run(gateway: Gateway, policy: str = "chat-completions", **changes: Any) -> Json:
    """Run one request; what is sent to the hub is in `events`, read, and in `bodies`, as sent."""
    done = gateway.run(request(policy, **changes))
    done["bodies"] = [sent["body"].encode() for sent in done["events"]]
    done["events"] = [sent | {"event": json.loads(sent["body"])} for sent in done["events"]]
    if changes.get("overall") != "wrong-variable":
        assert not any("incomplete" in sent["event"]["data"] for sent in done["events"])
    return done


def event(gateway: Gateway, policy: str = "chat-completions", **changes: Any) -> Json:
    """Run one request and return the one event that it makes."""
    (sent,) = run(gateway, policy, **changes)["events"]
    made: Json = sent["event"]
    return made


def data(gateway: Gateway, policy: str = "chat-completions", **changes: Any) -> Json:
    """Run one request and return the data of the one event that it makes."""
    made: Json = event(gateway, policy, **changes)["data"]
    return made


def token(**claims: str) -> str:
    """Return a JWT whose signature nobody could check."""
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{middle}.c2ln"
