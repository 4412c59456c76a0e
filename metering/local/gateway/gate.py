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
from metering.local.gateway.hold import hold_of
from metering.local.gateway.keys import caller_of, given_key
from metering.local.gateway.models.catalogue import DEPLOYMENTS, serves
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.models.shapes import Exchange
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

#: API Management logs at most 2 MB of a message; models take little more.
_HEADERS: Final = {
    "use_case": "x-use-case",
    "end_user": "x-end-user",
    "agent": "x-agent",
    "session": "x-session",
}
_MAX_BODY_BYTES: Final = 4 * 1_048_576


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
        body = json_object(await _body(call, request))
        call.requested_model = call.deployment or model_in(body)
        call.hold, call.streamed = hold_of(body), body.get("stream") is True
        call.model = _deployed(call, await _admitted(gate, call, call.requested_model))
        call.reached_model = True
        return _exchange(call, call.model, body), simulation(request.headers)
    except FieldInvalid as fault:
        raise call.shape.refuse(400, fault.message, param=fault.param) from None


async def _body(call: Call, request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY_BYTES:
            raise call.shape.refuse(413, f"The body is larger than {_MAX_BODY_BYTES} bytes.")
    call.request_length = len(body)
    return bytes(body)


async def _admitted(gate: Gate, call: Call, name: str) -> str:
    """Return the deployment to use. Raises Refusal when admission blocks the request."""
    assert call.caller is not None
    document = await document_for(gate.admission, call.caller.subject, call.attributes)
    # Vectors of another model are of no use: embeddings have no stream, and no stand-in.
    downgradable, anthropic = call.shape.stream is not None, call.shape.name == "anthropic"
    decision = decide(document, Requested(name, call.attributes, downgradable, anthropic))
    call.admission, call.downgraded_to = decision.verdict, decision.to
    if decision.verdict == "block":
        raise not_admitted(call.shape.refuse, decision.rule, call.request_id, name)
    calls = document.get("requests_per_minute")
    wait_s = gate.rate.wait_s(str(document.get("tenant")), calls) if calls else 0
    if wait_s:
        raise too_fast(wait_s)
    return decision.to or name


def _deployed(call: Call, name: str) -> Model:
    model = DEPLOYMENTS.get(name)
    if model is None:
        message = f"Unknown deployment {name!r}. Available: {', '.join(DEPLOYMENTS)}."
        raise call.shape.refuse(404, message, code="DeploymentNotFound")
    if not serves(model, call.shape.name):
        message = f"The model {model.served} does not support {call.shape.operation}."
        raise call.shape.refuse(400, message, code="OperationNotSupported")
    return model


def _exchange(call: Call, model: Model, body: Json) -> Exchange:
    shape = call.shape
    prompt = call.prompt = shape.read(body)
    tier = body.get("service_tier")
    if shape.name in {"chat", "responses"} and tier in {"priority", "flex"}:
        call.tier = tier
    call.streamed = call.streamed and shape.stream is not None
    return Exchange(
        id=call.id,
        created=call.time // SECOND,
        model=model,
        prompt=prompt,
        counts=shape.measure(prompt, model),
        body=body,
        tier=call.tier,
        by_path=call.deployment is not None,
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
    refusal = call.shape.refuse(status, f"Simulated: {status}.", code=code)
    headers = retry_headers(status, gate.pace.retry_after_ms)
    body = refusal.body
    if simulated.counted:
        call.counts = Counts(call.prompt.tokens)
        body |= {"model": call.model.served, "usage": call.shape.usage(call.counts)}
    raise Refusal(status, body, headers=headers)
