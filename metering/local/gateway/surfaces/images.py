"""OpenAI's generation of images. GPT Image counts tokens; DALL-E answers without a usage object.

Output tokens of an image by quality and format: OpenAI's image generation guide (2026-11).
"""

import base64
from collections.abc import Iterator
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import NOTHING, Answer
from metering.local.gateway.models.counting import Counts, inputs_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import FieldInvalid, whole_in
from metering.local.gateway.surfaces.pictures import picture
from metering.local.gateway.surfaces.surface import Exchange, Piece, Surface, sse

_GPT_IMAGE: Final = "gpt-image"
_SQUARE: Final = "1024x1024"
_TOKENS: Final = {
    "low": {"1024x1024": 272, "1024x1536": 408, "1536x1024": 400},
    "medium": {"1024x1024": 1_056, "1024x1536": 1_584, "1536x1024": 1_568},
    "high": {"1024x1024": 4_160, "1024x1536": 6_240, "1536x1024": 6_208},
}
_DALL_E_SIZES: Final = frozenset({"1024x1024", "1024x1792", "1792x1024"})
_MAX_IMAGES: Final = 10
_MAX_PARTIAL: Final = 3
_MAX_PROMPT: Final = {True: 32_000, False: 4_000}


def _is_gpt(model: Model) -> bool:
    return model.served.startswith(_GPT_IMAGE)


def _read(body: Json, model: Model) -> ModelRequest:
    prompt, most = body.get("prompt"), _MAX_PROMPT[_is_gpt(model)]
    if not isinstance(prompt, str) or not 1 <= len(prompt) <= most:
        raise FieldInvalid("prompt", f"prompt must be a text of 1 to {most} characters.")
    count = 1 if body.get("n") is None else whole_in(body, "n", _MAX_IMAGES)
    if _is_gpt(model):
        if "response_format" in body:
            message = "Unknown parameter: 'response_format'."
            raise FieldInvalid("response_format", message, "unknown_parameter")
        _one_of(body, "quality", {*_TOKENS, "auto"})
        _one_of(body, "size", {*_TOKENS["low"], "auto"})
        _one_of(body, "output_format", {"png"})
        if body.get("partial_images"):
            whole_in(body, "partial_images", _MAX_PARTIAL)
    else:
        if count > 1:
            raise FieldInvalid("n", "n must be 1 with this model.", "invalid_value")
        if body.get("stream") is True:
            raise FieldInvalid("stream", "This model does not stream.", "unsupported_parameter")
        _one_of(body, "quality", {"standard", "hd"})
        _one_of(body, "size", set(_DALL_E_SIZES))
        _one_of(body, "response_format", {"url", "b64_json"})
    size, quality = _look(body)
    tokens = _TOKENS[quality][size] if _is_gpt(model) else 0
    return ModelRequest(inputs_of([prompt]), choices=count, image_tokens=tokens)


def _one_of(body: Json, name: str, values: set[str]) -> None:
    given = body.get(name)
    if given is not None and given not in [*values]:
        message = (
            f"Invalid value: {given!r:.40}. Supported values are: {', '.join(sorted(values))}."
        )
        raise FieldInvalid(name, message, "invalid_value")


def _look(body: Json) -> tuple[str, str]:
    """Return size and quality; what the model decides is square and of medium quality."""
    size, quality = body.get("size") or "auto", body.get("quality") or "auto"
    return "1024x1024" if size == "auto" else size, "medium" if quality == "auto" else quality


def _measure(request: ModelRequest, model: Model) -> tuple[Answer, Counts]:
    if not _is_gpt(model):
        return NOTHING, Counts(0, quantity=request.choices)
    return NOTHING, Counts(request.prompt.tokens, output=request.image_tokens * request.choices)


def _usage(counts: Counts) -> Json:
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"text_tokens": counts.prompt, "image_tokens": 0},
        "output_tokens": counts.output,
        "output_tokens_details": {"image_tokens": counts.output, "text_tokens": 0},
        "total_tokens": counts.prompt + counts.output,
    }


def _billed_as(exchange: Exchange) -> str:
    """Return the name of the price: that of DALL-E 3 depends on quality and size."""
    if _is_gpt(exchange.model):
        return exchange.model.served
    size, quality = _look(exchange.body)
    priced = "hd" if quality == "hd" else "std"
    return f"{exchange.model.served}/{priced}-{'low' if size == _SQUARE else 'high'}res"


def _answer(exchange: Exchange) -> Json:
    images = [_image(exchange, number) for number in range(exchange.request.choices)]
    answer: Json = {"created": exchange.created, "data": images}
    if not _is_gpt(exchange.model):
        return answer
    size, quality = _look(exchange.body)
    described = {"size": size, "quality": quality, "output_format": "png", "background": "opaque"}
    return answer | described | {"usage": _usage(exchange.counts)}


def _image(exchange: Exchange, number: int) -> Json:
    size, _ = _look(exchange.body)
    name = f"{exchange.request.prompt.digest.hex()[:16]}{number}"
    if _is_gpt(exchange.model):
        return {"b64_json": _coded(name, size)}
    revised = {"revised_prompt": exchange.body["prompt"]}
    if exchange.body.get("response_format") == "b64_json":
        return {"b64_json": _coded(name, size), **revised}
    return {"url": f"{exchange.url}pictures/{name}/{size}.png", **revised}


def _coded(name: str, size: str) -> str:
    width, height = map(int, size.split("x"))
    return base64.b64encode(picture(name, width, height)).decode()


def _stream(exchange: Exchange) -> Iterator[Piece]:
    size, quality = _look(exchange.body)
    frame = {
        "b64_json": _image(exchange, 0)["b64_json"],
        "background": "opaque",
        "created_at": exchange.created,
        "output_format": "png",
        "quality": quality,
        "size": size,
    }
    for number in range(exchange.body.get("partial_images") or 0):
        name = "image_generation.partial_image"
        yield Piece(sse({"type": name, "partial_image_index": number, **frame}, name), 0)
    counts = exchange.counts
    name = "image_generation.completed"
    yield Piece(sse({"type": name, **frame, "usage": _usage(counts)}, name), counts.output)


IMAGES = Surface(
    name="images",
    api="azure-openai",
    operation="ImageGenerations_Create",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=_usage,
    refuse=openai_refusal,
    billed_as=_billed_as,
    downgradable=False,
    is_logged=False,
)
