"""Cohere: chat, whole and streamed, embed and rerank, each with what is billed."""

from collections.abc import Iterator
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import NOTHING, Answer
from metering.local.gateway.models.counting import Counts, inputs_of, prompt_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.provider_refusals import message_refusal
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    stops_in,
    texts_in,
)
from metering.local.gateway.surfaces.chat_models import asked
from metering.local.gateway.surfaces.embeddings import vector_of
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface, sse

_MAX_STOPS: Final = 5
_LENGTH: Final = 1_536
_MOST: Final = 1_000
#: Tokens that Cohere adds to a prompt itself, and does not bill.
_ADDED: Final = 71
_VERSION: Final = {"version": "2"}


def _read(body: Json, _model: Model) -> ModelRequest:
    messages = messages_in(body, "messages")
    texts = [text for one in messages for text in texts_in(one.get("content"), "messages")]
    return ModelRequest(
        prompt_of(texts, len(messages), seed=body.get("seed")),
        limit_in(body, ("max_tokens",)),
        stops=stops_in(body, "stop_sequences", _MAX_STOPS),
        asked=texts[-1] if texts else "",
    )


def _measure(request: ModelRequest, model: Model) -> tuple[Answer, Counts]:
    return asked(request, Counts(request.prompt.tokens), reasons=model.reasons)


def usage_of(counts: Counts) -> Json:
    """Return what is billed, and what Cohere counts with its own additions."""
    billed = {"input_tokens": counts.prompt, "output_tokens": counts.completion}
    added = {"input_tokens": counts.prompt + _ADDED, "output_tokens": counts.completion}
    return {"billed_units": billed, "tokens": added}


def _ending(exchange: Exchange) -> str:
    (choice,) = exchange.answer.choices
    named = {"length": "MAX_TOKENS", "stop_sequence": "STOP_SEQUENCE"}
    return named.get(choice.ending, "COMPLETE")


def _answer(exchange: Exchange) -> Json:
    content = [{"type": "text", "text": exchange.answer.choices[0].text}]
    return {
        "id": exchange.id,
        "finish_reason": _ending(exchange),
        "message": {"role": "assistant", "content": content},
        "usage": usage_of(exchange.counts),
    }


def _stream(exchange: Exchange) -> Iterator[Piece]:
    def event(kind: str, sent: int, **more: object) -> Piece:
        return Piece(sse({"type": kind, **more}, kind), sent)

    tokens = [token for block in exchange.answer.choices[0].blocks for token in block.tokens]
    begun = {"message": {"role": "assistant", "content": []}}
    yield event("message-start", 0, id=exchange.id, delta=begun)
    text = {"message": {"content": {"type": "text", "text": ""}}}
    yield event("content-start", 0, index=0, delta=text)
    for sent, token in enumerate(tokens, 1):
        delta = {"message": {"content": {"text": token}}}
        yield event("content-delta", sent, index=0, delta=delta)
    yield event("content-end", len(tokens), index=0)
    ended = {"finish_reason": _ending(exchange), "usage": usage_of(exchange.counts)}
    yield event("message-end", len(tokens), delta=ended)


COHERE: Final = Surface(
    name="cohere",
    api="cohere",
    operation="Chat",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=usage_of,
    refuse=message_refusal,
    provider="cohere",
    is_logged=False,
)


def _list_in(body: Json, name: str) -> list[str]:
    given = body.get(name)
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST:
        raise FieldInvalid(name, f"{name} must be a list of at most {_MOST} texts.")
    return [text for one in given for text in texts_in(one, name)]


def _read_texts(body: Json, _model: Model) -> ModelRequest:
    return ModelRequest(inputs_of(_list_in(body, "texts")))


def _measure_texts(request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return NOTHING, Counts(request.prompt.tokens)


def _embed_usage(counts: Counts) -> Json:
    return {"api_version": _VERSION, "billed_units": {"input_tokens": counts.prompt}}


def _vectors(exchange: Exchange) -> Json:
    texts = _list_in(exchange.body, "texts")
    return {
        "id": exchange.id,
        "embeddings": {"float": [vector_of(text, _LENGTH) for text in texts]},
        "texts": texts,
        "meta": _embed_usage(exchange.counts),
        "response_type": "embeddings_by_type",
    }


COHERE_EMBED: Final = COHERE._replace(
    name="cohere-embed",
    operation="Embed",
    read=_read_texts,
    measure=_measure_texts,
    answer=_vectors,
    stream=None,
    usage=_embed_usage,
    downgradable=False,
)


def _read_documents(body: Json, _model: Model) -> ModelRequest:
    return ModelRequest(inputs_of([*_list_in(body, "documents"), str(body.get("query"))]))


def _measure_search(_request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return NOTHING, Counts(0, quantity=1)


def _rerank_usage(counts: Counts) -> Json:
    return {"api_version": _VERSION, "billed_units": {"search_units": counts.quantity}}


def _ranked(exchange: Exchange) -> Json:
    documents = _list_in(exchange.body, "documents")
    rows = [{"index": n, "relevance_score": 1 / (n + 2)} for n in range(len(documents))]
    return {"id": exchange.id, "results": rows, "meta": _rerank_usage(exchange.counts)}


COHERE_RERANK: Final = COHERE_EMBED._replace(
    name="cohere-rerank",
    operation="Rerank",
    read=_read_documents,
    measure=_measure_search,
    answer=_ranked,
    usage=_rerank_usage,
)
