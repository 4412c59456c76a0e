"""OpenAI's chat completions, as Azure serves them."""

from collections.abc import Iterator

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import Counts, Prompt, answer_to, prompt_of
from metering.local.gateway.models.shapes import Exchange, Piece, Shape, delta, sse, text_up_to
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import FieldInvalid, limit_in, messages_in, texts_in


def _read(body: Json) -> Prompt:
    if body.get("n") not in {None, 1}:
        raise FieldInvalid("n", "One choice is all that this gateway makes.")
    messages = messages_in(body, "messages")
    texts = [
        text
        for number, message in enumerate(messages)
        for text in texts_in(message.get("content"), f"messages[{number}].content")
    ]
    limit = limit_in(body, ("max_completion_tokens", "max_tokens"))
    return prompt_of(texts, len(messages), max_output_tokens=limit)


def _measure(prompt: Prompt, model: Model) -> Counts:
    return answer_to(prompt, reasons=model.reasons)


def _usage(counts: Counts) -> Json:
    return {
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.completion,
        "total_tokens": counts.prompt + counts.completion,
        "prompt_tokens_details": {"cached_tokens": counts.cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": counts.reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _finish(counts: Counts) -> str:
    return "length" if counts.cut_off else "stop"


def _frame(exchange: Exchange, kind: str) -> Json:
    return {
        "id": f"chatcmpl-{exchange.id}",
        "object": kind,
        "created": exchange.created,
        "model": exchange.model.served,
        "service_tier": "default" if exchange.tier == "standard" else exchange.tier,
        "system_fingerprint": "fp_local",
    }


def _answer(exchange: Exchange) -> Json:
    counts = exchange.counts
    message = {
        "role": "assistant",
        "content": text_up_to(counts.words, len(counts.words)),
        "refusal": None,
    }
    choice = {"index": 0, "message": message, "finish_reason": _finish(counts), "logprobs": None}
    frame = _frame(exchange, "chat.completion")
    return {**frame, "choices": [choice], "usage": _usage(counts)}


def _stream(exchange: Exchange) -> Iterator[Piece]:
    counts = exchange.counts
    options = exchange.body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    frame = _frame(exchange, "chat.completion.chunk")
    if with_usage:
        frame["usage"] = None

    def chunk(content: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": content, "finish_reason": finish, "logprobs": None}
        return sse({**frame, "choices": [choice]})

    if exchange.by_path:
        # Azure's own interface begins with what the content filter thinks, and no choice.
        filtered = {"prompt_index": 0, "content_filter_results": {}}
        yield Piece(sse({**frame, "choices": [], "prompt_filter_results": [filtered]}), 0)
    yield Piece(chunk({"role": "assistant", "content": "", "refusal": None}), 0)
    for position in range(len(counts.words)):
        yield Piece(chunk({"content": delta(counts.words, position)}), position + 1)
    made = len(counts.words)
    yield Piece(chunk({}, _finish(counts)), made)
    if with_usage:
        yield Piece(sse({**frame, "choices": [], "usage": _usage(counts)}), made)
    yield Piece(sse("[DONE]"), made)


CHAT = Shape(
    name="chat",
    api="azure-openai",
    operation="ChatCompletions_Create",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=_usage,
    refuse=openai_refusal,
)
