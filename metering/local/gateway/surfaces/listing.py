"""The lists of models of both providers, out of the catalogue."""

from collections.abc import Mapping
from typing import Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.catalogue import DEPLOYMENTS, provider_of
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid

#: 2026-01-01; all deployments of the simulated company are of that day.
_CREATED_S: Final = 1_767_225_600
_CREATED: Final = "2026-01-01T00:00:00Z"
_USUAL_PAGE: Final = 20
_MAX_PAGE: Final = 1_000


def _of(provider: str) -> list[Model]:
    return [model for model in DEPLOYMENTS.values() if provider_of(model) == provider]


def openai_list() -> Json:
    """Return the deployments as OpenAI lists models."""
    return {"object": "list", "data": [_openai(model) for model in _of("openai")]}


def openai_model(name: str) -> Json | None:
    """Return one of them, or None."""
    return next((_openai(model) for model in _of("openai") if model.name == name), None)


def _openai(model: Model) -> Json:
    return {"id": model.name, "object": "model", "created": _CREATED_S, "owned_by": "azure-openai"}


def anthropic_list(query: Mapping[str, str]) -> Json:
    """Return a page of the deployments as Anthropic lists models. Raises FieldInvalid."""
    text = query.get("limit", str(_USUAL_PAGE))
    if not text.isdecimal() or len(text) > len(str(_MAX_PAGE)) or not 1 <= int(text) <= _MAX_PAGE:
        raise FieldInvalid("limit", f"Input should be a whole number from 1 to {_MAX_PAGE}")
    models, limit = _of("anthropic"), int(text)
    names = [model.name for model in models]
    start, end = 0, len(names)
    if query.get("after_id") in names:
        start = names.index(query["after_id"]) + 1
    if query.get("before_id") in names:
        end = names.index(query["before_id"])
        start = max(start, end - limit)
    page = models[start:end][:limit]
    has_more = start + len(page) < end if "before_id" not in query else start > 0
    return {
        "data": [_anthropic(model) for model in page],
        "has_more": has_more,
        "first_id": page[0].name if page else None,
        "last_id": page[-1].name if page else None,
    }


def anthropic_model(name: str) -> Json | None:
    """Return one of them, or None."""
    return next((_anthropic(model) for model in _of("anthropic") if model.name == name), None)


def _anthropic(model: Model) -> Json:
    return {
        "id": model.name,
        "type": "model",
        "display_name": model.name.replace("-", " ").title(),
        "created_at": _CREATED,
        "lifecycle": "active",
        "line": None,
        "capabilities": None,
        "deprecated_at": None,
        "retires_at": None,
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }
