"""Request units of one line of the report."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tests.doubles.cosmos import RequestInfo


class Charged(NamedTuple):
    """The amount charged for a line."""

    name: str
    batch_size: int
    events: int
    units: dict[str, float]
    """Request units: `writes`, `refused` (a batch that lost a race), `reads`."""

    @property
    def per_thousand(self) -> float:
        """Request units for 1,000 events."""
        return self.part("writes", "refused", "reads")

    def part(self, *kinds: str) -> float:
        """Return the request units of some kinds for 1,000 events."""
        return sum(self.units.get(kind, 0.0) for kind in kinds) / self.events * 1_000


def units_of(requests: Sequence["RequestInfo"]) -> dict[str, float]:
    """Add up what requests were charged, without those about databases and containers."""
    units: Counter[str] = Counter()
    for request in requests:
        if request.kind in {"read", "query", "plan"}:
            units["reads"] += round(request.charge * 100)
        elif request.kind != "metadata":
            kind = "writes" if request.status in {200, 201, 204} else "refused"
            units[kind] += round(request.charge * 100)
    return {kind: hundredths / 100 for kind, hundredths in units.items()}
