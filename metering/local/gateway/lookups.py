"""Lookups: models, tokens of a prompt, stored responses, moderations, pictures."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from metering.local.gateway.gate import body_of, deployed
from metering.local.gateway.lookup import Asked
from metering.local.gateway.models.catalogue import DEPLOYMENTS
from metering.local.gateway.refusals import Json, not_found
from metering.local.gateway.request_body import FieldInvalid, model_in
from metering.local.gateway.stored_responses import Stored
from metering.local.gateway.surfaces import listing, moderations
from metering.local.gateway.surfaces.messages import read_prompt
from metering.local.gateway.surfaces.pictures import picture
from metering.local.gateway.surfaces.responses import RESPONSES
from metering.local.gateway.surfaces.responses_stream import events_after


async def openai_models(_asked: Asked) -> Response:
    """List the deployments of models of OpenAI."""
    return JSONResponse(listing.openai_list())


async def openai_model(asked: Asked) -> Response:
    """Show one."""
    name = asked.request.path_params["model"]
    found = listing.openai_model(name)
    return _found(asked, found, f"The model '{name:.80}' does not exist.", "model_not_found")


async def anthropic_models(asked: Asked) -> Response:
    """List a page of the deployments of models of Anthropic."""
    return JSONResponse(listing.anthropic_list(asked.request.query_params))


async def anthropic_model(asked: Asked) -> Response:
    """Show one."""
    name = asked.request.path_params["model"]
    return _found(asked, listing.anthropic_model(name), f"model: {name:.80}", None)


async def count_tokens(asked: Asked) -> Response:
    """Count the tokens of a prompt to a model of Anthropic."""
    body = await body_of(asked.call, asked.request)
    deployed(asked.call, model_in(body))
    return JSONResponse({"input_tokens": read_prompt(body).prompt.tokens})


async def input_tokens(asked: Asked) -> Response:
    """Count the tokens of the input of a response."""
    body = await body_of(asked.call, asked.request)
    model = deployed(asked.call, model_in(body))
    body = asked.gate.stored.continued(asked.subject, body)
    tokens = RESPONSES.read(body, model).prompt.tokens
    return JSONResponse({"object": "response.input_tokens", "input_tokens": tokens})


async def moderate(asked: Asked) -> Response:
    """Judge texts; that is free."""
    body = await body_of(asked.call, asked.request)
    body.setdefault("model", asked.call.deployment or moderations.USUAL_MODEL)
    model = DEPLOYMENTS.get(asked.call.deployment or model_in(body))
    if model is None or model.shape != moderations.KIND:
        message = f"The model '{body['model']!s:.80}' does not exist or does not moderate."
        raise asked.call.surface.refuse(404, message, code="model_not_found")
    return JSONResponse(moderations.judged(body, model, asked.call.id))


async def show_response(asked: Asked) -> Response:
    """Show a response as it is now, or stream its events again."""
    stored, query = _stored(asked), asked.request.query_params
    if query.get("stream") != "true":
        return JSONResponse(stored.response)
    after = query.get("starting_after", "-1")
    if not after.removeprefix("-").isdecimal() or len(after) > len("1000000000"):
        raise FieldInvalid("starting_after", "starting_after must be a whole number.")
    pause_s = 0 if stored.task is None else asked.gate.pace.chunk_ms / 1_000
    events = _replayed(stored, int(after), pause_s)
    return StreamingResponse(events, media_type="text/event-stream")


async def _replayed(stored: Stored, after: int, pause_s: float) -> AsyncIterator[bytes]:
    for event in events_after(stored.exchange, after):
        yield event
        await asyncio.sleep(pause_s)


async def cancel_response(asked: Asked) -> Response:
    """Cancel a response in the background."""
    stored = _stored(asked)
    if stored.exchange.body.get("background") is not True:
        raise FieldInvalid(None, "Cannot cancel a synchronous response.")
    await asked.gate.stored.cancel(stored)
    return JSONResponse(stored.response)


async def delete_response(asked: Asked) -> Response:
    """Forget a response."""
    stored = _stored(asked)
    name = f"resp_{stored.exchange.id}"
    asked.gate.stored.delete(name)
    return JSONResponse({"id": name, "object": "response", "deleted": True})


async def input_items(asked: Asked) -> Response:
    """List the input of a response, the last item first."""
    stored = _stored(asked)
    items = [_item(item, f"msg_in{number}") for number, item in enumerate(stored.input)]
    items.reverse()
    ids = {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
    return JSONResponse({"object": "list", "data": items, **ids, "has_more": False})


def _item(item: Json, name: str) -> Json:
    content = item.get("content")
    if isinstance(content, str):
        item = {**item, "content": [{"type": "input_text", "text": content}]}
    return {"type": "message", "id": name, **item}


def _stored(asked: Asked) -> Stored:
    name = asked.request.path_params["response"]
    found = asked.gate.stored.find(asked.subject, name)
    if found is None:
        raise asked.call.surface.refuse(404, f"Response with id '{name:.80}' not found.")
    return found


def _found(asked: Asked, found: Json | None, message: str, code: str | None) -> Response:
    if found is None:
        raise asked.call.surface.refuse(404, message, code=code)
    return JSONResponse(found)


async def show_picture(request: Request) -> Response:
    """Show a picture by the address that an answer gave; as at the service, whoever has it may."""
    try:
        width, height = (int(side) for side in request.path_params["size"].split("x"))
        return Response(picture(request.path_params["name"], width, height), media_type="image/png")
    except ValueError:
        return JSONResponse(not_found(), status_code=404)
