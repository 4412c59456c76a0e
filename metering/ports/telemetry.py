"""Metrics and traces for operators."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from metering.core.installation.metrics import Counter, Gauge, Histogram

type Labels = Mapping[str, str]
"""Labels of a metric. Few values each: never an id, a tenant or a person."""

type Attributes = Mapping[str, str | int]
"""Attributes of a span. Ids are allowed; bodies, prompts, keys and tokens are not."""

NO_LABELS: Final[Labels] = {}


class Span(Protocol):
    """One piece of work, while it lasts."""

    def note(self, attributes: Attributes) -> None:
        """Add what has become known meanwhile."""
        ...


class Telemetry(Protocol):
    """Receives metrics and spans of batches, commits and responses, never of single events.

    Nothing here raises or waits: telemetry that is lost costs a figure, not usage.
    """

    def add(self, name: Counter, amount: float, labels: Labels = NO_LABELS) -> None:
        """Add to a counter; 0 adds nothing, but lets the metric be seen."""
        ...

    def record(self, name: Histogram, value: float, labels: Labels = NO_LABELS) -> None:
        """Record one value of a distribution."""
        ...

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        """Say how many there are now."""
        ...

    def span(
        self, name: str, attributes: Attributes, links: Sequence[str] = ()
    ) -> AbstractContextManager[Span]:
        """Open a span inside the one that is open; an exception of the body marks it as failed.

        `links`: W3C `traceparent` values of what this work was caused by; others are left out.
        """
        ...


class Silent:
    """Telemetry of whoever is not watched: commands, tests, a machine that asks for none."""

    def add(self, name: Counter, amount: float, labels: Labels = NO_LABELS) -> None:
        """Do nothing."""

    def record(self, name: Histogram, value: float, labels: Labels = NO_LABELS) -> None:
        """Do nothing."""

    def set(self, name: Gauge, value: int, labels: Labels = NO_LABELS) -> None:
        """Do nothing."""

    def span(
        self,
        name: str,  # noqa: ARG002, the port's signature
        attributes: Attributes,  # noqa: ARG002
        links: Sequence[str] = (),  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        """Open nothing."""
        return _NOTHING

    def note(self, attributes: Attributes) -> None:
        """Do nothing."""


SILENT: Final[Telemetry] = Silent()
_NOTHING: Final[AbstractContextManager[Span]] = nullcontext(Silent())
