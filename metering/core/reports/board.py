"""The board: one row for each tenant in its period, filtered, sorted, paged and summed up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount


class Standing(StrEnum):
    """The standing of a tenant against its limits, the worst first."""

    UNREADABLE = "unreadable"
    """The tenant's ledger cannot be read: its figures are those of an empty one."""
    OVER = "over"
    """A quota is reached, or prepaid credit is used up."""
    NEAR = "near"
    WITHIN = "within"
    UNLIMITED = "unlimited"
    """The tenant has neither quotas nor a prepaid plan."""


STANDINGS: Final = tuple(Standing)
#: Above every percentage by which standings of one kind are sorted.
_WORSE: Final = 10**9

type Sort = Literal[
    "tenant",
    "standing",
    "amount",
    "projected",
    "provisioned",
    "requests",
    "duplicates",
    "unpriced",
    "missing",
    "plan",
    "last_commit",
]
type SortKey = tuple[str, int, str]
"""A text and a number to sort by, and the tenant: the same for every column."""


class BoardRow(NamedTuple):
    """A tenant's figures, without the ledger they come from."""

    tenant: str
    standing: Standing
    percent: int
    """The use of the nearest limit; 0 without limits."""
    plan: str
    currency: str
    amount: Amount
    projected: Amount
    provisioned: Amount
    """Accrued, and in no other amount."""
    requests: int
    duplicates: int
    conflicts: int
    unpriced: int
    missing: int
    pending: int
    last_commit: Instant
    """0 without a commit."""
    fault: str | None = None
    """Why the ledger cannot be read."""


class BoardQuery(NamedTuple):
    """The tenants that are asked for, and their order."""

    search: str = ""
    """Part of the name, in any case."""
    standings: frozenset[Standing] = frozenset()
    """Empty for all."""
    sort: Sort = "tenant"
    descending: bool = False

    @property
    def is_by_name(self) -> bool:
        """Say whether names alone answer it."""
        return self.sort == "tenant" and not self.standings

    def names(self, tenant: str) -> bool:
        """Say whether a tenant's name matches."""
        return self.search.casefold() in tenant.casefold()

    def meets(self, row: BoardRow) -> bool:
        """Say whether a row matches."""
        return self.names(row.tenant) and (not self.standings or row.standing in self.standings)

    def key(self, row: BoardRow) -> SortKey:
        """Return the sort key of a row. Amounts are sorted within each currency."""
        if self.sort in {"amount", "projected", "provisioned"}:
            return row.currency, int(getattr(row, self.sort)), row.tenant
        if self.sort == "plan":
            return row.plan, 0, row.tenant
        if self.sort == "tenant":
            return "", 0, row.tenant
        if self.sort == "standing":
            rank = len(STANDINGS) - STANDINGS.index(row.standing)
            return "", rank * _WORSE + min(row.percent, _WORSE - 1), row.tenant
        return "", int(getattr(row, self.sort)), row.tenant

    def place(self, key: SortKey) -> tuple[Any, ...]:
        """Return what puts keys in order: in either direction, equal rows are sorted by name."""
        text, number, tenant = key
        if not self.descending:
            return key
        if self.sort == "tenant":
            return text, number, _Last(tenant)
        return (_Last(text) if self.sort == "plan" else text), -number, tenant


@dataclass(frozen=True, slots=True)
class _Last:
    """A text in descending order."""

    text: str

    def __lt__(self, other: "_Last") -> bool:
        return other.text < self.text


class Spending(NamedTuple):
    """The spending of the tenants of one currency."""

    tenants: int = 0
    amount: Amount = 0
    projected: Amount = 0


class Totals(NamedTuple):
    """The sums over all tenants. Those that cannot be read are counted, and in no other sum."""

    tenants: int
    standings: Mapping[Standing, int]
    spending: Mapping[str, Spending]
    """By currency: currencies are never added up."""
    requests: int
    duplicates: int
    conflicts: int
    unpriced: int
    missing: int
    pending: int
    last_commit: Instant
    """The latest; 0 without any."""
    unreadable: tuple[BoardRow, ...]


@dataclass(slots=True)
class Board:
    """The rows of all tenants."""

    rows: dict[str, BoardRow] = field(default_factory=dict)

    def add(self, rows: Iterable[BoardRow]) -> None:
        """Add rows, or replace those of the same tenants."""
        self.rows.update((row.tenant, row) for row in rows)

    def found(self, query: BoardQuery) -> list[SortKey]:
        """Return the keys of the rows that match, in order."""
        keys = [query.key(row) for row in self.rows.values() if query.meets(row)]
        return sorted(keys, key=query.place)

    def totals(self) -> Totals:
        """Return the sums over all rows."""
        rows = self.rows.values()
        read = [row for row in rows if row.fault is None]
        spending = dict[str, Spending]()
        for row in read:
            one = spending.get(row.currency, Spending())
            spending[row.currency] = Spending(
                one.tenants + 1, one.amount + row.amount, one.projected + row.projected
            )
        return Totals(
            len(rows),
            dict.fromkeys(STANDINGS, 0) | Counter(row.standing for row in rows),
            dict(sorted(spending.items(), key=lambda item: (-item[1].tenants, item[0]))),
            sum(row.requests for row in read),
            sum(row.duplicates for row in read),
            sum(row.conflicts for row in read),
            sum(row.unpriced for row in read),
            sum(row.missing for row in read),
            sum(row.pending for row in read),
            max((row.last_commit for row in read), default=0),
            tuple(sorted(row for row in rows if row.fault is not None)),
        )
