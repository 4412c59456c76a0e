"""Outcomes as they arrive: what usage was good for, such as a resolved ticket."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from metering.core.event import Id, Label, Name

#: Outcomes that one event may tell of; sums of any number of events stay exact in every store.
MAX_OUTCOMES: Final = 1_000_000


class _Inbound(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class BusinessOutcomeData(_Inbound):
    """The `data` of `business.outcome.v1`."""

    use_case: Name
    """Of the usage that it came of, as usage events name it."""
    outcome: Name
    """What came about: `ticket_resolved`."""
    count: Annotated[int, Field(ge=1, le=MAX_OUTCOMES)] = 1
    product: Label | None = None
    end_user: Label | None = None


class BusinessOutcomeEvent(_Inbound):
    """The envelope."""

    specversion: Literal["1.0"]
    type: Literal["business.outcome.v1"]
    source: Name
    id: Id
    time: Name
    subject: Name
    data: BusinessOutcomeData
