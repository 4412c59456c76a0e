"""One surface at one path: every request leaves a usage event and logs."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from metering.core.basics.errors import MeteringError
from metering.local.gateway.call import Call
from metering.local.gateway.gate import Gate, exchange_for, identify, undergo
from metering.local.gateway.journal import Journal, Stopwatch
from metering.local.gateway.refusals import Refusal
from metering.local.gateway.simulation import Simulation
from metering.local.gateway.surfaces.messages import MESSAGES
from metering.local.gateway.surfaces.responses import RESPONSES
from metering.local.gateway.surfaces.surface import Exchange, Surface
from metering.ports import Clock

_OK: Final = 200


class StreamCut(MeteringError):
    """The client asked for its stream to be cut here."""


def begin(request: Request, surface: Surface, operation: str, clock: Clock) -> Call:
    """Return the call of a request, before anything is known of it but its address."""
    return Call(
        surface=surface,
        operation=operation,
        time=clock.now(),
        method=request.method,
        url=str(request.url.replace(query="")),
        deployment=request.path_params.get("deployment"),
        api_version=request.query_params.get("api-version", ""),
    )


def refused(call: Call, refusal: Refusal, watch: Stopwatch) -> Response:
    """Return the response of a refused request."""
    call.status, call.total_ms = refusal.status, watch.ms()
    return JSONResponse(
        refusal.body,
        status_code=refusal.status,
        headers=refusal.headers,
        media_type=refusal.media_type,
    )


def signed(call: Call, response: Response) -> Response:
    """Return a response with the ids of its request."""
    response.headers["apim-request-id"] = call.request_id
    response.headers[call.surface.id_header] = call.request_id
    if call.downgraded_to:
        response.headers["x-metering-downgraded-to"] = call.downgraded_to
    return response


class Endpoint:
    """One surface at one path."""

    def __init__(self, surface: Surface, *, gate: Gate, journal: Journal, clock: Clock) -> None:
        self._surface = surface
        self._gate = gate
        self._journal = journal
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log it, whatever its outcome."""
        request, watch = Request(scope, receive), Stopwatch()
        call = begin(request, self._surface, self._surface.operation, self._clock)

        async def counted(message: Message) -> None:
            call.response_length += len(message.get("body", b""))
            await send(message)

        try:
            response = signed(call, await self._respond(call, request, watch))
            await response(scope, receive, counted)
        except (ClientDisconnect, StreamCut):
            # There is nobody to tell, or the connection is to break: a server that is left without
            # the end of a response closes it.
            call.aborted = not call.in_background
        finally:
            call.total_ms = watch.ms()
            if not call.in_background or call.status != _OK:
                self._journal.log(call)

    async def _respond(self, call: Call, request: Request, watch: Stopwatch) -> Response:
        try:
            await identify(self._gate, call, request)
            exchange, simulated = await exchange_for(self._gate, call, request)
            if simulated.from_cache:
                call.reached_model, call.from_cache = False, True
                call.in_background = False
            elif not call.in_background:
                await undergo(self._gate, call, simulated)
        except Refusal as refusal:
            response = refused(call, refusal, watch)
            if call.caller is not None:
                is_counted = "usage" in refusal.body
                self._journal.emit(call, "final" if is_counted else "absent", refusal.body)
            return response
        call.status = _OK
        call.backend_ms = call.total_ms = watch.ms()
        if call.in_background:
            return self._in_background(call, exchange, simulated)
        if call.streamed:
            call.counts, call.aborted = exchange.counts.up_to(0), True
            self._journal.begin(call)
            self._journal.emit(call, "absent" if call.from_cache else "pending")
            pieces = self._pieces(call, exchange, simulated)
            return StreamingResponse(pieces, media_type=call.surface.media_type)
        call.counts = exchange.counts
        self._keep(call, exchange)
        return self._whole(call, exchange)

    def _whole(self, call: Call, exchange: Exchange) -> Response:
        answer = call.surface.answer(exchange)
        if call.surface.billed_as is not None:
            call.billed_as = call.surface.billed_as(exchange)
        if isinstance(answer, str):
            # A gateway finds no usage in a text: the counts of the request are missing.
            self._journal.emit(call, "absent")
            return PlainTextResponse(answer)
        headers = call.surface.counting_headers
        counted = None if headers is None else headers(exchange.counts)
        seen = answer if counted is None else answer | {"usage": dict(counted)}
        self._journal.emit(call, "absent" if call.from_cache else "final", seen)
        return JSONResponse(answer, headers=counted)

    def _in_background(self, call: Call, exchange: Exchange, simulated: Simulation) -> Response:
        """Go on without the client; its stream, if it wants one, is beside that."""
        pace = self._gate.pace
        latency = pace.latency_ms if simulated.latency_ms is None else simulated.latency_ms
        queued = self._gate.stored.begin(call, exchange, latency / 1_000, pace.chunk_ms / 1_000)
        self._journal.emit(call, "pending", queued)
        if not call.streamed:
            return JSONResponse(queued)
        pieces = self._pieces(call, exchange, simulated)
        return StreamingResponse(pieces, media_type="text/event-stream")

    async def _pieces(
        self, call: Call, exchange: Exchange, simulated: Simulation
    ) -> AsyncIterator[bytes]:
        """Yield the events of a stream at the model's pace, and count its output."""
        assert call.surface.stream is not None
        pause_s = self._gate.pace.chunk_ms / 1_000
        for number, piece in enumerate(call.surface.stream(exchange)):
            if number == simulated.abort_after:
                raise StreamCut("as asked for")
            if not call.in_background:
                call.counts = exchange.counts.up_to(piece.tokens)
            yield piece.data
            await asyncio.sleep(pause_s)
        call.aborted = False
        if not call.in_background:
            self._keep(call, exchange)

    def _keep(self, call: Call, exchange: Exchange) -> None:
        assert call.caller is not None
        if call.surface is RESPONSES:
            self._gate.stored.keep(call, exchange)
        if call.surface is MESSAGES:
            self._gate.threads.keep(call.caller.subject, exchange)
