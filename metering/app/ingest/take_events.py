"""Accept events from producers other than the gateway: validate each, then publish it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from metering.app.hubs.publish import publish
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.tenancy.producers import Binding
from metering.core.usage.usage import RESERVED_SOURCES, Dimensions
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Clock, UsagePublisher

#: Most events in one request: the size of a batch of the function app.
MAX_EVENTS: Final = 1_000
#: Events read without a pause.
_AT_ONCE: Final = 50


SOURCE_NOT_ALLOWED: Final = "source_not_allowed"
#: Nobody has said what the producer may report.
PRODUCER_NOT_BOUND: Final = "producer_not_bound"
#: A subject or source that is another's.
OUTSIDE_BINDING: Final = "outside_binding"
NOT_AUTHORISED: Final = frozenset({SOURCE_NOT_ALLOWED, PRODUCER_NOT_BOUND, OUTSIDE_BINDING})
"""Codes of events that nobody may send for somebody else: operators see them in the audit log."""


class Answer(NamedTuple):
    """The answer to one event."""

    code: str | None = None
    """The rejection code; None for a published event, duplicates included."""
    reason: str | None = None


ACCEPTED: Final = Answer()


class Producer(NamedTuple):
    """A caller that is neither the gateway nor an operator, and what it may report."""

    name: str
    binding: Binding | None
    accepts_unbound: bool

    def refusal(self, of: Dimensions) -> Answer | None:
        """Return the answer to an event that it may not send; None for any other."""
        if of.source.startswith(RESERVED_SOURCES):
            reserved = " and ".join(f"{one}…" for one in RESERVED_SOURCES)
            reason = f"source: {reserved} are the gateways' own: use a source of your own"
            return Answer(SOURCE_NOT_ALLOWED, reason)
        if self.binding is None:
            if self.accepts_unbound:
                return None
            command = f"metering producers set {self.name} --subject … --source …"
            reason = (
                f"{self.name} is bound to no subjects and sources: an operator runs `{command}`"
            )
            return Answer(PRODUCER_NOT_BOUND, reason)
        outside = self.binding.refusal(of)
        return None if outside is None else Answer(OUTSIDE_BINDING, outside)


class Sent(NamedTuple):
    """An event as a caller sent it."""

    body: bytes
    id: str | None = None
    """Its id, as far as it can be read."""


def stamped(body: bytes, producer: str | None) -> Sent:
    """Return an event under the identity of who sent it, whatever it says itself.

    The gateway's events name nobody: `producer` None. What is no JSON object stays as it is.
    """
    try:
        event: Any = from_json(body)
    except ValueError:
        return Sent(body)
    if not isinstance(event, dict):
        return Sent(body)
    name = event.get("id")
    id_ = name if isinstance(name, str) else None
    if producer is None and "producer" not in event:
        return Sent(body, id_)
    event["producer"] = producer
    # Infinity stays what it is, and is refused as it was.
    return Sent(to_json(event, inf_nan_mode="constants"), id_)


@dataclass(slots=True, kw_only=True)
class TakeEvents:
    """The use case behind `POST /api/events`."""

    publisher: UsagePublisher
    clock: Clock
    tenancy: Tenancy
    accepts_unbound: bool
    """Whether a producer without a binding may report for every subject."""
    _reader: UsageReader = field(init=False, default_factory=UsageReader)

    async def batch(self, bodies: Sequence[bytes], producer: str | None = None) -> list[Answer]:
        """Publish the valid events, and return an answer for each body, in order.

        `producer` is the identity of a caller who is neither the gateway nor an operator. It keeps
        to its binding, and never speaks under the gateway's sources.

        RetryableError if not all of them are known to be published: repeat the call, since an event
        is identified by its id. An event of an unknown subject is accepted: it becomes a dead
        letter, and can be replayed once the subject is mapped to a tenant.
        """
        now = self.clock.now()
        sender = None if producer is None else await self._producer(producer)
        answers = list[Answer]()
        for some in batched(bodies, _AT_ONCE, strict=False):
            answers += [self._read(body, now, sender) for body in some]
            # Let others take their turn: a thousand large events take a tenth of a second.
            await asyncio.sleep(0)
        taken = [n for n, answer in enumerate(answers) if answer.code is None]
        refused = await publish(self.publisher, (bodies[n] for n in taken), now)
        too_large = {letter.body: Answer(letter.code, letter.reason) for letter in refused}
        for n in taken:
            answers[n] = too_large.get(bodies[n], ACCEPTED)
        return answers

    async def _producer(self, name: str) -> Producer:
        await self.tenancy.refresh_if_due()
        producers = self.tenancy.directory.producers
        if producers.of(name) is None:
            # It may have been bound a second ago.
            await self.tenancy.refresh()
        return Producer(name, producers.of(name), self.accepts_unbound)

    def _read(self, body: bytes, now: Instant, sender: Producer | None) -> Answer:
        try:
            usage = self._reader.read(body, now)
        except RejectedEvent as why:
            return Answer(why.code, why.reason)
        refused = None if sender is None else sender.refusal(usage.dimensions)
        return refused or ACCEPTED
