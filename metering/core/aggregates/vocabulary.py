"""The words of platforms for their counters: metrics, attributes and kinds of tokens.

Sources: the AI Gateway's metrics (Microsoft Learn, azure/ai-gateway, 2026-08-28 and later) and its
kinds of tokens as seen live (2026-10-02); OpenTelemetry's semantic conventions for generative AI
1.45. Both are previews, so every name that has been seen is read, and unknown ones are left alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.core.aggregates.point import Figure, Point, Run, Series
from metering.core.basics.instants import DAY, SECOND, Instant
from metering.core.usage.event import MAX_NAME_LENGTH, MAX_QUANTITY

#: Tokens by kind.
USAGE: Final = frozenset({"azure.ai_gateway.client.token.usage", "gen_ai.client.token.usage"})
#: The platform's own estimate from list prices.
COST: Final = frozenset({"azure.ai_gateway.client.token.cost"})

_KIND: Final = ("gen_ai.token.type", "token.type")
_KEY: Final = ("azure.ai_gateway.api_key_id", "api_key_id")
_REQUESTED: Final = ("gen_ai.request.model",)
_MODEL: Final = ("gen_ai.response.model",)
_OPERATION: Final = ("gen_ai.operation.name",)
_PROVIDER: Final = ("gen_ai.provider.name", "gen_ai.system")
_CURRENCY: Final = ("azure.ai_gateway.currency",)
_PRICE_MISSING: Final = ("azure.ai_gateway.price_missing",)
#: Attributes that say what a point counts, and not whose it is.
_OF_THE_POINT: Final = frozenset((*_KIND, *_CURRENCY, *_PRICE_MISSING))
_NAMED: Final = frozenset((*_KEY, *_REQUESTED, *_MODEL, *_OPERATION, *_PROVIDER))

_FIGURES: Final = {
    "input": Figure.PROMPT,
    "inputtokens": Figure.PROMPT,
    "prompt": Figure.PROMPT,
    "prompttokens": Figure.PROMPT,
    "output": Figure.COMPLETION,
    "outputtokens": Figure.COMPLETION,
    "completion": Figure.COMPLETION,
    "completiontokens": Figure.COMPLETION,
    "total": Figure.TOTAL,
    "totaltokens": Figure.TOTAL,
    "cached": Figure.CACHED,
    "cachedtokens": Figure.CACHED,
    "cacheread": Figure.CACHED,
    "reasoning": Figure.REASONING,
    "reasoningtokens": Figure.REASONING,
    "thinkingtokens": Figure.REASONING,
}
_REST_BYTES: Final = 16
_TRUE: Final = frozenset({"true", "1"})
_USD: Final = "USD"
_COST_DECIMALS: Final = 10**12

#: Points are taken for as long as their spans are kept, and not from a clock that is ahead.
MAX_AGE: Final = 7 * DAY
MAX_AHEAD: Final = 300 * SECOND


class Sample(NamedTuple):
    """One data point as an exporter sent it, of a sum or a histogram's sum."""

    metric: str
    resource: Mapping[str, str]
    attributes: Mapping[str, str]
    start: Instant
    """0 if the exporter does not know it."""
    end: Instant
    value: float
    is_cumulative: bool


class Reading(NamedTuple):
    """The points of samples, and the reasons for those that cannot be taken."""

    points: list[Point]
    refused: list[str]
    """One reason a sample."""


def read_samples(source: str, samples: Iterable[Sample], now: Instant) -> Reading:
    """Return the points of the samples that count tokens or their cost; others are left alone."""
    reading = Reading([], [])
    for sample in samples:
        if sample.metric not in USAGE | COST:
            continue
        figure = _figure(sample)
        if isinstance(figure, _Ignored):
            continue
        fault = _fault(sample, now)
        if fault is not None:
            reading.refused.append(fault)
            continue
        reading.points.append(_point(source, sample, figure))
    return reading


class _Ignored:
    """A kind of tokens that overlaps the others and costs nothing of its own."""


def _figure(sample: Sample) -> Figure | _Ignored:
    if sample.metric in COST:
        missing = _first(sample.attributes, _PRICE_MISSING) or ""
        if missing.lower() in _TRUE:
            return Figure.COST_MISSING
        is_dollars = (_first(sample.attributes, _CURRENCY) or _USD).upper() == _USD
        return Figure.COST if is_dollars else _Ignored()
    named = _first(sample.attributes, _KIND) or ""
    # Details are named with their whole: completion_tokens_details.reasoning_tokens.
    last = named.rpartition(".")[2]
    folded = "".join(letter for letter in last.lower() if letter.isalnum())
    return _FIGURES.get(folded) or _Ignored()


def _fault(sample: Sample, now: Instant) -> str | None:
    longest = max(len(sample.attributes.get(name, "")) for name in _NAMED)
    is_counted = 0 <= sample.value <= MAX_QUANTITY
    faults = (
        (sample.end <= 0, "a point without a time"),
        (sample.end > now + MAX_AHEAD, "the time is ahead of the clock"),
        (sample.end < now - MAX_AGE, "older than seven days"),
        (not _has_interval(sample), "a delta without the start of its interval"),
        (not is_counted, f"not between 0 and {MAX_QUANTITY}"),
        (is_counted and not _is_whole(sample), "not a whole number of tokens"),
        (longest > MAX_NAME_LENGTH, f"a name longer than {MAX_NAME_LENGTH} characters"),
    )
    return next((f"{sample.metric}: {fault}" for is_so, fault in faults if is_so), None)


def _has_interval(sample: Sample) -> bool:
    return sample.is_cumulative or 0 < sample.start <= sample.end


def _is_whole(sample: Sample) -> bool:
    return sample.metric in COST or sample.value == int(sample.value)


def _point(source: str, sample: Sample, figure: Figure) -> Point:
    run = Run(_series(source, sample), sample.is_cumulative)
    value = round(sample.value * _COST_DECIMALS) if figure is Figure.COST else int(sample.value)
    if figure is Figure.COST_MISSING:
        value = max(value, 1)
    return Point(run, figure, sample.start, sample.end, value)


def _series(source: str, sample: Sample) -> Series:
    attributes = sample.attributes
    return Series(
        source,
        _first(attributes, _KEY) or "",
        _first(attributes, _REQUESTED),
        _first(attributes, _MODEL),
        _first(attributes, _OPERATION),
        _first(attributes, _PROVIDER),
        _rest(sample),
    )


def _rest(sample: Sample) -> str:
    others = {
        name: value
        for name, value in sample.attributes.items()
        if name not in _OF_THE_POINT | _NAMED
    }
    content = to_json((sorted(others.items()), sorted(sample.resource.items())))
    return hashlib.blake2b(content, digest_size=_REST_BYTES).hexdigest()


def _first(attributes: Mapping[str, str], names: Iterable[str]) -> str | None:
    """Return the first of these attributes that is there and not empty."""
    return next((found for name in names if (found := attributes.get(name))), None)
