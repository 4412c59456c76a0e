"""Usage events from producers other than the gateway."""

import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request

from metering import bootstrap
from metering.api.openapi import EVENTS, SCHEMAS
from metering.api.parameters import TheApp, TheCaller
from metering.api.problems import Problem
from metering.api.routers import for_producers
from metering.app.ingest.take_events import MAX_EVENTS, NOT_AUTHORISED, Answer, Sent, stamped
from metering.app.tenancy.audited import Act
from metering.core.basics.json_arrays import array_items
from metering.core.tenancy.access import Caller, Role
from metering.documents.ingest import EventAnswer, EventsDocument

router = for_producers("events")

_EVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "type": "meter.usage.v1",
    "source": "/app/search",
    "id": "6f0c1d52",
    "time": "2026-11-20T11:45:00Z",
    "subject": "sub-1",
    "data": {"meter": "vector-search", "quantity": "2", "unit": "query"},
}
_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        media_type: {
            "schema": {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_EVENTS,
                "items": {"oneOf": [{"$ref": f"{SCHEMAS}{event.__name__}"} for event in EVENTS]},
            },
            "example": [_EVENT],
        }
        for media_type in ("application/cloudevents-batch+json", "application/json")
    },
}


@router.post("/events", openapi_extra={"requestBody": _BODY})
async def take_events(app: TheApp, caller: TheCaller, request: Request) -> EventsDocument:
    """Accept a batch of CloudEvents and return a result for each. Safe to repeat."""
    content = await request.body()
    producer = None if Role.GATEWAY in caller.roles else caller.subject
    # Four megabytes take tens of milliseconds, in which nobody else would be answered.
    sent = await app.executor.run(lambda: _events(content, producer))
    bound = None if Role.OPERATOR in caller.roles else producer
    answers = await app.take_events.batch([one.body for one in sent], bound)
    await _audit_refused(app, caller, answers)
    results = [
        _result(n, one.id, answer)
        for n, (one, answer) in enumerate(zip(sent, answers, strict=True))
    ]
    accepted = sum(one.status == "accepted" for one in results)
    return EventsDocument(accepted=accepted, rejected=len(results) - accepted, events=results)


async def _audit_refused(app: bootstrap.App, caller: Caller, answers: Sequence[Answer]) -> None:
    """Record the events of a batch that the caller may not send: by code, with the first reason."""
    refused = [one for one in answers if one.code in NOT_AUTHORISED]
    if refused:
        wanted = {"refused": Counter(str(one.code) for one in refused)}
        about = f"producer/{caller.subject}"
        act = Act(str(uuid.uuid4()), caller.subject, "events.report", about, wanted)
        await app.audited.refused(act, str(refused[0].reason))


def _events(content: bytes, producer: str | None) -> list[Sent]:
    """Return the events of a batch, each under the identity of its producer.

    The array is taken apart without reading the events, so that one that cannot be read is answered
    for itself.
    """
    found = array_items(content, MAX_EVENTS)
    if found is None:
        raise Problem(400, "The body is not valid JSON.")
    if not 1 <= len(found) <= MAX_EVENTS:
        message = f"must be an array of 1 to {MAX_EVENTS} events"
        raise Problem(422, f"body: {message}", errors=[{"field": "body", "message": message}])
    return [stamped(one, producer) for one in found]


def _result(index: int, name: str | None, answer: Answer) -> EventAnswer:
    status = "accepted" if answer.code is None else "rejected"
    return EventAnswer(index=index, id=name, status=status, code=answer.code, reason=answer.reason)
