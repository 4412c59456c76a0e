"""Traffic: the events of a gateway for the rows of the trace, with duplicates and out of order.

The rule, from a hash of the row number and nothing else: five subscriptions, unevenly busy; seven
models in three usage shapes; half of the prompts of 1,024 tokens and more have their first half
cached (in steps of 128); reasoning models spent a quarter of their output on reasoning. One event
in ten is sent twice, and events change places within blocks of fifty.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import batched
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant, format_instant
from metering.local.demo.trace import TraceRow

type Usage = dict[str, object]

_BLOCK: Final = 50
_CACHED_FROM: Final = 1_024
_CACHED_STEP: Final = 128


class Model(NamedTuple):
    """A deployment of the simulated company."""

    name: str
    served: str
    deployment_type: str
    shape: str
    """chat, responses or anthropic."""
    reasons: bool


MODELS: Final = (
    Model("gpt-4o", "gpt-4o-2024-11-20", "global", "chat", reasons=False),
    Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "global", "chat", reasons=False),
    Model("gpt-4.1", "gpt-4.1-2025-04-14", "data_zone", "chat", reasons=False),
    Model("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", "global", "chat", reasons=False),
    Model("gpt-5-mini", "gpt-5-mini-2025-08-07", "global", "responses", reasons=True),
    Model("o4-mini", "o4-mini-2025-04-16", "global", "responses", reasons=True),
    Model("claude-sonnet", "claude-sonnet-4-5-20250929", "global", "anthropic", reasons=False),
)

#: Share of the rows by subscription, of 100.
SUBSCRIPTIONS: Final = (
    ("contoso-prod", 40),
    ("contoso-test", 5),
    ("fabrikam-chat", 30),
    ("northwind-search", 15),
    ("app:7d1c6a0e-tailspin", 10),
)


class Request(NamedTuple):
    """A row of the trace with the attributes assigned to it."""

    row: TraceRow
    subscription: str
    model: Model
    cached_tokens: int
    reasoning_tokens: int
    user: int
    repeated: bool


def assign(row: TraceRow) -> Request:
    """Return the request for a row."""
    digest = hashlib.sha256(f"row {row.number}".encode()).digest()
    cached = 0
    if row.prompt_tokens >= _CACHED_FROM and digest[2] % 2:
        cached = row.prompt_tokens // 2 // _CACHED_STEP * _CACHED_STEP
    model = MODELS[digest[1] % len(MODELS)]
    return Request(
        row,
        _subscription(digest[0] % 100),
        model,
        cached,
        row.output_tokens // 4 if model.reasons else 0,
        digest[3] % 40,
        repeated=digest[4] % 10 == 0,
    )


def _subscription(share: int) -> str:
    for name, part in SUBSCRIPTIONS:
        if share < part:
            return name
        share -= part
    raise AssertionError(share)


def body(request: Request, time: Instant, prefix: str) -> bytes:
    """Return the event of a request at a time. Ids start with `prefix`."""
    model = request.model
    return event(
        f"{prefix}-{request.row.number:06d}",
        time,
        request.subscription,
        {
            "product": "llm",
            "api": model.shape,
            "deployment": model.name,
            "model": model.served,
            "requested_model": model.name,
            "region": "eastus2",
            "deployment_type": model.deployment_type,
            "service_tier": "standard",
            "status": 200,
            "streamed": False,
            "use_case": "chat" if request.user % 3 else "search",
            "end_user": f"user-{request.user:02d}",
            "tokens": "final",
            "usage": _SHAPES[model.shape](request),
        },
    )


def event(id_: str, time: Instant, subject: str, data: Mapping[str, object]) -> bytes:
    """Return the event of a request to the demo's gateway."""
    envelope = {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "source": "/apim/demo",
        "id": id_,
        "time": format_instant(time),
        "subject": subject,
        "data": data,
    }
    return json.dumps(envelope).encode()


def _chat(request: Request) -> Usage:
    prompt, output = request.row.prompt_tokens, request.row.output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": request.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": request.reasoning_tokens},
    }


def _responses(request: Request) -> Usage:
    prompt, output = request.row.prompt_tokens, request.row.output_tokens
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": request.cached_tokens},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": request.reasoning_tokens},
        "total_tokens": prompt + output,
    }


def _anthropic(request: Request) -> Usage:
    return {
        "input_tokens": request.row.prompt_tokens - request.cached_tokens,
        "cache_read_input_tokens": request.cached_tokens,
        "cache_creation_input_tokens": 0,
        "output_tokens": request.row.output_tokens,
    }


_SHAPES: Final[dict[str, Callable[[Request], Usage]]] = {
    "chat": _chat,
    "responses": _responses,
    "anthropic": _anthropic,
}


def disorder(requests: Sequence[Request]) -> Iterator[Request]:
    """Yield the requests out of order, and some of them twice."""
    sent = [copy for request in requests for copy in [request] * (2 if request.repeated else 1)]
    for block in batched(sent, _BLOCK, strict=False):
        yield from sorted(block, key=_shuffled)


def _shuffled(request: Request) -> bytes:
    return hashlib.sha256(f"place {request.row.number}".encode()).digest()
