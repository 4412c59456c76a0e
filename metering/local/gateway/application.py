"""The gateway as an ASGI application, with the paths of all provider APIs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from metering.core.basics.errors import MeteringError
from metering.local.gateway.call import Call
from metering.local.gateway.gate import Gate, exchange_for, identify, undergo
from metering.local.gateway.journal import Journal, Stopwatch
from metering.local.gateway.models.chat import CHAT
from metering.local.gateway.models.embeddings import EMBEDDINGS
from metering.local.gateway.models.messages import MESSAGES
from metering.local.gateway.models.responses import RESPONSES
from metering.local.gateway.models.shapes import Exchange, Shape
from metering.local.gateway.refusals import Refusal, not_found
from metering.local.gateway.simulation import Simulation
from metering.ports import Clock

_PATHS: Final = {
    "/openai/deployments/{deployment}/chat/completions": CHAT,
    "/openai/deployments/{deployment}/embeddings": EMBEDDINGS,
    "/openai/responses": RESPONSES,
    "/openai/v1/chat/completions": CHAT,
    "/openai/v1/embeddings": EMBEDDINGS,
    "/openai/v1/responses": RESPONSES,
    "/anthropic/v1/messages": MESSAGES,
}


class StreamCut(MeteringError):
    """The client asked for its stream to be cut here."""


def application(gate: Gate, journal: Journal, clock: Clock) -> Starlette:
    """Return the application. Every request with a known key leaves a usage event and logs."""
    routes = [
        Route(path, Endpoint(shape, gate=gate, journal=journal, clock=clock), methods=["POST"])
        for path, shape in _PATHS.items()
    ]
    return Starlette(routes=routes, exception_handlers={404: _not_found, 405: _not_found})


async def _not_found(_request: Request, _error: Exception) -> Response:
    return JSONResponse(not_found(), status_code=404)


class Endpoint:
    """One API at one path."""

    def __init__(self, shape: Shape, *, gate: Gate, journal: Journal, clock: Clock) -> None:
        self._shape = shape
        self._gate = gate
        self._journal = journal
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log it, whatever its outcome."""
        request, watch = Request(scope, receive), Stopwatch()
        call = self._begin(request)

        async def counted(message: Message) -> None:
            call.response_length += len(message.get("body", b""))
            await send(message)

        try:
            response = await self._respond(call, request, watch)
            response.headers["apim-request-id"] = call.request_id
            if call.downgraded_to:
                response.headers["x-metering-downgraded-to"] = call.downgraded_to
            response.headers[call.shape.id_header] = call.request_id
            await response(scope, receive, counted)
        except (ClientDisconnect, StreamCut):
            # There is nobody to tell, or the connection is to break: a server that is left without
            # the end of a response closes it.
            call.aborted = True
        finally:
            call.total_ms = watch.ms()
            self._journal.log(call)

    def _begin(self, request: Request) -> Call:
        return Call(
            shape=self._shape,
            time=self._clock.now(),
            method=request.method,
            url=str(request.url.replace(query="")),
            deployment=request.path_params.get("deployment"),
            api_version=request.query_params.get("api-version", ""),
        )

    async def _respond(self, call: Call, request: Request, watch: Stopwatch) -> Response:
        try:
            await identify(self._gate, call, request)
            exchange, simulated = await exchange_for(self._gate, call, request)
            if simulated.from_cache:
                call.reached_model, call.from_cache = False, True
            else:
                await undergo(self._gate, call, simulated)
        except Refusal as refusal:
            return self._refused(call, refusal, watch)
        call.status = 200
        call.backend_ms = call.total_ms = watch.ms()
        if call.streamed:
            call.counts, call.aborted = exchange.counts.up_to(0), True
            self._journal.begin(call)
            self._journal.emit(call, "absent" if call.from_cache else "pending")
            pieces = self._pieces(call, exchange, simulated)
            return StreamingResponse(pieces, media_type="text/event-stream")
        call.counts = exchange.counts
        answer = call.shape.answer(exchange)
        self._journal.emit(call, "absent" if call.from_cache else "final", answer)
        return JSONResponse(answer)

    def _refused(self, call: Call, refusal: Refusal, watch: Stopwatch) -> Response:
        call.status, call.total_ms = refusal.status, watch.ms()
        if call.caller is not None:
            self._journal.emit(call, "final" if "usage" in refusal.body else "absent", refusal.body)
        return JSONResponse(
            refusal.body,
            status_code=refusal.status,
            headers=refusal.headers,
            media_type=refusal.media_type,
        )

    async def _pieces(
        self, call: Call, exchange: Exchange, simulated: Simulation
    ) -> AsyncIterator[bytes]:
        """Yield the events of a stream at the model's pace, and count its output."""
        assert call.shape.stream is not None
        pause_s = self._gate.pace.chunk_ms / 1_000
        for number, piece in enumerate(call.shape.stream(exchange)):
            if number == simulated.abort_after:
                raise StreamCut("as asked for")
            call.counts = exchange.counts.up_to(piece.words)
            yield piece.data
            await asyncio.sleep(pause_s)
        call.aborted = False
