"""Records of a request: its usage event at once, its log records later."""

import asyncio

from metering.app.ingest.ingest import USAGE_HUB
from metering.local.gateway.call import Call
from metering.local.gateway.log_pipe import LogPipe
from metering.local.gateway.log_records import gateway_record, llm_records
from metering.local.gateway.refusals import Json
from metering.local.gateway.usage_event import Tokens, usage_event
from metering.local.hubs.hub import EmbeddedHub


class Journal:
    """Sends usage events by the policy's rule, and hands log records to the pipe."""

    def __init__(self, hub: EmbeddedHub, pipe: LogPipe) -> None:
        self._hub = hub
        self._pipe = pipe

    def emit(self, call: Call, tokens: Tokens, answer: Json | None = None) -> None:
        """Send the event of a call whose caller is known, keyed by its subject.

        `answer` is what the client gets, where the policy can read it.
        """
        assert call.caller is not None
        self._hub.send(USAGE_HUB, [(usage_event(call, tokens, answer), call.caller.subject)])

    def begin(self, call: Call) -> None:
        """Keep what the log says of a stream that is cut at once: it may be, with this process."""
        self._pipe.begin(call.request_id, [*llm_records(call), gateway_record(call)])

    def log(self, call: Call) -> None:
        """Log a finished call."""
        self._pipe.put(call.request_id, [*llm_records(call), gateway_record(call)])

    def log_lookup(self, call: Call) -> None:
        """Log a finished call that asked no model for anything."""
        self._pipe.put(call.request_id, [gateway_record(call)])


class Stopwatch:
    """A stopwatch in milliseconds."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._start = self._clock()

    def ms(self) -> int:
        """Return the elapsed milliseconds."""
        return round((self._clock() - self._start) * 1_000)
