"""How events were answered."""

from typing import Literal

from pydantic import Field

from metering.api.shapes.plain import Shape


class EventAnswer(Shape):
    """How one event was answered."""

    index: int = Field(description="Its place in the batch, from 0.")
    id: str | None
    status: Literal["accepted", "rejected"]
    code: str | None = Field(description="Why it can never be accepted.", examples=["too_old"])
    reason: str | None


class EventsTaken(Shape):
    """How a batch was answered. What was accepted is on its way to the ledgers, once."""

    accepted: int
    rejected: int
    events: list[EventAnswer]
