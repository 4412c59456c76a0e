"""The periods of a tenant, and a period compared with the one before."""

from collections.abc import Callable
from typing import Final, Self

from pydantic import Field

from metering.core.basics.instants import Instant
from metering.core.basics.money import format_amount, format_fixed
from metering.core.calendars.periods import Period
from metering.core.reports.breakdown import Row
from metering.core.reports.comparison import Change, Comparison, Part
from metering.core.usage.buckets import QUANTITY, by_name
from metering.documents.document import Document, Time


class TenantPeriod(Document):
    """A period of a tenant's calendar."""

    period: str = Field(validation_alias="name", examples=["2026-11"])
    start: Time
    end: Time = Field(description="The end, exclusive.")
    is_running: bool

    @classmethod
    def of(cls, period: Period, now: Instant) -> Self:
        """Return a period as it is at `now`."""
        is_running = period.start <= now < period.end
        return cls.model_validate({**period._asdict(), "is_running": is_running})


class ComparedPart(Document):
    """The days of a period that are compared."""

    period: str = Field(examples=["2026-10"])
    first_day: str = Field(examples=["2026-10-01"])
    end_day: str = Field(description="Exclusive.", examples=["2026-10-20"])
    currency: str

    @classmethod
    def of(cls, part: Part) -> Self:
        """Return the days of a part."""
        return cls(
            period=part.period.name,
            first_day=part.days.first,
            end_day=part.days.end,
            currency=part.currency,
        )


class ChangeDocument(Document):
    """A figure beside its value in the period before; null where one is not known."""

    now: str | None
    before: str | None
    difference: str | None = Field(examples=["-12.5"])
    percent: str | None = Field(
        description="To a tenth; null if there was nothing before.", examples=["-3.2"]
    )

    @classmethod
    def of(cls, change: Change, text: Callable[[int], str] = str) -> Self:
        """Return a change as a document."""
        figures = (change.now, change.before, change.difference)
        now, before, difference = (None if one is None else text(one) for one in figures)
        tenths = change.per_mille
        percent = None if tenths is None else format_fixed(tenths, 1)
        return cls(now=now, before=before, difference=difference, percent=percent)


class ComparisonDocument(Document):
    """A tenant's period compared with the same part of the one before."""

    tenant: str = Field(examples=["acme"])
    period: str = Field(examples=["2026-11"])
    is_running: bool = Field(description="Then the UTC days that have ended are compared.")
    before: str | None = Field(description="The period before; null for a first one.")
    reason: str | None = Field(
        description="Why nothing is compared: first_period or no_day_ended.",
    )
    part: ComparedPart | None
    part_before: ComparedPart | None
    amount: ChangeDocument | None = Field(description="Null if the currency has changed.")
    requests: ChangeDocument | None
    tokens: ChangeDocument | None
    unpriced: ChangeDocument | None

    @classmethod
    def of(cls, tenant: str, found: Comparison) -> Self:
        """Return a comparison as a document."""
        one, other = found.part, found.part_before
        changes: dict[str, ChangeDocument | None] = dict.fromkeys(_FIGURES)
        if one is not None and other is not None:
            for name, read in _FIGURES.items():
                change = Change(read(one.usage), read(other.usage))
                changes[name] = ChangeDocument.of(change)
            changes["amount"] = None
            if found.is_in_one_currency:
                change = Change(one.usage.amount, other.usage.amount)
                changes["amount"] = ChangeDocument.of(change, format_amount)
        return cls(
            tenant=tenant,
            period=found.period.name,
            is_running=found.is_running,
            before=None if found.before is None else found.before.name,
            reason=found.reason,
            part=None if one is None else ComparedPart.of(one),
            part_before=None if other is None else ComparedPart.of(other),
            amount=changes.pop("amount", None),
            **changes,
        )


def _tokens(usage: Row) -> int:
    counts = by_name(usage.line.tokens)
    counts.pop(QUANTITY, None)
    return sum(counts.values())


_FIGURES: Final[dict[str, Callable[[Row], int]]] = {
    "requests": lambda usage: usage.line.requests,
    "tokens": _tokens,
    "unpriced": lambda usage: usage.line.unpriced,
}
