"""Mistral's own API: OpenAI's chat with the usage in every stream, and pages of documents."""

from collections.abc import Iterator
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import NOTHING, Answer
from metering.local.gateway.models.counting import Counts, inputs_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.provider_refusals import message_refusal
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid, object_in
from metering.local.gateway.surfaces.chat import CHAT
from metering.local.gateway.surfaces.chat_stream import stream
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface

_MAX_PAGES: Final = 1_000


def _stream(exchange: Exchange) -> Iterator[Piece]:
    asked = exchange.body | {"stream_options": {"include_usage": True}}
    yield from stream(exchange._replace(body=asked))


MISTRAL: Final = CHAT._replace(
    name="mistral",
    api="mistral",
    stream=_stream,
    refuse=message_refusal,
    provider="mistral",
    takes_tier=False,
)


def _read(body: Json, _model: Model) -> ModelRequest:
    object_in(body, "document")
    pages = body.get("pages") or [0]
    if not isinstance(pages, list) or len(pages) > _MAX_PAGES:
        raise FieldInvalid("pages", f"pages must be a list of at most {_MAX_PAGES} numbers.")
    return ModelRequest(inputs_of([""] * len(pages)), seconds=len(pages))


def _measure(request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return NOTHING, Counts(0, quantity=request.seconds)


def _usage(counts: Counts) -> Json:
    return {"pages_processed": int(counts.quantity), "doc_size_bytes": 1_024}


def _answer(exchange: Exchange) -> Json:
    size = {"dpi": 72, "height": 800, "width": 600}
    numbers = range(int(exchange.counts.quantity))
    pages = [{"index": n, "markdown": "", "images": [], "dimensions": size} for n in numbers]
    usage = _usage(exchange.counts)
    return {"pages": pages, "model": exchange.model.served, "usage_info": usage}


MISTRAL_OCR: Final = Surface(
    name="mistral-ocr",
    api="mistral",
    operation="Ocr",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=None,
    usage=_usage,
    refuse=message_refusal,
    provider="mistral",
    downgradable=False,
    is_logged=False,
)
