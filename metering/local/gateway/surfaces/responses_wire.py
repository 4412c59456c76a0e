"""The objects of Responses: output items and the response around them."""

from metering.local.gateway.models.answer import Block, Choice
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.refusals import Json
from metering.local.gateway.surfaces.surface import Exchange


def usage_of(counts: Counts) -> Json:
    """Return the usage object of a response."""
    return {
        "input_tokens": counts.prompt,
        "input_tokens_details": {"cached_tokens": counts.cached, "cache_write_tokens": 0},
        "output_tokens": counts.completion,
        "output_tokens_details": {"reasoning_tokens": counts.reasoning},
        "total_tokens": counts.prompt + counts.completion,
    }


def part_of(text: str) -> Json:
    """Return the part of a message that has its text."""
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def items_of(exchange: Exchange) -> list[Json]:
    """Return the output items of a finished answer."""
    (choice,) = exchange.answer.choices
    status = status_of(choice)
    return [
        *([reasoning_item(exchange)] if choice.reasoning else []),
        *(item_of(exchange, block, place, status) for place, block in enumerate(choice.blocks)),
    ]


def status_of(choice: Choice) -> str:
    """Return the status in which an answer ended."""
    return "incomplete" if choice.ending == "length" else "completed"


def reasoning_item(exchange: Exchange) -> Json:
    """Return the item that stands for reasoning; its text is the provider's own."""
    return {"id": f"rs_{exchange.id}", "type": "reasoning", "summary": []}


def item_of(exchange: Exchange, block: Block, place: int, status: str) -> Json:
    """Return the item of a block; one in progress has no text yet."""
    is_begun = status == "in_progress"
    text = "" if is_begun else block.text
    if not block.tool:
        return {
            "id": f"msg_{exchange.id}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [] if is_begun else [part_of(text)],
        }
    call = {"call_id": f"call_{exchange.id[:20]}{place}", "name": block.tool, "status": status}
    if is_custom(exchange, block):
        return {
            "id": f"ctc_{exchange.id}{place}",
            "type": "custom_tool_call",
            "input": text,
            **call,
        }
    return {"id": f"fc_{exchange.id}{place}", "type": "function_call", "arguments": text, **call}


def is_custom(exchange: Exchange, block: Block) -> bool:
    """Return whether a block calls a tool whose input is plain text."""
    return any(tool == (block.tool, None) for tool in exchange.request.tools)


def response_of(exchange: Exchange, status: str) -> Json:
    """Return the response; what is not finished has neither output nor usage."""
    body, is_finished = exchange.body, status in {"completed", "incomplete"}
    incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": f"resp_{exchange.id}",
        "object": "response",
        "created_at": exchange.created,
        "status": status,
        "background": body.get("background") is True,
        "error": None,
        "incomplete_details": incomplete,
        "instructions": body.get("instructions"),
        "max_output_tokens": exchange.request.max_output_tokens,
        "metadata": body.get("metadata") or {},
        "model": exchange.model.served,
        "output": items_of(exchange) if is_finished else [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "service_tier": "default" if exchange.tier == "standard" else exchange.tier,
        "store": body.get("store") is not False,
        "temperature": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage_of(exchange.counts) if is_finished else None,
    }


def finished(exchange: Exchange) -> Json:
    """Return the response of a finished answer."""
    return response_of(exchange, status_of(exchange.answer.choices[0]))
