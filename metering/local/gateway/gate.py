"""The steps before a model is called: key, body, admission, deployment, in this order."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.requests import Request

from metering.core.basics.instants import SECOND
from metering.core.usage.event import MAX_NAME_LENGTH
from metering.local.demo.traffic import Model
from metering.local.gateway.admission import (
    Admission,
    Requested,
    admit_all,
    decide,
    document_for,
)
from metering.local.gateway.call import PRODUCT, Call
from metering.local.gateway.form_body import form_of
from metering.local.gateway.hold import hold_of
from metering.local.gateway.keys import caller_of, given_key
from metering.local.gateway.message_threads import MessageThreads
from metering.local.gateway.models.catalogue import DEPLOYMENTS, serves
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.models.schemas import SchemaInvalid
from metering.local.gateway.rate import Rate
from metering.local.gateway.refusals import (
    Json,
    Refusal,
    no_key,
    not_admitted,
    retry_headers,
    too_fast,
)
from metering.local.gateway.request_body import FieldInvalid, json_object, model_in
from metering.local.gateway.simulation import Simulation, simulation
from metering.local.gateway.stored_responses import StoredResponses
from metering.local.gateway.surfaces.messages import MESSAGES
from metering.local.gateway.surfaces.responses import RESPONSES
from metering.local.gateway.surfaces.surface import Exchange

_HEADERS: Final = {
    "use_case": "x-use-case",
    "end_user": "x-end-user",
    "agent": "x-agent",
    "session": "x-session",
}
#: API Management logs at most 2 MB of a message; models take little more.
MAX_BODY_BYTES: Final = 4 * 1_048_576
#: The largest file of sound that OpenAI transcribes, 25 MB, with the form around it.
_MAX_FORM_BYTES: Final = 26 * 1_048_576


class Pace(NamedTuple):
    """The latencies of the gateway and its models."""

    latency_ms: int = 20
    chunk_ms: int = 5
    log_delay_s: float = 2.0
    """The delay of log records, one to two minutes in Azure Monitor."""
    retry_after_ms: int = 1_000


class Gate(NamedTuple):
    """The inputs of a decision on a request. `knows`: whether a tenant pays for a subject."""

    knows: Callable[[str], Awaitable[bool]]
    rate: Rate
    stored: StoredResponses
    threads: MessageThreads
    admission: Admission = admit_all
    pace: Pace = Pace()


async def identify(gate: Gate, call: Call, request: Request) -> None:
    """Identify the caller. Raises Refusal, as API Management does before any policy runs."""
    key = given_key(request.headers)
    call.caller = await caller_of(key, gate.knows)
    if call.caller is None:
        raise no_key(call.url, given=key is not None)
    named = {
        name: request.headers.get(header, "").strip()[:MAX_NAME_LENGTH]
        for name, header in _HEADERS.items()
    }
    call.attributes = {"product": PRODUCT, **named}


async def exchange_for(gate: Gate, call: Call, request: Request) -> tuple[Exchange, Simulation]:
    """Return the request to the model and its simulation. Raises Refusal."""
    try:
        body = await body_of(call, request)
        call.requested_model = call.deployment or model_in(body)
        call.streamed = body.get("stream") is True or call.surface.is_stream
        call.in_background = call.surface is RESPONSES and body.get("background") is True
        call.hold = {} if call.surface.takes_form else hold_of(body)
        call.model = deployed(call, await _admitted(gate, call, call.requested_model))
        call.reached_model = True
        body = _continued(gate, call, body)
        exchange = _exchange(call, call.model, body, str(request.base_url))
        return exchange, simulation(request.headers)
    except FieldInvalid as fault:
        raise unreadable(call, fault) from None
    except SchemaInvalid as fault:
        raise call.surface.refuse(400, f"Invalid schema: {fault.message}") from None


def _continued(gate: Gate, call: Call, body: Json) -> Json:
    """Return the body with the conversation that it goes on from. Raises FieldInvalid, Refusal."""
    assert call.caller is not None
    if call.surface is RESPONSES:
        return gate.stored.continued(call.caller.subject, body)
    return gate.threads.continued(call.caller.subject, body) if call.surface is MESSAGES else body


def unreadable(call: Call, fault: FieldInvalid) -> Refusal:
    """Return the error of a body with an invalid field, in the format of the provider."""
    return call.surface.refuse(400, fault.message, code=fault.code, param=fault.param)


async def body_of(call: Call, request: Request) -> Json:
    """Return the fields of a body. Raises FieldInvalid, or Refusal where it is too large."""
    most = _MAX_FORM_BYTES if call.surface.takes_form else MAX_BODY_BYTES
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise call.surface.refuse(413, f"The body is larger than {most} bytes.")
    call.request_length = len(body)
    if call.surface.takes_form:
        return form_of(bytes(body), request.headers.get("content-type", ""))
    return json_object(bytes(body))


async def _admitted(gate: Gate, call: Call, name: str) -> str:
    """Return the deployment to use. Raises Refusal when admission blocks the request."""
    assert call.caller is not None
    document = await document_for(gate.admission, call.caller.subject, call.attributes)
    # Vectors of another model are of no use: embeddings have no stream, and no stand-in.
    downgradable, anthropic = call.surface.downgradable, call.surface.name == "anthropic"
    decision = decide(document, Requested(name, call.attributes, downgradable, anthropic))
    call.admission, call.downgraded_to = decision.verdict, decision.to
    if decision.verdict == "block":
        raise not_admitted(call.surface.refuse, decision.rule, call.request_id, name)
    calls = document.get("requests_per_minute")
    wait_s = gate.rate.wait_s(str(document.get("tenant")), calls) if calls else 0
    if wait_s:
        raise too_fast(wait_s)
    return decision.to or name


def deployed(call: Call, name: str) -> Model:
    """Return the model of a deployment that serves the call. Raises Refusal."""
    model = DEPLOYMENTS.get(name)
    if model is None:
        message = f"Unknown deployment {name!r}. Available: {', '.join(DEPLOYMENTS)}."
        raise call.surface.refuse(404, message, code="DeploymentNotFound")
    if not serves(model, call.surface.name):
        message = f"The model {model.served} does not support {call.operation}."
        raise call.surface.refuse(400, message, code="OperationNotSupported")
    return model


def _exchange(call: Call, model: Model, body: Json, url: str) -> Exchange:
    surface = call.surface
    request = surface.read(body, model)
    call.prompt = request.prompt
    tier = body.get("service_tier")
    if surface.takes_tier and tier in {"priority", "flex"}:
        call.tier = tier
    call.streamed = call.streamed and surface.stream is not None
    answer, counts = surface.measure(request, model)
    return Exchange(
        id=call.id,
        created=call.time // SECOND,
        model=model,
        request=request,
        answer=answer,
        counts=counts,
        body=body,
        tier=call.tier,
        by_path=call.deployment is not None,
        url=url,
    )


async def undergo(gate: Gate, call: Call, simulated: Simulation) -> None:
    """Wait for the latency of the model, and fail if the client asked for that."""
    latency = gate.pace.latency_ms if simulated.latency_ms is None else simulated.latency_ms
    await asyncio.sleep(latency / 1_000)
    if not simulated.fails:
        return
    assert call.prompt is not None
    assert call.model is not None
    status = simulated.status
    code = "content_filter" if status == 400 else None  # noqa: PLR2004, HTTP's own
    refusal = call.surface.refuse(status, f"Simulated: {status}.", code=code)
    headers = retry_headers(status, gate.pace.retry_after_ms)
    body = refusal.body
    if simulated.counted:
        call.counts = Counts(call.prompt.tokens)
        body |= {"model": call.model.served, "usage": call.surface.usage(call.counts)}
    raise Refusal(status, body, headers=headers)
