"""The past of a tenant, and its hours of spend, as stored in pages and heads."""

from metering.core.basics.documents import Document
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.past import Past, Streams
from metering.core.ledger.target_mark import TargetMark
from metering.core.plans.spikes import NO_HOURS, Hours
from metering.core.usage.buckets import by_name, from_names


def past_document(past: Past | None) -> Document:
    """Return a past under its name: left out where there is none, as in earlier documents."""
    if past is None:
        return {}
    streams = {
        model: {"lengths": list(one.lengths), "tokens": dict(sorted(by_name(one.tokens).items()))}
        for model, one in sorted(past.streams.items())
    }
    # In the order of the deployments: the earliest one gives way first.
    served = {"served": [list(pair) for pair in past.served.items()]} if past.served else {}
    hours = hours_document(past.hours) if past.hours.amounts else {}
    low = _mark(past.low_credit)
    passed = {"targets": [_target(one) for one in past.targets]} if past.targets else {}
    marks = {**low, **passed}
    return {"past": {"delays": list(past.delays), **hours, **marks, **served, "streams": streams}}


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


def _target(mark: TargetMark) -> Document:
    written = {"target": str(mark.target), "amount": str(mark.amount), "number": mark.number}
    return {"use_case": mark.use_case, "outcome": mark.outcome, **written}


def _read_target(mark: Document) -> TargetMark:
    target, amount = int(mark["target"]), int(mark["amount"])
    return TargetMark(mark["use_case"], mark["outcome"], target, amount, mark["number"])


def read_past(document: Document) -> Past | None:
    """Return the past that `past_document` wrote."""
    past = document.get("past")
    if past is None:
        return None
    streams = {
        model: Streams(tuple(one["lengths"]), from_names(one["tokens"]))
        for model, one in past["streams"].items()
    }
    served = dict(past.get("served", ()))
    hours = read_hours(past) if "hours" in past else NO_HOURS
    passed = tuple(_read_target(one) for one in past.get("targets", ()))
    return Past(streams, tuple(past["delays"]), served, hours, _read_mark(past), passed)


def hours_document(hours: Hours) -> Document:
    """Return hours of spend as stored."""
    return {
        "hour_told": hours.told,
        "hours": [[hour, str(amount)] for hour, amount in hours.amounts],
    }


def read_hours(document: Document) -> Hours:
    """Return the hours that `hours_document` wrote."""
    amounts = tuple((hour, int(amount)) for hour, amount in document["hours"])
    return Hours(amounts, document["hour_told"])
