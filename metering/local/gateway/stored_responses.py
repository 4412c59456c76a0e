"""Responses that can be looked up again: kept in memory, each for the caller that made it.

One in the background goes on without its client: it is queued, in progress, and then completed or
cancelled. It is logged once, at its end, under the request that began it; one that was cancelled is
logged without tokens, for the service then tells of none.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from metering.local.gateway.bounded_store import BoundedStore
from metering.local.gateway.call import Call
from metering.local.gateway.journal import Journal
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid
from metering.local.gateway.surfaces.responses import items_in
from metering.local.gateway.surfaces.responses_wire import items_of, response_of, status_of
from metering.local.gateway.surfaces.surface import Exchange

#: Of one conversation: what a model of a million tokens reads.
_MAX_INPUT_BYTES: Final = 4 * 1_048_576


@dataclass(slots=True)
class Stored:
    """A response. `task` runs while it goes on in the background."""

    exchange: Exchange
    input: list[Json]
    size: int
    status: str
    call: Call
    task: asyncio.Task[None] | None = None

    @property
    def response(self) -> Json:
        """The response as it is now."""
        return response_of(self.exchange, self.status)


class StoredResponses:
    """The responses of one gateway."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._stored: BoundedStore[Stored] = BoundedStore()
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, subject: str, response_id: object) -> Stored | None:
        """Return a response of a caller, or None."""
        return self._stored.find(subject, response_id)

    def continued(self, subject: str, body: Json) -> Json:
        """Return a body whose input begins with the conversation that it goes on from.

        Raises FieldInvalid.
        """
        previous = body.get("previous_response_id")
        if previous is None:
            return body
        found = self.find(subject, previous)
        if found is None:
            message = f"Previous response with id {previous!r:.80} not found."
            raise FieldInvalid("previous_response_id", message, "previous_response_not_found")
        if found.size > _MAX_INPUT_BYTES:
            message = "Your input exceeds the context window of this model."
            raise FieldInvalid("input", message, "context_length_exceeded")
        answered = items_of(found.exchange) if found.task is None else []
        return {**body, "input": [*found.input, *answered, *items_in(body)]}

    def keep(self, call: Call, exchange: Exchange) -> Stored:
        """Keep a response, unless its request says otherwise."""
        assert call.caller is not None
        items = items_in(exchange.body)
        size = len(json.dumps(exchange.body)) + exchange.counts.output
        status = status_of(exchange.answer.choices[0])
        stored = Stored(exchange, items, size, status, call)
        if exchange.body.get("store") is not False:
            self._stored.put(call.caller.subject, f"resp_{exchange.id}", stored, size)
        return stored

    def begin(self, call: Call, exchange: Exchange, wait_s: float, pause_s: float) -> Json:
        """Go on with a response in the background, and return it as it is: queued."""
        stored = self.keep(call, exchange)
        stored.status = "queued"
        self._journal.begin(call)
        seconds = exchange.counts.output * pause_s
        stored.task = asyncio.create_task(self._run(stored, wait_s, seconds))
        self._tasks.add(stored.task)
        stored.task.add_done_callback(self._tasks.discard)
        return stored.response

    async def _run(self, stored: Stored, wait_s: float, seconds: float) -> None:
        try:
            await asyncio.sleep(wait_s)
            stored.status = "in_progress"
            await asyncio.sleep(seconds)
            stored.status = status_of(stored.exchange.answer.choices[0])
            stored.call.counts = stored.exchange.counts
        except asyncio.CancelledError:
            stored.status = "cancelled"
            raise
        finally:
            stored.task = None
            self._journal.log(stored.call)

    async def cancel(self, stored: Stored) -> None:
        """Cancel a response in the background; one that has ended stays as it is."""
        task = stored.task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            stored.status = "cancelled"

    def delete(self, response_id: str) -> None:
        """Forget a response."""
        self._stored.drop(response_id)

    async def stop(self) -> None:
        """Cancel what still goes on, and log it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
