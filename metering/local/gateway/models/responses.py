"""OpenAI's Responses, as Azure serves them."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import Counts, Prompt, answer_to, prompt_of
from metering.local.gateway.models.shapes import Exchange, Piece, Shape, delta, sse, text_up_to
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import FieldInvalid, limit_in, messages_in, texts_in


def _read(body: Json) -> Prompt:
    if body.get("background"):
        raise FieldInvalid("background", "This gateway answers while the client waits.")
    texts = texts_in(body.get("instructions"), "instructions")
    messages = len(texts)
    given = body.get("input")
    if isinstance(given, str):
        texts.append(given)
        messages += 1
    else:
        items = messages_in(body, "input")
        messages += len(items)
        for number, item in enumerate(items):
            texts += texts_in(item.get("content"), f"input[{number}].content")
    limit = limit_in(body, ("max_output_tokens",))
    return prompt_of(texts, messages, max_output_tokens=limit)


def _measure(prompt: Prompt, model: Model) -> Counts:
    return answer_to(prompt, reasons=model.reasons)


def _usage(counts: Counts) -> Json:
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached, "cache_write_tokens": 0},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
    }


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _message(exchange: Exchange, status: str, content: list[Json]) -> Json:
    return {
        "id": f"msg_{exchange.id}",
        "type": "message",
        "role": "assistant",
        "status": status,
        "content": content,
    }


def _response(exchange: Exchange, status: str, *, output: list[Json], usage: Json | None) -> Json:
    incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{exchange.id}",
        "object": "response",
        "created_at": exchange.created,
        "status": status,
        "error": None,
        "incomplete_details": incomplete,
        "instructions": exchange.body.get("instructions"),
        "max_output_tokens": exchange.prompt.max_output_tokens,
        "metadata": {},
        "model": exchange.model.served,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "service_tier": "default" if exchange.tier == "standard" else exchange.tier,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
    }


def _finished(exchange: Exchange) -> Json:
    counts = exchange.counts
    status = "incomplete" if counts.cut_off else "completed"
    text = text_up_to(counts.words, len(counts.words))
    message = _message(exchange, status, [_part(text)])
    return _response(exchange, status, output=[message], usage=_usage(counts))


def _stream(exchange: Exchange) -> Iterator[Piece]:
    words, numbers = exchange.counts.words, count()
    place: Json = {"output_index": 0}
    text: Json = {**place, "content_index": 0, "item_id": f"msg_{exchange.id}"}

    def event(name: str, made: int, **content: Any) -> Piece:
        data = {"type": f"response.{name}", "sequence_number": next(numbers), **content}
        return Piece(sse(data, data["type"]), made)

    begun = _response(exchange, "in_progress", output=[], usage=None)
    yield event("created", 0, response=begun)
    yield event("in_progress", 0, response=begun)
    yield event("output_item.added", 0, item=_message(exchange, "in_progress", []), **place)
    yield event("content_part.added", 0, part=_part(""), **text)
    for position in range(len(words)):
        added = delta(words, position)
        yield event("output_text.delta", position + 1, delta=added, logprobs=[], **text)
    made, whole = len(words), text_up_to(words, len(words))
    finished = _finished(exchange)
    yield event("output_text.done", made, text=whole, logprobs=[], **text)
    yield event("content_part.done", made, part=_part(whole), **text)
    yield event("output_item.done", made, item=finished["output"][0], **place)
    yield event(finished["status"], made, response=finished)


RESPONSES = Shape(
    name="responses",
    api="azure-openai",
    operation="Responses_Create",
    read=_read,
    measure=_measure,
    answer=_finished,
    stream=_stream,
    usage=_usage,
    refuse=openai_refusal,
)
