"""The past of a tenant: what its streams turned out to use, and when their counts arrived.

The hold of a stream is an expectation from it. A ledger's first commit takes over the past of the
ledger before, and every commit adds the streams that it settles. So pages give it again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add
from typing import Final, NamedTuple

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import SECOND, Instant
from metering.core.ledger.credit_mark import CreditMark
from metering.core.ledger.entry import Entry
from metering.core.ledger.served import with_served
from metering.core.ledger.target_mark import TargetMark
from metering.core.plans.spikes import NO_HOURS, Hours
from metering.core.usage.buckets import INDEX, INPUT_BUCKETS, NO_TOKENS, TOKENS, Buckets
from metering.core.usage.usage import Usage

#: The output of a stream of a model without a past: a longer answer of a chat.
START_OUTPUT: Final = 500
#: The delay of counts without a past: logs arrive one to three minutes after the request.
START_DELAY: Final[Instant] = 120 * SECOND
#: Streams of a model from which its past is used.
LEAST_STREAMS: Final = 8
#: At this many the older half of the weight is dropped, so that a change shows within as many.
MAX_STREAMS: Final = 256
#: Clients choose the names of models: beyond this the least used one gives way.
MAX_MODELS: Final = 32
#: Bits of the largest number that counts towards a median; larger ones count as it.
_BITS: Final = 31

_OUTPUT: Final = slice(INPUT_BUCKETS.stop, TOKENS.stop)
_FIRST_OUTPUT: Final = INDEX["output"]

type Spread = tuple[int, ...]
"""The count of numbers with 0, 1, 2, … bits."""


class Streams(NamedTuple):
    """The streams of one model that were counted, the latest weighing most."""

    lengths: Spread = ()
    """Their tokens of output."""
    tokens: Buckets = NO_TOKENS
    """The sum of their tokens, for the share of each bucket."""

    @property
    def number(self) -> int:
        """The number of streams behind these figures."""
        return sum(self.lengths)

    def plus(self, buckets: Buckets) -> "Streams":
        """Return the streams with one more."""
        lengths = with_number(self.lengths, sum(buckets[_OUTPUT]))
        tokens = tuple(map(add, self.tokens, buckets))
        if sum(lengths) < MAX_STREAMS:
            return Streams(lengths, tokens)
        return Streams(halved(lengths), tuple(count // 2 for count in tokens))


@dataclass(frozen=True, slots=True)
class Past:
    """The streams of a tenant by the model they were held under, and the delay of their counts."""

    streams: Mapping[str, Streams] = field(default_factory=dict)
    delays: Spread = ()
    """Of the latest streams: seconds from the request until its counts were committed."""
    served: Mapping[str, str] = field(default_factory=dict)
    """The model that each deployment served last: see `served.py`."""
    hours: Hours = NO_HOURS
    """The spend of the last weeks, only while a ledger takes it over: then it is in the counts."""
    low_credit: CreditMark | None = None
    """While credit is low, as it was when it was found to be."""
    targets: tuple[TargetMark, ...] = ()
    """The targets found passed in the period of the ledger: the next ledger begins without."""


NO_PAST: Final = Past()


def with_number(spread: Spread, number: int) -> Spread:
    """Return a spread with one more number, none of them negative."""
    bits = min(number.bit_length(), _BITS)
    grown = [*spread, *[0] * (bits + 1 - len(spread))]
    grown[bits] += 1
    return tuple(grown)


def halved(spread: Spread) -> Spread:
    """Return a spread with half the weight."""
    return tuple(count // 2 for count in spread)


def median(spread: Spread) -> int:
    """Return the median of a spread that has numbers, even between the powers of two around it."""
    twice_left = sum(spread)
    for bits, count in enumerate(spread):
        if twice_left <= 2 * count:
            low = 1 << bits >> 1
            return low + low * twice_left // (2 * count)
        twice_left -= 2 * count
    raise InvariantBroken("a spread without numbers has no median")


def usual_delay(past: Past | None) -> Instant:
    """Return how long after a request its counts usually arrive: the median of the latest."""
    if past is None or sum(past.delays) < LEAST_STREAMS:
        return START_DELAY
    return max(1, median(past.delays)) * SECOND


def expected(past: Past | None, model: str | None, usage: Usage) -> Usage:
    """Return the request record of a stream with the tokens that it is expected to use.

    It has the estimate of the prompt as `input` and the request's maximum as `output`; zero is no
    maximum. The expected output is the median of the latest streams of the tenant held under this
    model, or START_OUTPUT before there are LEAST_STREAMS, and at most the maximum. The
    median is low beside the mean where few answers are long. So the sum of many holds hardly ever
    exceeds what the streams turn out to use, and holds alone refuse nobody who would have stayed
    below a limit. Both parts are divided into buckets as in the past.
    """
    known = (past or NO_PAST).streams.get(model or "", Streams())
    is_known = known.number >= LEAST_STREAMS
    output = median(known.lengths) if is_known else START_OUTPUT
    most = usage.buckets[_FIRST_OUTPUT]
    shares = known.tokens if is_known else NO_TOKENS
    parts = (
        *_divided(sum(usage.buckets[INPUT_BUCKETS]), shares[INPUT_BUCKETS]),
        *_divided(min(output, most) if most else output, shares[_OUTPUT]),
    )
    return usage._replace(buckets=(*parts, *usage.buckets[TOKENS.stop :]))


def _divided(total: int, shares: tuple[int, ...]) -> tuple[int, ...]:
    """Return a total in parts like `shares`; the first takes what is left over."""
    whole = sum(shares)
    parts = [total * share // whole if whole else 0 for share in shares]
    parts[0] += total - sum(parts)
    return tuple(parts)


def with_settled(past: Past, entries: Sequence[Entry], committed: Instant) -> Past:
    """Return the past with what these entries of a page tell: settled streams, served models."""
    served = with_served(past.served, entries)
    replaced = [(one.supersedes, one) for one in entries if one.supersedes is not None]
    if not replaced:
        return past if served is past.served else replace(past, served=served)
    streams, delays = dict(past.streams), past.delays
    for held, entry in replaced:
        state = entry.state
        if not held.state.is_hold or not state.is_billable or state.is_missing:
            continue
        model = held.state.rate.model or ""
        if model not in streams and len(streams) >= MAX_MODELS:
            del streams[min(streams, key=lambda name: (streams[name].number, name))]
        streams[model] = streams.get(model, Streams()).plus(state.buckets)
        delays = with_number(delays, max(0, committed - entry.time) // SECOND)
        if sum(delays) >= MAX_STREAMS:
            delays = halved(delays)
    return replace(past, streams=streams, delays=delays, served=served)
