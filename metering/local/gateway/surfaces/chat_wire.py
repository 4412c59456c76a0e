"""Parts of chat completions that answers and streams share."""

from metering.local.gateway.models.answer import Block, Choice
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.refusals import Json
from metering.local.gateway.surfaces.surface import Exchange


def usage_of(counts: Counts) -> Json:
    """Return the usage object of a chat completion."""
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


def finish_of(choice: Choice) -> str:
    """Return why a choice ended; OpenAI does not tell a stop sequence from an end."""
    return "stop" if choice.ending == "stop_sequence" else choice.ending


def frame_of(exchange: Exchange, kind: str) -> Json:
    """Return the fields of every object of an exchange."""
    return {
        "id": f"chatcmpl-{exchange.id}",
        "object": kind,
        "created": exchange.created,
        "model": exchange.model.served,
        "service_tier": "default" if exchange.tier == "standard" else exchange.tier,
        "system_fingerprint": "fp_local",
    }


def called(
    exchange: Exchange, choice: int, place: int, call: Block, *, begun: bool = False
) -> Json:
    """Return a call of a tool; with `begun` without its arguments, as a stream begins it."""
    text = "" if begun else call.text
    identified = {"id": f"call_{exchange.id[:20]}{choice}{place}"}
    if _is_custom(exchange, call):
        custom = {"name": call.tool, "input": text}
        return {**identified, "type": "custom", "custom": custom}
    function = {"name": call.tool, "arguments": text}
    return {**identified, "type": "function", "function": function}


def more_of(exchange: Exchange, call: Block, token: str) -> Json:
    """Return what a token adds to a call."""
    if _is_custom(exchange, call):
        return {"custom": {"input": token}}
    return {"function": {"arguments": token}}


def _is_custom(exchange: Exchange, call: Block) -> bool:
    return any(tool == (call.tool, None) for tool in exchange.request.tools)
