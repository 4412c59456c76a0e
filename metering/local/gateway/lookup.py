"""Requests that ask no model for anything: they have a caller and a log row, and no usage event."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from metering.local.gateway.call import Call
from metering.local.gateway.endpoint import begin, refused, signed
from metering.local.gateway.gate import Gate, identify, unreadable
from metering.local.gateway.journal import Journal, Stopwatch
from metering.local.gateway.refusals import Refusal
from metering.local.gateway.request_body import FieldInvalid
from metering.local.gateway.surfaces.surface import Surface
from metering.ports import Clock


class Asked(NamedTuple):
    """A look-up by a caller who is known."""

    gate: Gate
    call: Call
    request: Request

    @property
    def subject(self) -> str:
        """Who asks."""
        assert self.call.caller is not None
        return self.call.caller.subject


type Respond = Callable[[Asked], Awaitable[Response]]
"""Raises Refusal or FieldInvalid."""


class Lookup:
    """One operation at one path; errors have the format of a surface."""

    def __init__(
        self,
        surface: Surface,
        operation: str,
        respond: Respond,
        *,
        gate: Gate,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._surface = surface
        self._operation = operation
        self._respond = respond
        self._gate = gate
        self._journal = journal
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and log it."""
        request, watch = Request(scope, receive), Stopwatch()
        call = begin(request, self._surface, self._operation, self._clock)
        try:
            response = signed(call, await self._answer(call, request, watch))
            await response(scope, receive, send)
        except ClientDisconnect:
            call.aborted = True
        finally:
            call.total_ms = watch.ms()
            self._journal.log_lookup(call)

    async def _answer(self, call: Call, request: Request, watch: Stopwatch) -> Response:
        try:
            await identify(self._gate, call, request)
            response = await self._respond(Asked(self._gate, call, request))
        except Refusal as refusal:
            return refused(call, refusal, watch)
        except FieldInvalid as fault:
            return refused(call, unreadable(call, fault), watch)
        call.status = response.status_code
        return response
