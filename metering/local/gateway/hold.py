"""The estimate of a request's cost before the response: the length of its text, and its limit."""

from typing import Any, Final

from metering.local.gateway.refusals import Json

_TEXTS: Final = (
    "messages",
    "input",
    "prompt",
    "system",
    "instructions",
    "tools",
    "contents",
    "systemInstruction",
    "documents",
    "texts",
    "query",
)
#: Images, audio and files are no text.
_NO_TEXT: Final = frozenset({"data", "file_data", "bytes", "encrypted_content"})
_LIMITS: Final = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maxOutputTokens",
    "maxTokens",
)
#: Where Google and AWS have the limit.
_CONFIGS: Final = ("generationConfig", "inferenceConfig")
_MOST: Final = 1_000_000_000
#: As the policy reads it: three digits.
_MOST_ANSWERS: Final = 1_000


def hold_of(body: Json) -> dict[str, int]:
    """Return the hold of a request: four bytes of text a token, and its last limit.

    The limit is that of each answer asked for.
    """
    length = 0
    waiting: list[Any] = [body[name] for name in _TEXTS if name in body]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and not value.startswith("data:"):
            length += len(value.encode(errors="replace"))
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += [inner for name, inner in value.items() if name not in _NO_TEXT]
    hold = {"prompt_tokens_estimate": min((length + 3) // 4, _MOST)}
    limits = body
    for name in _CONFIGS:
        limits = body[name] if isinstance(body.get(name), dict) else limits
    for name in _LIMITS:
        limit = limits.get(name)
        if isinstance(limit, int) and not isinstance(limit, bool) and 0 <= limit < _MOST:
            hold["max_output_tokens"] = limit
    answers = body.get("n")
    if "max_output_tokens" in hold and type(answers) is int and 1 < answers < _MOST_ANSWERS:
        hold["max_output_tokens"] = min(hold["max_output_tokens"] * answers, _MOST)
    return hold
