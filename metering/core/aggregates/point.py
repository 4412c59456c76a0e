"""Points: the value of one counter at one time, as OpenTelemetry's data model has it.

Source: OpenTelemetry metrics data model (specification 1.50, 2026): a delta point covers its
interval; a cumulative point covers the time since the counter's start, and another start is a reset
of the counter.
"""

import hashlib
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic_core import to_json

from metering.core.basics.instants import MINUTE, Instant

#: The grain of aggregates. Every time zone is a whole number of these from UTC, so that each span
#: is in one billing period.
SPAN: Final = 15 * MINUTE

_ID_BYTES: Final = 16


class Figure(StrEnum):
    """A count that a platform states for itself. The details overlap prompt and completion."""

    PROMPT = "prompt"
    COMPLETION = "completion"
    TOTAL = "total"
    CACHED = "cached"
    """Tokens of the prompt that were read from a cache."""
    REASONING = "reasoning"
    """Tokens of the completion that were spent on reasoning."""
    COST = "cost"
    """The platform's own estimate, in 10^-12 US dollars."""
    COST_MISSING = "cost_missing"
    """Points of cost whose price the platform did not know."""


type Values = dict[Figure, int]


class Series(NamedTuple):
    """One caller of one model through one exporter: the counters of its figures."""

    source: str
    """The name of the declared source that sent it."""
    key: str
    """The platform's id of the caller's key; empty if it names none."""
    requested_model: str | None
    model: str | None
    operation: str | None
    provider: str | None
    rest: str
    """A hash of every other attribute of the point and of its resource: they may be of any size."""


class Run(NamedTuple):
    """The points of a series that add up: its deltas, or its counters."""

    series: Series
    is_cumulative: bool

    @property
    def id(self) -> str:
        """The identity of the run: 32 hexadecimal digits."""
        content = to_json((self.series, self.is_cumulative))
        return hashlib.blake2b(content, digest_size=_ID_BYTES).hexdigest()


class Point(NamedTuple):
    """A value of one figure."""

    run: Run
    figure: Figure
    start: Instant
    """The start of a delta's interval, or of a counter: each figure has its own. 0 if unknown."""
    end: Instant
    value: int

    @property
    def span(self) -> int:
        """The number of the span since the epoch; one that ends with the interval has it."""
        return max(0, self.end - 1) // SPAN


def span_start(number: int) -> Instant:
    """Return the first instant of a span."""
    return number * SPAN
