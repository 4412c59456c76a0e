"""Costs, margins and discounts."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from metering.app.costs.costs import CostReport
from metering.core.basics.instants import format_instant
from metering.core.costs.sums import CostRow, Sums, shown_share
from metering.core.prices.discount import AgreedFrom
from metering.documents.document import Document, Money, RequestBody
from metering.documents.left_out import LeftOutLedger, left_out

Share = Annotated[
    str, BeforeValidator(lambda one: shown_share(one) if isinstance(one, Fraction) else one)
]


class CostFigures(Document):
    """The amounts charged to tenants, and the company's costs."""

    requests: int
    tokens: int
    unpriced: int = Field(description="Requests without a price: neither charged nor costed.")
    missing: int = Field(description="Requests whose counts are not known.")
    uncosted: int = Field(description="Requests whose cost is not known.")
    not_billable: int
    charged: Money = Field(description="usage + billed + terms.")
    usage: Money = Field(description="The requests' own amounts.")
    billed: Money = Field(description="The part of used and idle that tenants are charged.")
    terms: Money = Field(description="What terms of plans change, for whole periods.")
    cost: Money = Field(description="paid + used + idle + unallocated.")
    paid: Money = Field(description="The requests at list prices less discounts.")
    used: Money = Field(description="Hours of deployments in which tenants used them.")
    idle: Money = Field(description="Idle hours allocated to tenants.")
    unallocated: Money = Field(description="Idle hours that no tenant pays.")
    provisional: Money = Field(description="The part of the hours that is not final.")
    margin: Money | None = Field(
        description="Charged less cost, without requests of unknown cost; null if all are."
    )
    margin_share: Share | None = Field(description="The margin as a share of what is charged.")


def _figures(sums: Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in CostFigures.model_fields}


class CostRowDocument(CostFigures):
    """The costs of one group."""

    group: Mapping[str, str | None] = Field(
        description="Values by dimension; null if events did not name one.",
        examples=[{"deployment": "gpt-4o-eu"}],
    )
    currency: str
    charged_before: Money | None = Field(None, description="Charged in the time before.")
    cost_before: Money | None = Field(None, description="The cost in the time before.")
    change: Share | None = Field(None, description="Charged more than before, as a share of it.")

    @classmethod
    def of_row(cls, row: CostRow, by: tuple[str, ...]) -> Self:
        """Return a row as a document."""
        before = row.before
        return cls.model_validate(
            {
                "group": dict(zip(by, row.group, strict=True)),
                "currency": row.currency,
                "charged_before": None if before is None else before.charged,
                "cost_before": None if before is None else before.cost,
                "change": row.change,
                **_figures(row.sums),
            }
        )


class CostTotal(CostFigures):
    """The costs of all groups in one currency; currencies are never added up."""

    currency: str
    charged_before: Money | None = None
    cost_before: Money | None = None


class CostsDocument(Document):
    """Costs over all tenants."""

    first_day: str = Field(examples=["2026-11-01"])
    end_day: str = Field(description="The end of the range, exclusive.", examples=["2026-12-01"])
    by: list[str]
    as_of: str
    totals: list[CostTotal]
    left_out: list[LeftOutLedger]
    incomplete: list[str] = Field(
        description="Deployments whose hours are divided without usage that cannot be read."
    )
    periods_not_whole: int = Field(
        description="Periods that reach beyond the days: no terms of their plans are in terms."
    )
    items: list[CostRowDocument] = Field(
        description="By currency, the largest first; what is beyond the limit is (other names)."
    )

    @classmethod
    def of(cls, report: CostReport) -> Self:
        """Return an answer as a document."""
        query, before = report.query, report.totals_before
        return cls(
            first_day=query.days.first,
            end_day=query.days.end,
            by=list(query.by),
            as_of=format_instant(report.as_of),
            totals=[
                CostTotal.model_validate(
                    {
                        "currency": currency,
                        "charged_before": _of(before, currency, "charged"),
                        "cost_before": _of(before, currency, "cost"),
                        **_figures(sums),
                    }
                )
                for currency, sums in report.totals.items()
            ],
            left_out=left_out(report.left_out),
            incomplete=list(report.incomplete),
            periods_not_whole=report.not_whole,
            items=[CostRowDocument.of_row(row, query.by) for row in report.rows],
        )


def _of(before: Mapping[str, Sums] | None, currency: str, name: str) -> Any:
    if before is None:
        return None
    return getattr(before.get(currency, Sums()), name)


class DiscountDocument(Document):
    """A discount that the company has agreed with a provider."""

    key: str = Field(examples=["provider/openai", "model/gpt-4o", "everything"])
    percent: str = Field(examples=["7"])
    since: str = Field(description="When it begins; a later one for the same takes its place.")

    @classmethod
    def of(cls, one: AgreedFrom) -> Self:
        """Return a discount as a document."""
        return cls(
            key=one.discount.key, percent=one.discount.percent, since=format_instant(one.start)
        )


class DiscountRequest(RequestBody):
    """A discount to put in force."""

    percent: str = Field(max_length=8, description="From 0 to 100, at most 4 decimals.")
    category: str | None = Field(None, max_length=64, description="Azure's meter category.")
    provider: str | None = Field(None, max_length=256)
    model: str | None = Field(None, max_length=256)
    since: str | None = Field(
        None,
        max_length=10,
        description="The UTC day on which it begins. Default: the next one.",
        examples=["2026-12-01"],
    )
