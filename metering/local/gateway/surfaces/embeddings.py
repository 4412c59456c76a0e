"""OpenAI's embeddings, as Azure serves them. Vectors are derived from a hash of the text."""

import base64
import hashlib
import struct
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import NOTHING, Answer
from metering.local.gateway.models.counting import NO_TEXT, Counts, inputs_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import FieldInvalid, limit_in
from metering.local.gateway.surfaces.surface import Exchange, Surface

_LENGTHS: Final = {"text-embedding-3-large": 3_072}
_LENGTH: Final = 1_536
_MAX_INPUTS: Final = 2_048
#: Four characters are a token, so that inputs given as tokens count by their number.
_TOKEN: Final = NO_TEXT[:4]


def _texts(body: Json) -> list[str]:
    given = body.get("input")
    inputs = [given] if isinstance(given, str) else given
    if not isinstance(inputs, list) or not 1 <= len(inputs) <= _MAX_INPUTS:
        raise FieldInvalid("input", f"input must be a text or a list of at most {_MAX_INPUTS}.")
    if all(isinstance(one, int) for one in inputs):
        return [_TOKEN * len(inputs)]
    return [_text(one) for one in inputs]


def _text(given: object) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, list) and all(isinstance(one, int) for one in given):
        return _TOKEN * len(given)
    raise FieldInvalid("input", "An input must be a text or a list of tokens.")


def _read(body: Json, _model: Model) -> ModelRequest:
    if body.get("encoding_format") not in {None, "float", "base64"}:
        raise FieldInvalid("encoding_format", "encoding_format must be float or base64.")
    limit_in(body, ("dimensions",))
    return ModelRequest(inputs_of(_texts(body)))


def _measure(request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return NOTHING, Counts(request.prompt.tokens)


def _usage(counts: Counts) -> Json:
    return {"prompt_tokens": counts.prompt, "total_tokens": counts.prompt}


def _answer(exchange: Exchange) -> Json:
    body, most = exchange.body, _LENGTHS.get(exchange.model.name, _LENGTH)
    length = min(body.get("dimensions") or most, most)
    coded = body.get("encoding_format") == "base64"
    rows = []
    for index, text in enumerate(_texts(body)):
        vector = vector_of(text, length)
        embedding = base64.b64encode(struct.pack(f"<{length}f", *vector)).decode()
        rows.append(
            {"object": "embedding", "index": index, "embedding": embedding if coded else vector}
        )
    model = exchange.model.served
    return {"object": "list", "data": rows, "model": model, "usage": _usage(exchange.counts)}


def vector_of(text: str, length: int) -> list[float]:
    """Return the vector of a text: the same text has the same one."""
    raw = hashlib.shake_256(text.encode(errors="replace")).digest(length)
    centred = [byte - 127.5 for byte in raw]
    size = sum(value * value for value in centred) ** 0.5
    return [value / size for value in centred]


EMBEDDINGS = Surface(
    name="embeddings",
    api="azure-openai",
    operation="Embeddings_Create",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=None,
    usage=_usage,
    refuse=openai_refusal,
    id_prefix="emb-",
    downgradable=False,
)
