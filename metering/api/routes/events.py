"""Usage events from producers other than the gateway."""

from typing import Any, Final

from fastapi import Request

from metering.api.openapi import EVENTS, SCHEMAS
from metering.api.parameters import TheApp
from metering.api.problems import Problem
from metering.api.routers import for_producers
from metering.app.ingest.take_events import MAX_EVENTS, Answer, Sent, stamped
from metering.core.basics.json_arrays import array_items
from metering.core.tenancy.access import Role
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
async def take_events(app: TheApp, request: Request) -> EventsDocument:
    """Accept a batch of CloudEvents and return a result for each. Safe to repeat."""
    content = await request.body()
    caller = request.state.caller
    producer = None if Role.GATEWAY in caller.roles else caller.subject
    # Four megabytes take tens of milliseconds, in which nobody else would be answered.
    sent = await app.executor.run(lambda: _events(content, producer))
    # Whoever reports and is not the gateway or an operator.
    is_gateway = bool(caller.roles & {Role.GATEWAY, Role.OPERATOR})
    answers = await app.take_events.batch([one.body for one in sent], is_gateway=is_gateway)
    results = [
        _result(n, one.id, answer)
        for n, (one, answer) in enumerate(zip(sent, answers, strict=True))
    ]
    accepted = sum(one.status == "accepted" for one in results)
    return EventsDocument(accepted=accepted, rejected=len(results) - accepted, events=results)


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
