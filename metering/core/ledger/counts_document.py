"""Limits and counts as stored in pages and heads: readable JSON, counts as strings."""

from collections.abc import Mapping
from typing import Any

from metering.core.basics.documents import Document, exact, read_whole
from metering.core.calendars.calendar import MONTHS, Calendar
from metering.core.calendars.periods import Slot
from metering.core.ledger.counts import Counts
from metering.core.ledger.earlier import NONE_EARLIER, Earlier, Place
from metering.core.ledger.limits import Counter, CounterKey, Holds, LimitChange, Limits
from metering.core.ledger.past_document import (
    hours_document,
    past_document,
    read_hours,
    read_past,
)
from metering.core.plans.increases import Increase
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import Spike

type _Held = Mapping[Slot, Mapping[CounterKey, int]]


def counts_document(counts: Counts) -> Document:
    """Return counts as stored."""
    return {
        **_limits(counts.limits),
        **_counters(counts.used),
        **({"crowded": sorted(counts.crowded)} if counts.crowded else {}),
        "held": _held(counts.held),
        **hours_document(counts.hours),
        **past_document(counts.past),
        **({} if counts.earlier == NONE_EARLIER else _earlier(counts.earlier)),
    }


def read_counts(document: Document) -> Counts:
    """Return the counts that `counts_document` wrote."""
    return Counts(
        _read_limits(document),
        _read_used(document),
        _read_held(document),
        read_hours(document),
        frozenset(document.get("crowded", ())),
        read_past(document),
        _read_earlier(document) or NONE_EARLIER,
    )


def change_document(change: LimitChange) -> Document:
    """Return a change of limits as stored; keys are sorted, since the document is hashed."""
    document = {
        **_limits(change.limits),
        **_counters(change.used),
        "held": _held(change.held),
        **past_document(change.past),
    }
    if change.holds is not None:
        document["holds"] = holds_document(change.holds)
    if change.crowded:
        document["crowded"] = sorted(change.crowded)
    if change.earlier is not None:
        document |= _earlier(change.earlier)
    return dict(sorted(document.items()))


def holds_document(holds: Mapping[Slot, Holds]) -> list[Document]:
    """Return open holds as stored."""
    return [
        {
            "amount": str(held.amount),
            "requests": held.requests,
            "slot": slot,
            "tokens": exact(held.tokens),
        }
        for slot, held in sorted(holds.items())
    ]


def read_holds(document: list[Document]) -> dict[Slot, Holds]:
    """Return the holds that `holds_document` wrote."""
    return {
        read_whole(held["slot"]): Holds(
            read_whole(held["requests"]), read_whole(held["tokens"]), int(held["amount"])
        )
        for held in document
    }


def read_change(document: Document) -> LimitChange:
    """Return the change that `change_document` wrote."""
    return LimitChange(
        _read_limits(document),
        _read_used(document),
        _read_held(document),
        read_past(document),
        read_holds(document["holds"]) if "holds" in document else None,
        _read_earlier(document),
        frozenset(document.get("crowded", ())),
    )


def _earlier(earlier: Earlier) -> Document:
    """Return positions under their name."""
    pages = [list(pair) for pair in sorted(earlier.pages.items())]
    written: Document = {"at": earlier.at, "pages": pages}
    if earlier.behind:
        written["behind"] = [[key, *place] for key, place in sorted(earlier.behind.items())]
    if earlier.cut:
        written["cut"] = sorted(earlier.cut)
    return {"earlier": written}


def _read_earlier(document: Document) -> Earlier | None:
    earlier = document.get("earlier")
    if earlier is None:
        return None
    pages = {start: read_whole(number) for start, number in earlier["pages"]}
    behind = {
        key: Place(start, read_whole(page), read_whole(through))
        for key, start, page, through in earlier.get("behind", ())
    }
    return Earlier(earlier["at"], pages, behind, frozenset(earlier.get("cut", ())))


def _limits(limits: Limits) -> Document:
    quotas = [_sorted(quota.model_dump(mode="json")) for quota in limits.quotas]
    spike = None if limits.spike is None else _sorted(limits.spike.model_dump(mode="json"))
    written = {"end": limits.end, "quotas": quotas, "spike": spike, "zone": limits.zone}
    if limits.increases:
        written["increases"] = [_sorted(one.model_dump(mode="json")) for one in limits.increases]
    if limits.calendar != MONTHS:
        written["calendar"] = _sorted(limits.calendar.model_dump(mode="json"))
    return written


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return value


def _counters(used: Mapping[CounterKey, Counter]) -> Document:
    """Return counters as stored: those of split quotas, of which there are many, in rows."""
    whole = [
        {
            "crossed": counter.crossed,
            "end": counter.end,
            **({"foretold": counter.foretold} if counter.foretold else {}),
            "quota": key.quota,
            "start": key.start,
            **({"told": [counter.told, counter.told_ahead]} if _is_told_before(counter) else {}),
            "used": str(counter.used),
        }
        for key, counter in sorted(used.items())
        if not key.values
    ]
    split: dict[tuple[str, int, int], list[list[Any]]] = {}
    for key, counter in sorted(used.items()):
        if key.values:
            rows = split.setdefault((key.quota, key.start, counter.end), [])
            rows.append([list(key.values), str(counter.used), counter.crossed, *_more(counter)])
    if not split:
        return {"used": whole}
    rows_of = [
        {"end": end, "quota": quota, "rows": rows, "start": start}
        for (quota, start, end), rows in sorted(split.items())
    ]
    return {"split": rows_of, "used": whole}


def _is_told_before(counter: Counter) -> bool:
    return bool(counter.told or counter.told_ahead)


def _more(counter: Counter) -> list[int]:
    """Return the last columns of a row: most counters have none of them."""
    if _is_told_before(counter):
        return [counter.foretold, counter.told, counter.told_ahead]
    return [counter.foretold] if counter.foretold else []


def _held(held: _Held) -> list[Document]:
    return [
        {"held": str(value), "quota": key.quota, "slot": slot, "start": key.start}
        | ({"values": list(key.values)} if key.values else {})
        for slot, by_key in sorted(held.items())
        for key, value in sorted(by_key.items())
    ]


def _read_limits(document: Document) -> Limits:
    spike = document["spike"]
    return Limits(
        document["zone"],
        tuple(map(Quota.model_validate, document["quotas"])),
        None if spike is None else Spike.model_validate(spike),
        document["end"],
        tuple(map(Increase.model_validate, document.get("increases", ()))),
        Calendar.model_validate(document["calendar"]) if "calendar" in document else MONTHS,
    )


def _read_used(document: Document) -> dict[CounterKey, Counter]:
    used = {
        CounterKey(one["quota"], one["start"]): Counter(
            one["end"],
            int(one["used"]),
            one["crossed"],
            one.get("foretold", 0),
            *one.get("told", ()),
        )
        for one in document["used"]
    }
    for window in document.get("split", ()):
        for values, count, crossed, *more in window["rows"]:
            key = CounterKey(window["quota"], window["start"], tuple(values))
            used[key] = Counter(window["end"], int(count), crossed, *more)
    return used


def _read_held(document: Document) -> dict[Slot, dict[CounterKey, int]]:
    held: dict[Slot, dict[CounterKey, int]] = {}
    for one in document["held"]:
        key = CounterKey(one["quota"], one["start"], tuple(one.get("values", ())))
        held.setdefault(one["slot"], {})[key] = int(one["held"])
    return held
