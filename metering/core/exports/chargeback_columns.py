"""The columns of the chargeback report: a further figure is a further line of FIGURES."""

from collections.abc import Callable, Mapping
from typing import Final

from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell, Figure, figure
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_fixed
from metering.core.exports.chargeback_sum import MAX_KEPT, Key, Sum
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, QUANTITY, QUANTITY_DECIMALS, TOKENS

#: Names listed in one cell; the cell says how many more there are.
MAX_LISTED: Final = 100
_SHARE_DECIMALS: Final = 4
_CACHED: Final = (INDEX["cached_read"], INDEX["cached_audio"])
_CACHE_WRITTEN: Final = (INDEX["cache_write"], INDEX["cache_write_long"])

#: The key of a row after its day and its name, in the order of Key.
KEYS: Final = tuple(
    Column(name) for name in ("model", "deployment", "account", "sku", "unit", "currency")
)


def _prompt(_: Key, total: Sum) -> int:
    return sum(total.line.tokens[INPUT_BUCKETS])


def _total(_: Key, total: Sum) -> int:
    return sum(total.line.tokens[TOKENS])


def _completion(key: Key, total: Sum) -> int:
    return _total(key, total) - _prompt(key, total)


def _quantity(key: Key, total: Sum) -> Cell:
    if key.unit == TOKEN:
        return None
    return Figure(format_fixed(total.line.tokens[INDEX[QUANTITY]], QUANTITY_DECIMALS))


def _cached(_: Key, total: Sum) -> int:
    return sum(total.line.tokens[index] for index in _CACHED)


def _cache_written(_: Key, total: Sum) -> int:
    return sum(total.line.tokens[index] for index in _CACHE_WRITTEN)


def _cache_hit_share(key: Key, total: Sum) -> Cell:
    """Return a share between 0 and 1, truncated to four decimals; None without a prompt."""
    cached, prompt = _cached(key, total), _prompt(key, total)
    if not prompt:
        return None
    return Figure(format_fixed(cached * 10**_SHARE_DECIMALS // prompt, _SHARE_DECIMALS))


def _first_seen(_: Key, total: Sum) -> Cell:
    # A delivery may have corrections alone: then no request of it is new.
    firsts = [day.first for day in total.days.values() if day.requests]
    return format_instant(min(firsts)) if firsts else None


def _last_seen(_: Key, total: Sum) -> Cell:
    lasts = [day.last for day in total.days.values() if day.requests]
    return format_instant(max(lasts)) if lasts else None


def _listed(name: str) -> Callable[[Key, Sum], Cell]:
    def cell(_: Key, total: Sum) -> Cell:
        known: Mapping[str, int] = total.names.get(name, {})
        found = sorted(value for value, requests in known.items() if requests)
        more = len(found) - MAX_LISTED
        if more <= 0:
            return ";".join(found) or None
        at_least = "at least " if len(known) == MAX_KEPT else ""
        return ";".join([*found[:MAX_LISTED], f"and {at_least}{more} more"])

    return cell


def _amount(_: Key, total: Sum) -> Cell:
    return None if total.line.is_unknown else figure(total.amount)


FIGURES: Final[tuple[tuple[Column, Callable[[Key, Sum], Cell]], ...]] = (
    (Column("calls", Kind.COUNT), lambda _, total: total.line.requests),
    (Column("prompt_tokens", Kind.COUNT), _prompt),
    (Column("completion_tokens", Kind.COUNT), _completion),
    (Column("total_tokens", Kind.COUNT), _total),
    (Column("quantity", Kind.DECIMAL), _quantity),
    (Column("cached_tokens", Kind.COUNT), _cached),
    (Column("cache_written_tokens", Kind.COUNT), _cache_written),
    (Column("cache_hit_share", Kind.DECIMAL), _cache_hit_share),
    (Column("first_seen", Kind.TIME), _first_seen),
    (Column("last_seen", Kind.TIME), _last_seen),
    (Column("regions"), _listed("regions")),
    (Column("callers"), _listed("callers")),
    (Column("backends"), _listed("backends")),
    (Column("caches"), _listed("caches")),
    (Column("tenants"), _listed("tenants")),
    (Column("unpriced_calls", Kind.COUNT), lambda _, total: total.line.unpriced),
    (Column("missing_calls", Kind.COUNT), lambda _, total: total.line.missing),
    (Column("not_billable_calls", Kind.COUNT), lambda _, total: total.line.not_billable),
    (Column("from_cache_calls", Kind.COUNT), lambda _, total: total.line.from_cache),
    (Column("amount", Kind.DECIMAL), _amount),
)
"""The figures of a row with what computes them."""


def _has_cost(total: Sum) -> bool:
    """Say whether any call has both an amount and a cost."""
    line = total.line
    unknown = line.unpriced + line.missing + total.uncosted
    return unknown == 0 or unknown + line.not_billable < line.requests


def _cost(_: Key, total: Sum) -> Cell:
    return figure(total.cost) if _has_cost(total) else None


def _margin(_: Key, total: Sum) -> Cell:
    margin = total.amount - total.uncosted_amount - total.cost
    return figure(margin) if _has_cost(total) else None


COSTS: Final[tuple[tuple[Column, Callable[[Key, Sum], Cell]], ...]] = (
    (Column("uncosted_calls", Kind.COUNT), lambda _, total: total.uncosted),
    (Column("cost", Kind.DECIMAL), _cost),
    (Column("margin", Kind.DECIMAL), _margin),
)
"""The calls' cost to the company: in no report made for one tenant."""
