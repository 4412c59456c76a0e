"""The usage event of a span: one sum over many requests, which its later revisions replace."""

from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import to_json

from metering.core.aggregates.point import Figure, Values
from metering.core.aggregates.span import Span
from metering.core.aggregates.span_document import span_id
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import format_instant
from metering.core.usage.event import LLM_USAGE, MAX_NAME_LENGTH
from metering.core.usage.families import family_of
from metering.core.usage.provider_usage import ProviderUsage, read_usage
from metering.core.usage.usage import EXPORTER_SOURCES

_EMBEDDINGS: Final = "embed"


def event_of(span: Span) -> bytes:
    """Return the event of a span. Counts that do not add up are absent, never a guess.

    Its time is the start of the span and its id that of the span, whatever the revision.
    """
    of = span.run.series
    data: dict[str, Any] = {
        "status": 200,
        "model": _name(of.model),
        "requested_model": _name(of.requested_model),
        "deployment": _name(of.requested_model),
        "provider": _name(of.provider),
        "operation": _name(of.operation),
        "evidence": "aggregate",
        "revision": span.revision,
    }
    usage = usage_object(span.usage, of.operation)
    if usage is not None and _is_consistent(usage, of.model, of.provider, of.requested_model):
        data |= {"tokens": "final", "usage": usage}
    else:
        data["tokens"] = "absent"
    event = {
        "specversion": "1.0",
        "type": LLM_USAGE,
        "source": f"{EXPORTER_SOURCES}{of.source}",
        "id": span_id(span.run, span.number),
        "time": format_instant(span.start),
        "subject": of.key or f"{EXPORTER_SOURCES}{of.source}",
        "data": {name: value for name, value in data.items() if value is not None},
    }
    return to_json(event)


def has_tokens(values: Values) -> bool:
    """Say whether anything but the platform's estimate of the cost is known."""
    return any(figure not in {Figure.COST, Figure.COST_MISSING} for figure in values)


def usage_object(values: Values, operation: str | None) -> dict[str, Any] | None:
    """Return the counts in the shape of chat completions; None if they are not all available.

    Of prompt, completion and total two give the third: a count that a platform does not state is
    unavailable and not zero. Embeddings have no completion.
    """
    prompt, completion = values.get(Figure.PROMPT), values.get(Figure.COMPLETION)
    total = values.get(Figure.TOTAL)
    if completion is None and prompt is not None:
        if total is not None:
            completion = total - prompt
        elif operation is not None and operation.lower().startswith(_EMBEDDINGS):
            completion = 0
    if prompt is None and completion is not None and total is not None:
        prompt = total - completion
    if prompt is None or completion is None or min(prompt, completion) < 0:
        return None
    usage: dict[str, Any] = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
    }
    if cached := values.get(Figure.CACHED):
        usage["prompt_tokens_details"] = {"cached_tokens": cached}
    if reasoning := values.get(Figure.REASONING):
        usage["completion_tokens_details"] = {"reasoning_tokens": reasoning}
    return usage


def _is_consistent(usage: dict[str, Any], *names: str | None) -> bool:
    model, provider, requested = names
    try:
        family = family_of(model, provider, requested, requested)
        read_usage(ProviderUsage.model_validate(usage), family)
    except (ValidationError, RejectedEvent):
        return False
    return True


def _name(name: str | None) -> str | None:
    return None if name is None else name[:MAX_NAME_LENGTH]
