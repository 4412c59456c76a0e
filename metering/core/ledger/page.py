"""Pages: the immutable, hash-chained groups of entries that are committed together.

A page is written in columns and its repeated parts once, so that an entry takes about 120 bytes.
Its hash is SHA-256 over its document without the hash, as UTF-8 JSON with sorted keys and no white
space (RFC 8785 gives the same bytes), so the chain can be checked with a few lines of code. Counts
of 2^53 and more are stored as text, which every store keeps exactly, and hashed as numbers.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import repeat
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.documents import (
    EXACT,
    UNREADABLE_DOCUMENT,
    Document,
    check_schema,
    exact,
    read_whole,
)
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount, format_fixed, parse_fixed
from metering.core.calendars.periods import LedgerId, Slot, slot_start
from metering.core.ledger.counts_document import change_document, read_change
from metering.core.ledger.entry import Entry, Kind, Reference, State, Superseded
from metering.core.ledger.limits import LimitChange
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import (
    BUCKETS,
    Buckets,
    by_name,
    by_position,
    from_names,
    from_positions,
)
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Dimensions, digested

SCHEMA: Final = 2
#: Of a page that ends its segment: a version that does not know of segments must stop at it.
CLOSING_SCHEMA: Final = 3
GENESIS: Final = "0" * 64
"""The hash that the first page of a ledger names as its predecessor's."""

MAX_ENTRIES: Final = 2_000
"""Of one page; keeps it far below the 2 MB a Cosmos item may have."""


#: What a token weighs on provisioned units where no weight is named, in 10^-6.
WEIGHT: Final = 10**MULTIPLIER_DECIMALS

#: Rates and dimensions that are kept: the pages of a ledger repeat theirs, and what is the same
#: object is compared without its parts.
_KEPT: Final = 4096
_ENTRY_PARTS: Final = len(Entry._fields)
_STATE_PARTS: Final = len(State._fields)


def page_id(number: int) -> str:
    """Return the document id of a page."""
    return f"page-{number:08d}"


class Diagnostics(NamedTuple):
    """Events answered without an entry."""

    duplicates: int = 0
    conflicts: int = 0

    def plus(self, other: "Diagnostics") -> "Diagnostics":
        """Return the sum of both."""
        return Diagnostics(self.duplicates + other.duplicates, self.conflicts + other.conflicts)


NOTHING_ELSE: Final = Diagnostics()


class Carried(NamedTuple):
    """The part of a page that is not entries."""

    change: LimitChange | None = None
    diagnostics: Diagnostics = NOTHING_ELSE
    closes: bool = False


ENTRIES_ONLY: Final = Carried()


@dataclass(frozen=True, slots=True)
class Page:
    """Entries of one slot, committed together; `previous` is the hash of the page before."""

    ledger: LedgerId
    number: int
    slot: Slot
    previous: str
    committed: Instant
    entries: tuple[Entry, ...]
    hash: str
    change: LimitChange | None = None
    """Other quotas, counted from this page on."""
    diagnostics: Diagnostics = NOTHING_ELSE
    """Events of the same commit that made no entry."""
    closes: bool = False
    """Whether it is the last page of its segment: the next one opens another."""
    size: int = field(default=0, compare=False)
    """Bytes of its document, without the hash."""


def seal(
    ledger: LedgerId,
    slot: Slot,
    entries: Iterable[Entry],
    *,
    number: int,
    previous: str,
    committed: Instant,
    carried: Carried = ENTRIES_ONLY,
) -> tuple[Page, bytes]:
    """Return a new page with its hash, and its document as the bytes to store."""
    rows = tuple(entries)
    unsealed = Page(ledger, number, slot, previous, committed, rows, "", *carried)
    digest, content, size = _sealed(_document(unsealed))
    return replace(unsealed, hash=digest, size=size), content


def page_content(page: Page) -> bytes:
    """Return a sealed page as the bytes to store."""
    _, content, _ = _sealed(_document(page))
    return content


def _sealed(document: Document) -> tuple[str, bytes, int]:
    """Return the hash of a document, its bytes with the hash in its sorted place, and its size."""
    content = to_json(document)
    size = len(content)
    digest = hashlib.sha256(content).hexdigest()
    if _has(document, _is_large):
        content = to_json(_with_counts(document, exact))
    head, tail = content.split(b',"id":"page-', 1)
    return digest, b'%s,"hash":"%s","id":"page-%s' % (head, digest.encode(), tail), size


def _has(document: Document, found: Callable[[Sequence[Any]], bool]) -> bool:
    """Say whether any counts in a page's document, a column or a row of them, are such."""
    columns = document["columns"]["buckets"].values()
    return any(map(found, columns)) or any(
        found(tuple(item["buckets"].values())) for item in document["supersedes"]
    )


def _is_large(counts: Sequence[int]) -> bool:
    return max(counts, default=0) >= EXACT


def _is_text(counts: Sequence[Any]) -> bool:
    return str in map(type, counts)


def _with_counts(document: Document, change: Callable[[Any], int | str]) -> Document:
    """Return a page's document with each of its counts changed."""
    columns = document["columns"]
    buckets = {name: list(map(change, column)) for name, column in columns["buckets"].items()}
    supersedes = [
        {**item, "buckets": {name: change(count) for name, count in item["buckets"].items()}}
        for item in document["supersedes"]
    ]
    return {**document, "columns": {**columns, "buckets": buckets}, "supersedes": supersedes}


class _Table[T]:
    """Distinct values in order of first use; entries name them by position.

    Entries share their rates and dimensions, so most look-ups end at the object's identity, without
    hashing its twenty parts. The caller keeps every value alive while the table is in use.
    """

    def __init__(self) -> None:
        self.values: list[T] = []
        self._by_identity: dict[int, int] = {}
        self._by_value: dict[T, int] = {}

    def positions(self, values: Iterable[T]) -> list[int]:
        """Return where the values stand, taking in those that are new."""
        known, position = self._by_identity, self.position
        return [
            known[identity] if (identity := id(value)) in known else position(value)
            for value in values
        ]

    def position(self, value: T) -> int:
        """Return where a value stands, taking it in if it is new."""
        position = self._by_identity.get(id(value))
        if position is None:
            position = self._by_value.setdefault(value, len(self.values))
            if position == len(self.values):
                self.values.append(value)
            self._by_identity[id(value)] = position
        return position


def _document(page: Page) -> Document:
    dimensions: _Table[Dimensions] = _Table()
    rates: _Table[Rate] = _Table()
    end_users: _Table[str | None] = _Table()
    entries, start = page.entries, slot_start(page.slot)
    keys, digests, times, arrivals, users, states, _ = _transposed(entries, _ENTRY_PARTS)
    kinds, ranks, kept_dimensions, kept_rates, buckets, amounts = _transposed(states, _STATE_PARTS)
    columns = {
        "amount": [None if amount is None else str(amount) for amount in amounts],
        "arrival": [arrival - start for arrival in arrivals],
        "buckets": _bucket_columns(buckets),
        "digest": digests,
        "dimensions": dimensions.positions(kept_dimensions),
        "end_user": end_users.positions(users),
        # Plain numbers: an enumeration takes the JSON writer ten times as long.
        "evidence": list(map(int, ranks)),
        "id": [key[2] for key in keys],
        "kind": list(map(int, kinds)),
        "rate": rates.positions(kept_rates),
        "time": [time - start for time in times],
    }
    supersedes = [
        _superseded_document(row, entry.supersedes, dimensions, rates, end_users)
        for row, entry in enumerate(entries)
        if entry.supersedes is not None
    ]
    # Left out where there are none, as in pages that were written before there were any.
    seen = page.diagnostics
    diagnostics = {"diagnostics": dict(sorted(seen._asdict().items()))} if any(seen) else {}
    closes = {"closes": True} if page.closes else {}
    return {
        **closes,
        "columns": columns,
        "committed": page.committed,
        **diagnostics,
        # As in pages that were written before the last fields came, where these say nothing.
        "dimensions": [digested(values) for values in dimensions.values],
        "end_users": end_users.values,
        "id": page_id(page.number),
        "ledger": str(page.ledger),
        "limits": None if page.change is None else change_document(page.change),
        "number": page.number,
        "previous": page.previous,
        "rates": [rate_document(rate) for rate in rates.values],
        "schema": CLOSING_SCHEMA if page.closes else SCHEMA,
        "slot": page.slot,
        "supersedes": supersedes,
    }


def _transposed(rows: Sequence[tuple[Any, ...]], parts: int) -> Iterable[tuple[Any, ...]]:
    """Return rows as columns; a page that only changes limits has none."""
    return zip(*rows, strict=True) if rows else ((),) * parts


def _amount_text(amount: Amount | None) -> str | None:
    return None if amount is None else str(amount)


def _bucket_columns(rows: Iterable[Buckets]) -> dict[str, tuple[int, ...]]:
    columns = zip(BUCKETS, zip(*rows, strict=True), strict=False)
    return dict(sorted((name, column) for name, column in columns if any(column)))


def rate_document(rate: Rate) -> Document:
    """Return a rate as stored: units are integer strings of 10^-18 currency units."""
    units = zip(BUCKETS, rate.units, strict=True)
    # Only where a model is hosted, so that the hashes of all other pages stay as they were.
    hosted = {} if rate.hosted is None else {"hosted": rate.hosted}
    return {
        "channel": rate.channel,
        **hosted,
        "model": rate.model,
        "multiplier": format_fixed(rate.multiplier, MULTIPLIER_DECIMALS),
        "row": rate.row,
        "unit": rate.unit,
        "units": {name: str(unit) for name, unit in sorted(units) if unit is not None},
        "version": rate.version,
        "weights": None if rate.weights is None else by_position(rate.weights, WEIGHT),
    }


def read_rate(document: Document) -> Rate:
    """Return the rate that `rate_document` wrote."""
    weights = document["weights"]
    return _rate(
        document["model"],
        document["version"],
        document["row"],
        document["multiplier"],
        tuple(document["units"].items()),
        document["channel"],
        document["unit"],
        None if weights is None else tuple(weights),
        document.get("hosted"),
    )


@lru_cache(_KEPT, typed=True)
def _rate(*parts: Any) -> Rate:
    model, version, row, multiplier, priced, channel, unit, weights, hosted = parts
    units = dict(priced)
    return Rate(
        model,
        version,
        row,
        parse_fixed(multiplier, MULTIPLIER_DECIMALS),
        tuple(int(units[name]) if name in units else None for name in BUCKETS),
        channel,
        unit,
        None if weights is None else from_positions(weights, WEIGHT),
        hosted,
    )


_dimensions: Final = lru_cache(_KEPT, typed=True)(Dimensions)


def _superseded_document(
    row: int,
    superseded: Superseded,
    dimensions: _Table[Dimensions],
    rates: _Table[Rate],
    end_users: _Table[str | None],
) -> Document:
    state = superseded.state
    return {
        "amount": _amount_text(state.amount),
        "buckets": dict(sorted(by_name(state.buckets).items())),
        "dimensions": dimensions.position(state.dimensions),
        "end_user": end_users.position(superseded.end_user),
        "evidence": state.evidence,
        "kind": state.kind,
        "of": superseded.at,
        "rate": rates.position(state.rate),
        "row": row,
    }


def read_page(document: Document, ledger: LedgerId) -> Page:
    """Return the page of `ledger` in a stored document.

    Raises LedgerBroken when its hash does not match its content, when it is another ledger's, or
    when it has an older schema. NewerVersionError when a newer version wrote it.
    """
    try:
        expected = CLOSING_SCHEMA if "closes" in document else SCHEMA
        check_schema(document, expected, f"ledger {ledger}: a page")
    except ValueError as fault:
        raise LedgerBroken(str(ledger), f"a page {fault}") from None
    try:
        if _has(document, _is_text):
            document = _with_counts(document, read_whole)
        digest, size = _hash_of(document)
        page = _page(document, size)
    except UNREADABLE_DOCUMENT as error:
        reason = f"{document.get('id')} cannot be read: {error!r}"
        raise LedgerBroken(str(ledger), reason) from None
    if digest != page.hash:
        raise LedgerBroken(str(ledger), f"{document['id']} does not match its hash")
    if document["id"] != page_id(page.number) or page.ledger != ledger:
        raise LedgerBroken(str(ledger), f"holds {document['id']} of {page.ledger}")
    return page


def _hash_of(document: Document) -> tuple[str, int]:
    """Return the hash of a stored document, of all that is in it but the hash, and its size.

    Names that begin with an underscore are Cosmos DB's own.
    """
    kept = {
        name: value
        for name, value in document.items()
        if name != "hash" and not name.startswith("_")
    }
    # Its names are in order as they were written, unless a store keeps them in its own.
    encoded = to_json(kept)
    digest = hashlib.sha256(encoded).hexdigest()
    if digest != document.get("hash"):
        content = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        encoded = content.encode()
        digest = hashlib.sha256(encoded).hexdigest()
    return digest, len(encoded)


def _page(document: Document, size: int) -> Page:
    ledger = LedgerId.parse(document["ledger"])
    return Page(
        ledger,
        document["number"],
        document["slot"],
        document["previous"],
        document["committed"],
        tuple(_entries(document)),
        document["hash"],
        None if document["limits"] is None else read_change(document["limits"]),
        Diagnostics(**document.get("diagnostics", {})),
        document.get("closes", False),
        size,
    )


def _entries(document: Document) -> Iterable[Entry]:
    columns = document["columns"]
    dimensions = [_dimensions(*values) for values in document["dimensions"]]
    rates = [read_rate(rate) for rate in document["rates"]]
    start = slot_start(document["slot"])
    superseded = {
        item["row"]: _superseded(item, dimensions, rates)._replace(
            end_user=document["end_users"][item["end_user"]]
        )
        for item in document["supersedes"]
    }
    for row, buckets in enumerate(_bucket_rows(columns["buckets"], len(columns["id"]))):
        amount = columns["amount"][row]
        state = State(
            Kind(columns["kind"][row]),
            Evidence(columns["evidence"][row]),
            dimensions[columns["dimensions"][row]],
            rates[columns["rate"][row]],
            buckets,
            None if amount is None else int(amount),
        )
        yield Entry(
            (state.dimensions.type, state.dimensions.source, columns["id"][row]),
            columns["digest"][row],
            columns["time"][row] + start,
            columns["arrival"][row] + start,
            document["end_users"][columns["end_user"][row]],
            state,
            superseded.get(row),
        )


def _bucket_rows(columns: dict[str, list[int]], rows: int) -> Iterable[Buckets]:
    nothing = [0] * rows
    return zip(*map(columns.get, BUCKETS, repeat(nothing)), strict=True)


def _superseded(item: Document, dimensions: list[Dimensions], rates: list[Rate]) -> Superseded:
    amount = item["amount"]
    state = State(
        Kind(item["kind"]),
        Evidence(item["evidence"]),
        dimensions[item["dimensions"]],
        rates[item["rate"]],
        from_names(item["buckets"]),
        None if amount is None else int(amount),
    )
    page, row = item["of"]
    return Superseded(Reference(page, row), state)
