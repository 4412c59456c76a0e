"""Limits and counts as stored in pages and heads: readable JSON, counts as strings."""

from collections.abc import Mapping
from typing import Any

from metering.core.basics.documents import Document, exact, read_whole
from metering.core.calendars.periods import Slot
from metering.core.ledger.counts import Counts
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.limits import Counter, CounterKey, Holds, LimitChange, Limits
from metering.core.ledger.past import Past, Streams
from metering.core.plans.increases import Increase
from metering.core.plans.quota import Quota
from metering.core.plans.spikes import NO_HOURS, Hours, Spike
from metering.core.usage.buckets import by_name, from_names

type _Held = Mapping[Slot, Mapping[CounterKey, int]]


def counts_document(counts: Counts) -> Document:
    """Return counts as stored."""
    return {
        **_limits(counts.limits),
        **_counters(counts.used),
        **({"crowded": sorted(counts.crowded)} if counts.crowded else {}),
        "held": _held(counts.held),
        **_hours(counts.hours),
        **_past(counts.past),
    }


def read_counts(document: Document) -> Counts:
    """Return the counts that `counts_document` wrote."""
    return Counts(
        _read_limits(document),
        _read_used(document),
        _read_held(document),
        _read_hours(document),
        frozenset(document.get("crowded", ())),
        _read_past(document),
    )


def change_document(change: LimitChange) -> Document:
    """Return a change of limits as stored; keys are sorted, since the document is hashed."""
    document = {
        **_limits(change.limits),
        **_counters(change.used),
        "held": _held(change.held),
        **_past(change.past),
    }
    if change.holds is not None:
        document["holds"] = holds_document(change.holds)
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
        _read_past(document),
        read_holds(document["holds"]) if "holds" in document else None,
    )


def _past(past: Past | None) -> Document:
    """Return a past under its name: left out where there is none, as in earlier documents."""
    if past is None:
        return {}
    streams = {
        model: {"lengths": list(one.lengths), "tokens": dict(sorted(by_name(one.tokens).items()))}
        for model, one in sorted(past.streams.items())
    }
    # In the order of the deployments: the earliest one gives way first.
    served = {"served": [list(pair) for pair in past.served.items()]} if past.served else {}
    hours = _hours(past.hours) if past.hours.amounts else {}
    low = _mark(past.low_credit)
    return {"past": {"delays": list(past.delays), **hours, **low, **served, "streams": streams}}


def _mark(mark: CreditMark | None) -> Document:
    if mark is None:
        return {}
    written = {
        "currency": mark.currency,
        "granted": str(mark.granted),
        "remaining": str(mark.remaining),
        "runs_out": mark.runs_out,
        "threshold": str(mark.threshold),
    }
    return {"low_credit": written}


def _read_mark(document: Document) -> CreditMark | None:
    mark = document.get("low_credit")
    if mark is None:
        return None
    granted, left, threshold = (int(mark[name]) for name in ("granted", "remaining", "threshold"))
    return CreditMark(mark["currency"], granted, left, threshold, mark["runs_out"])


def _read_past(document: Document) -> Past | None:
    past = document.get("past")
    if past is None:
        return None
    streams = {
        model: Streams(tuple(one["lengths"]), from_names(one["tokens"]))
        for model, one in past["streams"].items()
    }
    served = dict(past.get("served", ()))
    hours = _read_hours(past) if "hours" in past else NO_HOURS
    return Past(streams, tuple(past["delays"]), served, hours, _read_mark(past))


def _hours(hours: Hours) -> Document:
    return {
        "hour_told": hours.told,
        "hours": [[hour, str(amount)] for hour, amount in hours.amounts],
    }


def _read_hours(document: Document) -> Hours:
    amounts = tuple((hour, int(amount)) for hour, amount in document["hours"])
    return Hours(amounts, document["hour_told"])


def _limits(limits: Limits) -> Document:
    quotas = [_sorted(quota.model_dump(mode="json")) for quota in limits.quotas]
    spike = None if limits.spike is None else _sorted(limits.spike.model_dump(mode="json"))
    written = {"end": limits.end, "quotas": quotas, "spike": spike, "zone": limits.zone}
    if limits.increases:
        written["increases"] = [_sorted(one.model_dump(mode="json")) for one in limits.increases]
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
            "used": str(counter.used),
        }
        for key, counter in sorted(used.items())
        if not key.values
    ]
    split: dict[tuple[str, int, int], list[list[Any]]] = {}
    for key, counter in sorted(used.items()):
        if key.values:
            rows = split.setdefault((key.quota, key.start, counter.end), [])
            foretold = [counter.foretold] if counter.foretold else []
            rows.append([list(key.values), str(counter.used), counter.crossed, *foretold])
    if not split:
        return {"used": whole}
    rows_of = [
        {"end": end, "quota": quota, "rows": rows, "start": start}
        for (quota, start, end), rows in sorted(split.items())
    ]
    return {"split": rows_of, "used": whole}


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
    )


def _read_used(document: Document) -> dict[CounterKey, Counter]:
    used = {
        CounterKey(one["quota"], one["start"]): Counter(
            one["end"], int(one["used"]), one["crossed"], one.get("foretold", 0)
        )
        for one in document["used"]
    }
    for window in document.get("split", ()):
        for values, count, crossed, *foretold in window["rows"]:
            key = CounterKey(window["quota"], window["start"], tuple(values))
            used[key] = Counter(window["end"], int(count), crossed, *foretold)
    return used


def _read_held(document: Document) -> dict[Slot, dict[CounterKey, int]]:
    held: dict[Slot, dict[CounterKey, int]] = {}
    for one in document["held"]:
        key = CounterKey(one["quota"], one["start"], tuple(one.get("values", ())))
        held.setdefault(one["slot"], {})[key] = int(one["held"])
    return held
