"""Gemini: generateContent, whole and streamed, and embedContent."""

from collections.abc import Iterator
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import NOTHING, Answer
from metering.local.gateway.models.counting import Counts, inputs_of, prompt_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.provider_refusals import google_refusal
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    object_in,
    stops_in,
    texts_in,
)
from metering.local.gateway.surfaces.chat_models import ask
from metering.local.gateway.surfaces.embeddings import vector_of
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface, sse

_MAX_STOPS: Final = 5
_LENGTH: Final = 768
_REASONS: Final = {"length": "MAX_TOKENS"}


def _read(body: Json, _model: Model) -> ModelRequest:
    contents = messages_in(body, "contents")
    texts = texts_in(object_in(body, "systemInstruction").get("parts"), "systemInstruction")
    for number, content in enumerate(contents):
        texts += texts_in(content.get("parts"), f"contents[{number}].parts")
    config = object_in(body, "generationConfig")
    return ModelRequest(
        prompt_of(texts, len(contents), seed=config.get("seed")),
        limit_in(config, ("maxOutputTokens",)),
        stops=stops_in(config, "stopSequences", _MAX_STOPS),
        asked=texts[-1] if texts else "",
    )


def usage_of(counts: Counts) -> Json:
    """Return the counts: cached tokens inside the prompt, thoughts beside the candidates."""
    usage: Json = {
        "promptTokenCount": counts.prompt,
        "candidatesTokenCount": counts.output,
        "totalTokenCount": counts.prompt + counts.completion,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": counts.prompt}],
        "trafficType": "ON_DEMAND",
    }
    if counts.cached:
        usage["cachedContentTokenCount"] = counts.cached
    if counts.reasoning:
        usage["thoughtsTokenCount"] = counts.reasoning
    return usage


def _answer(exchange: Exchange) -> Json:
    (choice,) = exchange.answer.choices
    return _chunk(exchange, choice.text, usage_of(exchange.counts), ends=True)


def _chunk(exchange: Exchange, text: str, usage: Json, *, ends: bool) -> Json:
    (choice,) = exchange.answer.choices
    content = {"role": "model", "parts": [{"text": text}] if text else []}
    candidate: Json = {"content": content, "index": 0}
    if ends:
        candidate["finishReason"] = _REASONS.get(choice.ending, "STOP")
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": exchange.model.served,
        "responseId": exchange.id,
    }


def _stream(exchange: Exchange) -> Iterator[Piece]:
    """Yield chunks, each with the counts so far; the last one has them all."""
    begun = usage_of(Counts(exchange.counts.prompt, cached=exchange.counts.cached))
    tokens = [token for block in exchange.answer.choices[0].blocks for token in block.tokens]
    for sent, token in enumerate(tokens, 1):
        yield Piece(sse(_chunk(exchange, token, begun, ends=False)), sent)
    last = _chunk(exchange, "", usage_of(exchange.counts), ends=True)
    yield Piece(sse(last), len(tokens))


GEMINI: Final = Surface(
    name="gemini",
    api="gemini",
    operation="GenerateContent",
    read=_read,
    measure=ask,
    answer=_answer,
    stream=_stream,
    usage=usage_of,
    refuse=google_refusal,
    provider="google",
    downgradable=False,
    is_logged=False,
)
GEMINI_STREAM: Final = GEMINI._replace(operation="StreamGenerateContent", is_stream=True)


def _embedded(body: Json) -> list[str]:
    """Return the texts to embed: of one content, or of several requests."""
    given = body.get("requests")
    requests = given if isinstance(given, list) else [body]
    if not all(isinstance(one, dict) for one in requests):
        raise FieldInvalid("requests", "requests must be a list of objects.")
    return [
        "".join(texts_in(object_in(one, "content").get("parts"), "content")) for one in requests
    ]


def _read_inputs(body: Json, _model: Model) -> ModelRequest:
    return ModelRequest(inputs_of(_embedded(body)))


def _measure_inputs(request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return NOTHING, Counts(request.prompt.tokens)


def _embedding_usage(counts: Counts) -> Json:
    details = [{"modality": "TEXT", "tokenCount": counts.prompt}]
    return {"promptTokenCount": counts.prompt, "promptTokenDetails": details}


def _vectors(exchange: Exchange) -> Json:
    vectors = [{"values": vector_of(text, _LENGTH)} for text in _embedded(exchange.body)]
    found: Json = (
        {"embeddings": vectors} if "requests" in exchange.body else {"embedding": vectors[0]}
    )
    return found | {"usageMetadata": _embedding_usage(exchange.counts)}


GEMINI_EMBEDDINGS: Final = Surface(
    name="gemini-embeddings",
    api="gemini",
    operation="EmbedContent",
    read=_read_inputs,
    measure=_measure_inputs,
    answer=_vectors,
    stream=None,
    usage=_embedding_usage,
    refuse=google_refusal,
    provider="google",
    downgradable=False,
    is_logged=False,
)
