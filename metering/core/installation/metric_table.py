"""The table of metrics: the meaning and the labels of each name."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.installation.gen_ai import AMOUNT_LABELS, TOKEN_LABELS
from metering.core.installation.metrics import Metric


class About(NamedTuple):
    """The meaning of a metric and its labels, all of which have few values."""

    meaning: str
    labels: tuple[str, ...] = ()


_FUNCTION: Final = ("function",)

METRIC_TABLE: Final[Mapping[Metric, About]] = {
    "gen_ai.client.token.usage": About(
        "tokens of a request, recorded once, when its counts are first known; `input` includes"
        " cached tokens, `output` reasoning. Later corrections and sums over many requests are in"
        " the ledger alone",
        TOKEN_LABELS,
    ),
    "metering.usage.amount": About(
        "the amounts of requests in currency units, added once, when each is first known: entries"
        " as rated, before allowances, tiers and fees. For charts: the exact bill is the statement",
        AMOUNT_LABELS,
    ),
    "metering.events.accepted": About(
        "usage that was counted; for `join_usage`, requests about which a log had new information",
        _FUNCTION,
    ),
    "metering.events.duplicate": About(
        "events that were known already; a normal result", _FUNCTION
    ),
    "metering.events.rejected": About(
        "events that became dead letters, or already were", ("function", "code")
    ),
    "metering.ledger.stopped": About(
        "events parked because their ledger failed its check; also in `rejected`", _FUNCTION
    ),
    "metering.batch.stopped": About(
        "batches held because most of their events cannot be read", _FUNCTION
    ),
    "metering.batch.events": About(
        "events in a batch; more with METERING_BATCH_WAIT, whose wait no duration contains",
        _FUNCTION,
    ),
    "metering.batch.lag_ms": About("age of the newest event of a batch when it started", _FUNCTION),
    "metering.function.duration_ms": About(
        "duration of a run; `outcome` is `ok`, `failed` or `deadline`", ("function", "outcome")
    ),
    "metering.commit.latency_ms": About(
        "duration of a transaction with the store, with any result"
    ),
    "metering.commit.conflicts": About(
        "commits that lost a race against another writer; they are repeated"
    ),
    "metering.store.request_units": About("request units charged by Cosmos DB", ("container",)),
    "metering.store.throttled": About(
        "responses 429 of Cosmos DB, one for each attempt of the SDK", ("container",)
    ),
    "metering.streams.pending": About("streams that wait for their counts"),
    "metering.streams.missing": About("streams given up after a day, each with an entry"),
    "metering.streams.unclaimed": About(
        "requests in logs that were neither reported nor recovered by the end of the delay"
    ),
    "metering.streams.recovered": About(
        "requests that no policy reported by the end of the recovery delay"
    ),
    "metering.usage.unpriced": About("requests without a price, in ledgers of the last two months"),
    "metering.usage.priced": About("requests that got the price they waited for"),
    "metering.ledger.segment_bytes": About(
        "bytes of pages in the largest open segment of a ledger: closed at 10,000,000,000 by the"
        " next commit"
    ),
    "metering.prices.age_days": About(
        "days since a source of prices was last read: over 60, look for new prices (`metering"
        " prices refresh`)",
        ("source",),
    ),
    "metering.effects.delivered": About("notifications accepted by their receiver"),
    "metering.effects.postponed": About("failed attempts, to be repeated"),
    "metering.effects.parked": About("notifications that failed twelve times"),
    "metering.effects.waiting": About(
        "failed notifications that wait for an operator, a thousand at most"
    ),
    "metering.admission.verdicts": About(
        "responses to the gateway: `allow`, `downgrade`, `block`, `unknown`, `unavailable`",
        ("verdict",),
    ),
    "metering.admission.latency_ms": About("duration of an admission request"),
    "metering.hub.lag_ms": About(
        "age of the oldest uncounted events, from partition ends and checkpoints, each minute, also"
        " without traffic",
        ("hub",),
    ),
    "metering.suspension.actions": About(
        "changes to subscriptions of the gateway; `outcome` is `done` or `failed`",
        ("action", "outcome"),
    ),
    "metering.rollup.pages": About("pages added to the usage by day and dimension"),
    "metering.close.closed": About("periods that were closed"),
    "metering.close.waiting": About("ended periods that are still open"),
    "metering.close.overdue": About("those of them that should be closed by now"),
    "metering.alerts": About(
        "faults reported to operators: log records of level CRITICAL of the logger `metering`",
        ("fault",),
    ),
}
