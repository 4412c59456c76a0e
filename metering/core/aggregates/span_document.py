"""Spans as documents of a store."""

from typing import Final

from metering.core.aggregates.point import Figure, Run, Series, Values
from metering.core.aggregates.span import Interval, Span
from metering.core.basics.documents import (
    UNREADABLE_DOCUMENT,
    Document,
    check_schema,
    exact_counts,
    read_whole,
)
from metering.core.basics.errors import RetryableError

SCHEMA: Final = 1


def span_id(run: Run, number: int) -> str:
    """Return the id of a span's document, in the order of time within its run."""
    return f"{run.id}-{number:010d}"


def write_span(span: Span) -> Document:
    """Return a span as stored."""
    run = span.run
    return {
        "id": span_id(run, span.number),
        "run": run.id,
        "schema": SCHEMA,
        "series": list(run.series),
        "cumulative": run.is_cumulative,
        "number": span.number,
        "intervals": [
            [*interval, _written(values)] for interval, values in sorted(span.intervals.items())
        ],
        "base": [[start, _written(values)] for start, values in sorted(span.base.items())],
        "revision": span.revision,
        "published": span.published,
    }


def read_span(document: Document) -> Span:
    """Return the span of a document. RetryableError for one that cannot be read."""
    try:
        check_schema(document, SCHEMA, f"aggregate {document['id']}")
        series = Series._make(document["series"])
        return Span(
            Run(series, document["cumulative"]),
            document["number"],
            {Interval(start, end): _read(values) for start, end, values in document["intervals"]},
            {start: _read(values) for start, values in document["base"]},
            document["revision"],
            document["published"],
        )
    except UNREADABLE_DOCUMENT as error:
        raise RetryableError(f"an aggregate's document cannot be read: {error!r}") from None


def _written(values: Values) -> Document:
    return exact_counts({str(figure): value for figure, value in sorted(values.items())})


def _read(document: Document) -> Values:
    return {Figure(name): read_whole(value) for name, value in document.items()}
