"""Postponed: what cannot be allocated yet, because usage of it cannot be read."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from metering.core.calendars.periods import Period


class Postponed(NamedTuple):
    """A deployment whose cost in a month cannot be divided yet."""

    deployment: str
    month: Period
    faults: Mapping[str, str]
    """By ledger that may have used it, or by its own document: why it cannot be read or written."""

    def __str__(self) -> str:
        """Name the deployment and the month."""
        return f"{self.deployment} in {self.month.name}"


def by_fault(postponed: Iterable[Postponed]) -> dict[str, str]:
    """Return each fault once, with the deployments and months that it concerns."""
    found: dict[str, list[str]] = {}
    for one in postponed:
        for fault in one.faults.values():
            found.setdefault(fault, []).append(str(one))
    return {fault: ", ".join(names) for fault, names in found.items()}
