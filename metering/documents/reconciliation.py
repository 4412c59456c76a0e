"""Ledgers compared with Azure's bill and with the gateway's log."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field

from metering.core.reconciliation.cost_row import Exact, format_exact
from metering.core.reconciliation.explain import Part, Why
from metering.core.reconciliation.report import Line, Report
from metering.documents.document import Document
from metering.documents.ingest import by_name
from metering.documents.left_out import LeftOutLedger


def _exact(value: Any) -> Any:
    return format_exact(value) if isinstance(value, int) else value


ExactText = Annotated[str, BeforeValidator(_exact)]


class ExplainedPart(Document):
    """A part of a difference with its cause. Figures are exact."""

    why: str
    tokens: ExactText
    amount: ExactText


class ReconciledLine(Document):
    """One day, deployment and meter of both sides."""

    sort: str
    day: str
    account: str | None
    deployment: str | None
    model: str | None
    metered: str
    azure_meters: list[str]
    our_tokens: int
    billed_tokens: str
    our_amount: str
    billed_amount: str
    difference: str = Field(description="Billed less ours.")
    explained: list[ExplainedPart]
    remains: bool = Field(description="True if a difference beyond the tolerance remains.")

    @classmethod
    def of(cls, line: Line, tolerance: Exact) -> Self:
        """Return a line as a document."""
        return cls(
            sort=line.sort,
            day=line.day,
            account=line.account,
            deployment=line.deployment,
            model=line.model,
            metered=line.metered,
            azure_meters=list(line.meters),
            our_tokens=line.our_tokens,
            billed_tokens=format_exact(line.tokens),
            our_amount=format_exact(line.our_amount),
            billed_amount=format_exact(line.cost),
            difference=format_exact(line.cost - line.our_amount),
            explained=[ExplainedPart.model_validate(part) for part in line.parts],
            remains=line.remains(tolerance),
        )


class ReconciledTotal(Document):
    """All lines of both sides."""

    our_amount: str
    billed_amount: str
    explained: list[ExplainedPart]


class OtherServices(Document):
    """Billed rows that are not model usage and are not compared."""

    rows: int
    amount: str


class LoggedLine(Document):
    """One day and deployment of the ledgers and the log."""

    day: str
    deployment: str | None
    requests: int
    tokens: int
    logged_requests: int
    logged_tokens: int
    differing: int = Field(description="Requests on both sides whose tokens differ.")


class AbsentRequestDocument(Document):
    """A logged request that the ledgers do not have."""

    id: str
    day: str
    deployment: str | None
    tokens: int
    why: str


class DifferingRequestDocument(Document):
    """A request on both sides whose tokens differ."""

    id: str
    day: str
    deployment: str | None
    tokens: int = Field(description="As the ledger has them, for what the log counts.")
    logged_tokens: int


class LogComparison(Document):
    """The ledgers compared with the gateway's log."""

    lines: list[LoggedLine]
    absent: Annotated[Mapping[str, int], BeforeValidator(by_name)] = Field(
        description="Logged requests not in the ledgers, by cause."
    )
    requests: list[AbsentRequestDocument] = Field(
        validation_alias="named", description="Some of them."
    )
    differing: list[DifferingRequestDocument] = Field(
        description="Some of the requests on both sides whose tokens differ."
    )
    refused: int = Field(description="Log records with unusable counts.")


class LogReconciliation(Document):
    """The result of comparing the ledgers with the gateway's log alone."""

    gateway_logs: LogComparison
    left_out: list[LeftOutLedger]


class Reconciliation(Document):
    """The result of comparing the ledgers with a bill, and with a log if one was given."""

    currency: str
    first_day: str
    last_day: str = Field(description="The last day, inclusive.")
    lines: list[ReconciledLine]
    total: ReconciledTotal
    other_services: OtherServices
    remaining: int = Field(description="Lines on which a difference remains.")
    gateway_logs: LogComparison | None = None
    left_out: list[LeftOutLedger]

    @classmethod
    def of(
        cls,
        report: Report,
        tolerance: Exact,
        *,
        all_lines: bool,
        logs: LogComparison | None,
        left_out: list[LeftOutLedger],
    ) -> Self:
        """Return a report as a document; without `all_lines`, only lines that differ."""
        other = report.other_services
        return cls(
            currency=report.currency,
            first_day=report.first,
            last_day=report.last,
            lines=[
                ReconciledLine.of(line, tolerance)
                for line in shown_lines(report, all_lines=all_lines)
            ],
            total=ReconciledTotal(
                our_amount=format_exact(sum(line.our_amount for line in report.lines)),
                billed_amount=format_exact(sum(line.cost for line in report.lines)),
                explained=[ExplainedPart.model_validate(part) for part in explained_total(report)],
            ),
            other_services=OtherServices(
                rows=other.rows, amount=format_exact(other.cost + other.credit)
            ),
            remaining=len(remaining_lines(report, tolerance)),
            gateway_logs=logs,
            left_out=left_out,
        )


#: A line with nothing else says no more than the totals do.
_IN_TOTALS: Final = frozenset({Why.DISCOUNT, Why.ROUNDING})


def shown_lines(report: Report, *, all_lines: bool) -> Sequence[Line]:
    """Return the lines that differ, or all of them.

    Lines that differ by the agreed discount alone, and rounding beside it, are in the totals.
    """
    return [line for line in report.lines if all_lines or _is_shown(line)]


def _is_shown(line: Line) -> bool:
    why = {part.why for part in line.parts}
    return bool(why) and not (Why.DISCOUNT in why <= _IN_TOTALS)


def discounted_lines(report: Report) -> int:
    """Return the number of lines on which an agreed discount was taken off."""
    return sum(any(part.why is Why.DISCOUNT for part in line.parts) for line in report.lines)


def remaining_lines(report: Report, tolerance: Exact) -> list[Line]:
    """Return the lines on which a difference remains."""
    return [line for line in report.lines if line.remains(tolerance)]


def explained_total(report: Report) -> list[Part]:
    """Return the explained differences of all lines by cause."""
    tokens: defaultdict[Why, Exact] = defaultdict(int)
    amounts: defaultdict[Why, Exact] = defaultdict(int)
    for part in (part for line in report.lines for part in line.parts):
        tokens[part.why] += part.tokens
        amounts[part.why] += part.amount
    return [Part(why, tokens[why], amounts[why]) for why in Why if why in tokens]
