"""Business outcomes as they arrive: what usage was good for, such as a resolved ticket."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from metering.core.buckets import QUANTITY_DECIMALS
from metering.core.event import MAX_QUANTITY, Id, Label, Name
from metering.core.money import parse_fixed


class _Inbound(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


def _quantity(text: object) -> int:
    try:
        value = parse_fixed(text, QUANTITY_DECIMALS)
    except ValueError:
        raise ValueError("is not a quoted decimal string with at most 6 decimals") from None
    if not 0 <= value <= MAX_QUANTITY * 10**QUANTITY_DECIMALS:
        raise ValueError(f"is not between 0 and {MAX_QUANTITY}")
    return value


class BusinessOutcomeData(_Inbound):
    """The `data` of `business.outcome.v1`."""

    outcome: Name
    """What came about: `ticket_resolved`."""
    use_case: Name
    """Of the usage that it came of, as usage events name it."""
    quantity: Annotated[int, BeforeValidator(_quantity)] = 10**QUANTITY_DECIMALS
    """How many, a quoted decimal string; kept in millionths. Default: one."""
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
