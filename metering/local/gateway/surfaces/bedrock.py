"""Bedrock: Converse and InvokeModel, whole and in frames."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import Answer
from metering.local.gateway.models.counting import (
    Counts,
    Mark,
    counts_beside_cache,
    mark_after,
    prompt_of,
)
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.provider_refusals import aws_refusal
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    name_in,
    object_in,
    objects_in,
    stops_in,
    texts_in,
)
from metering.local.gateway.surfaces.chat_models import asked
from metering.local.gateway.surfaces.event_frames import MEDIA_TYPE, event_frame
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface

_MAX_STOPS: Final = 4
_REASONS: Final = {"length": "max_tokens", "stop_sequence": "stop_sequence"}


def _read(body: Json, _model: Model) -> ModelRequest:
    messages = messages_in(body, "messages")
    texts: list[str] = []
    mark: Mark | None = None
    for content in (body.get("system"), *(one.get("content") for one in messages)):
        if isinstance(content, str):
            raise FieldInvalid("content", "content must be a list of blocks.")
        for text, part in zip(texts_in(content, "content"), content or [], strict=True):
            if "cachePoint" in part:
                point = object_in(part, "cachePoint")
                mark = mark_after(texts, kept_long=point.get("ttl") == "1h")
            else:
                texts.append(text)
    config = object_in(body, "inferenceConfig")
    return ModelRequest(
        prompt_of(texts, len(messages))._replace(mark=mark),
        limit_in(config, ("maxTokens",)),
        stops=stops_in(config, "stopSequences", _MAX_STOPS),
        asked=texts[-1] if texts else "",
    )


def _measure(request: ModelRequest, model: Model) -> tuple[Answer, Counts]:
    return asked(request, counts_beside_cache(request.prompt), reasons=model.reasons)


def usage_of(counts: Counts) -> Json:
    """Return the counts of Converse: caches beside the input."""
    written = counts.written + counts.written_long
    usage: Json = {
        "inputTokens": counts.uncached,
        "outputTokens": counts.completion,
        "totalTokens": counts.prompt + counts.completion,
        "cacheReadInputTokens": counts.cached,
        "cacheWriteInputTokens": written,
        "serverToolUsage": {},
    }
    if written:
        lifetime = "1h" if counts.written_long else "5m"
        usage["cacheDetails"] = [{"ttl": lifetime, "inputTokens": written}]
    return usage


def _reason(exchange: Exchange) -> str:
    return _REASONS.get(exchange.answer.choices[0].ending, "end_turn")


def _answer(exchange: Exchange) -> Json:
    text = exchange.answer.choices[0].text
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": _reason(exchange),
        "usage": usage_of(exchange.counts),
        "metrics": {"latencyMs": 1},
        "serviceTier": {"type": "default"},
    }


def _tokens(exchange: Exchange) -> list[str]:
    return [token for block in exchange.answer.choices[0].blocks for token in block.tokens]


def _stream(exchange: Exchange) -> Iterator[Piece]:
    tokens = _tokens(exchange)
    yield Piece(event_frame("messageStart", {"role": "assistant"}), 0)
    for sent, token in enumerate(tokens, 1):
        delta = {"contentBlockIndex": 0, "delta": {"text": token}}
        yield Piece(event_frame("contentBlockDelta", delta), sent)
    yield Piece(event_frame("contentBlockStop", {"contentBlockIndex": 0}), len(tokens))
    yield Piece(event_frame("messageStop", {"stopReason": _reason(exchange)}), len(tokens))
    ended = {"usage": usage_of(exchange.counts), "metrics": {"latencyMs": 1}}
    yield Piece(event_frame("metadata", ended), len(tokens))


CONVERSE: Final = Surface(
    name="bedrock",
    api="bedrock",
    operation="Converse",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=usage_of,
    refuse=aws_refusal,
    id_header="x-amzn-requestid",
    provider="aws",
    media_type=MEDIA_TYPE,
    downgradable=False,
    is_logged=False,
)
CONVERSE_STREAM: Final = CONVERSE._replace(operation="ConverseStream", is_stream=True)


def _read_prompt(body: Json, _model: Model) -> ModelRequest:
    objects_in(body, "messages")
    text = name_in(body, "prompt", "body")
    return ModelRequest(prompt_of([text], 1), limit_in(body, ("max_tokens",)), asked=text)


def _invoked(exchange: Exchange) -> Json:
    """Return the body of a model of Mistral's on Bedrock, which counts nothing."""
    choice = exchange.answer.choices[0]
    ending = "length" if choice.ending == "length" else "stop"
    return {"outputs": [{"text": choice.text, "stop_reason": ending}]}


def _counted(counts: Counts) -> Mapping[str, str]:
    """Return the headers with the counts."""
    return {
        "x-amzn-bedrock-input-token-count": str(counts.uncached),
        "x-amzn-bedrock-output-token-count": str(counts.completion),
    }


def _invoked_stream(exchange: Exchange) -> Iterator[Piece]:
    tokens = _tokens(exchange)
    for sent, token in enumerate(tokens, 1):
        yield Piece(_part({"outputs": [{"text": token}]}), sent)
    counts = exchange.counts
    metrics = {"inputTokenCount": counts.uncached, "outputTokenCount": counts.completion}
    yield Piece(_part({"outputs": [], "amazon-bedrock-invocationMetrics": metrics}), len(tokens))


def _part(content: Json) -> bytes:
    return event_frame("chunk", {"bytes": base64.b64encode(json.dumps(content).encode()).decode()})


INVOKE: Final = CONVERSE._replace(
    operation="InvokeModel",
    read=_read_prompt,
    answer=_invoked,
    stream=_invoked_stream,
    usage=lambda counts: dict(_counted(counts)),
    counting_headers=_counted,
)
INVOKE_STREAM: Final = INVOKE._replace(operation="InvokeModelWithResponseStream", is_stream=True)
