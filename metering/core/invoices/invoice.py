"""Documents about statements: numbered without a gap, issued once, never edited.

A statement gives a credit note for each earlier period that its lines reduce, if that period has an
invoice, and an invoice for its other lines. Amounts are those that the statement shows, in minor
units. What it carries is left out: documents have a balance of their own, which includes the tax.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.basics.validation import Strict
from metering.core.billing.statement import Statement, StatementLine
from metering.core.calendars.periods import LedgerId
from metering.core.invoices.taxes import Tax, TaxLine, TaxRounding
from metering.core.ledger.page import GENESIS
from metering.core.tenancy.customers import AddressLine, Customer, TaxId

type Kind = Literal["invoice", "credit_note", "void", "reissue"]

#: The digits of a number at least; more follow by themselves.
DIGITS: Final = 6
#: Characters of a reason on paper.
MAX_REASON: Final = 256
_CARRIED: Final = frozenset({"carried_over", "carried_forward"})
_REDUCING: Final = frozenset({"correction", "adjustment"})


class Issuer(Strict):
    """Who issues documents, as paper shows it."""

    name: str
    address: tuple[AddressLine, ...] = ()
    tax_id: TaxId = ""


class Terms(NamedTuple):
    """The settings in force when a document is issued."""

    issuer: Issuer
    taxes: tuple[Tax, ...] = ()
    tax_rounding: TaxRounding = "document"
    payment_days: int = 30
    reverse_charge_note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """One document, with all that its paper states except for the lines of its statement."""

    series: str
    sequence: int
    position: int
    """The place among the tenant's documents, from 1."""
    kind: Kind
    refers: str = ""
    """The number of the document that it credits, voids or replaces."""
    ledger: LedgerId
    period: str
    statement: int
    """The number of the statement among the tenant's."""
    statement_hash: str
    part: str = ""
    """The earlier period that a credit note reduces; empty: the other lines of the statement."""
    issued: Instant
    due: Instant
    currency: str
    net: Amount
    taxes: tuple[TaxLine, ...]
    brought: Amount
    """The balance that the tenant's documents left before this one."""
    payable: Amount
    terms: Terms
    customer: Customer
    reason: str = ""
    author: str = ""
    previous: str = GENESIS
    """The hash of the document before it in the series."""
    hash: str = ""

    @property
    def number(self) -> str:
        """The number on paper."""
        return number_of(self.series, self.sequence)

    @property
    def gross(self) -> Amount:
        """The net and its taxes."""
        return self.net + sum(line.amount for line in self.taxes)

    @property
    def balance(self) -> Amount:
        """The balance it carries to the tenant's next document."""
        return self.brought + self.gross - self.payable

    @property
    def subject(self) -> str:
        """Its subject; no two documents have the same."""
        if self.kind in {"void", "reissue"}:
            return f"{self.kind} of {self.refers}"
        return f"{self.ledger} {self.part}"


def number_of(series: str, sequence: int) -> str:
    """Return the number of a document as on paper."""
    return f"{series}{sequence:0{DIGITS}d}"


def live(documents: Iterable[Invoice]) -> dict[tuple[LedgerId, str], Invoice]:
    """Return the documents in force by statement and part: neither voided nor voids."""
    found: dict[tuple[LedgerId, str], Invoice] = {}
    for one in documents:
        if one.kind == "void":
            found.pop((one.ledger, one.part), None)
        else:
            found[one.ledger, one.part] = one
    return found


def lines_of(statement: Statement, part: str, credited: Iterable[str]) -> list[StatementLine]:
    """Return the lines of a statement that a document has; `credited` names all other parts."""
    others = set(credited)
    return [
        line
        for line in statement.lines
        if line.kind not in _CARRIED
        and (part_of(line, statement) == part if part else part_of(line, statement) not in others)
    ]


def part_of(line: StatementLine, statement: Statement) -> str:
    """Return the earlier period that a line changes; empty for any other line."""
    if line.kind not in _REDUCING or line.charge_period in {None, statement.period.name}:
        return ""
    return line.charge_period or ""


def parts_with_documents(statement: Statement, documents: Iterable[Invoice]) -> set[str]:
    """Return the parts of a statement that have been issued, voided or not."""
    return {one.part for one in documents if one.ledger == statement.ledger}
