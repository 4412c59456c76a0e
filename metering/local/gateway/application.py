"""The gateway as an ASGI application, with the paths of all provider APIs."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from metering.local.gateway import lookups
from metering.local.gateway.endpoint import Endpoint
from metering.local.gateway.gate import Gate
from metering.local.gateway.journal import Journal
from metering.local.gateway.lookup import Lookup, Respond
from metering.local.gateway.refusals import not_found
from metering.local.gateway.surfaces.bedrock import (
    CONVERSE,
    CONVERSE_STREAM,
    INVOKE,
    INVOKE_STREAM,
)
from metering.local.gateway.surfaces.chat import CHAT
from metering.local.gateway.surfaces.cohere import COHERE, COHERE_EMBED, COHERE_RERANK
from metering.local.gateway.surfaces.embeddings import EMBEDDINGS
from metering.local.gateway.surfaces.gemini import GEMINI, GEMINI_EMBEDDINGS, GEMINI_STREAM
from metering.local.gateway.surfaces.images import IMAGES
from metering.local.gateway.surfaces.messages import MESSAGES
from metering.local.gateway.surfaces.mistral import MISTRAL, MISTRAL_OCR
from metering.local.gateway.surfaces.responses import RESPONSES
from metering.local.gateway.surfaces.surface import Surface
from metering.local.gateway.surfaces.transcriptions import TRANSCRIPTIONS, TRANSLATIONS
from metering.ports import Clock

_V1: Final = "/openai/v1"
_OPENAI: Final = "/openai"
_ANTHROPIC: Final = "/anthropic/v1"
_GEMINI: Final = "/gemini/{version}/models/{deployment}"
_BEDROCK: Final = "/bedrock/model/{deployment}"

#: By the end of the path; in Azure's own interface the deployment stands before it.
_OF_DEPLOYMENTS: Final = {
    "chat/completions": CHAT,
    "embeddings": EMBEDDINGS,
    "images/generations": IMAGES,
    "audio/transcriptions": TRANSCRIPTIONS,
    "audio/translations": TRANSLATIONS,
}
_SURFACES: Final = {
    **{f"{_OPENAI}/deployments/{{deployment}}/{end}": one for end, one in _OF_DEPLOYMENTS.items()},
    **{f"{_V1}/{end}": one for end, one in _OF_DEPLOYMENTS.items()},
    f"{_OPENAI}/responses": RESPONSES,
    f"{_V1}/responses": RESPONSES,
    f"{_ANTHROPIC}/messages": MESSAGES,
    f"{_GEMINI}:generateContent": GEMINI,
    f"{_GEMINI}:streamGenerateContent": GEMINI_STREAM,
    f"{_GEMINI}:embedContent": GEMINI_EMBEDDINGS,
    f"{_GEMINI}:batchEmbedContents": GEMINI_EMBEDDINGS,
    f"{_BEDROCK}/converse": CONVERSE,
    f"{_BEDROCK}/converse-stream": CONVERSE_STREAM,
    f"{_BEDROCK}/invoke": INVOKE,
    f"{_BEDROCK}/invoke-with-response-stream": INVOKE_STREAM,
    "/cohere/v2/chat": COHERE,
    "/cohere/v2/embed": COHERE_EMBED,
    "/cohere/v2/rerank": COHERE_RERANK,
    "/mistral/v1/chat/completions": MISTRAL,
    "/mistral/v1/ocr": MISTRAL_OCR,
}


class _Operation(NamedTuple):
    method: str
    path: str
    name: str
    respond: Respond
    surface: Surface = RESPONSES
    """The one whose errors it has."""


_OF_OPENAI: Final = (
    _Operation("GET", "models", "Models_List", lookups.openai_models),
    _Operation("GET", "models/{model:path}", "Models_Get", lookups.openai_model),
    _Operation("POST", "moderations", "Moderations_Create", lookups.moderate),
    _Operation("POST", "responses/input_tokens", "Responses_Count", lookups.input_tokens),
    _Operation("GET", "responses/{response}", "Responses_Get", lookups.show_response),
    _Operation("DELETE", "responses/{response}", "Responses_Delete", lookups.delete_response),
    _Operation("POST", "responses/{response}/cancel", "Responses_Cancel", lookups.cancel_response),
    _Operation("GET", "responses/{response}/input_items", "Responses_Input", lookups.input_items),
)
_OF_ANTHROPIC: Final = (
    _Operation("POST", "messages/count_tokens", "Messages_Count", lookups.count_tokens, MESSAGES),
    _Operation("GET", "models", "Models_List", lookups.anthropic_models, MESSAGES),
    _Operation("GET", "models/{model:path}", "Models_Get", lookups.anthropic_model, MESSAGES),
)


def application(gate: Gate, journal: Journal, clock: Clock) -> Starlette:
    """Return the application. Requests to models leave a usage event and logs, others logs."""
    routes = [
        Route(path, Endpoint(surface, gate=gate, journal=journal, clock=clock), methods=["POST"])
        for path, surface in _SURFACES.items()
    ]
    for path, each in _operations():
        lookup = Lookup(
            each.surface, each.name, each.respond, gate=gate, journal=journal, clock=clock
        )
        routes.append(Route(path, lookup, methods=[each.method]))
    routes.append(Route("/pictures/{name}/{size}.png", lookups.show_picture))
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


def _operations() -> Iterator[tuple[str, _Operation]]:
    for each in _OF_OPENAI:
        yield f"{_V1}/{each.path}", each
        yield f"{_OPENAI}/{each.path}", each
    moderations = next(each for each in _OF_OPENAI if each.respond is lookups.moderate)
    yield f"{_OPENAI}/deployments/{{deployment}}/{moderations.path}", moderations
    for each in _OF_ANTHROPIC:
        yield f"{_ANTHROPIC}/{each.path}", each


async def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse(not_found(), status_code=404)
