"""Deployments that usage names but the registry does not have; the reported model prices them."""

from collections import Counter, defaultdict
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.ledger.entry import State
from metering.core.ledger.page import Page
from metering.core.tenancy.directory import Directory

type _Place = tuple[str, str | None]


class UnknownDeployment(NamedTuple):
    """One deployment that was not registered when its requests were made."""

    name: str
    backend: str | None
    requests: int
    models: tuple[str, ...]
    """The models that responses named, sorted."""


class UnknownDeployments:
    """Sums the pages of any ledgers, corrections included."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.requests: defaultdict[_Place, Counter[str | None]] = defaultdict(Counter)
        """By name and backend, then by the model that responses named."""

    def add(self, page: Page) -> None:
        """Add the usage of one page."""
        for entry in page.entries:
            for state, _, sign in entry.changes():
                self._count(entry.time, state, sign)

    def _count(self, at: Instant, state: State, sign: int) -> None:
        name, backend = state.dimensions.deployment, state.dimensions.backend
        if state.is_hold or not name:
            return
        is_alias = self._directory.aliases.at(name, at).alias is not None
        if not is_alias and self._directory.deployment(name, backend, at)[0] is None:
            self.requests[name, backend][state.dimensions.model] += sign

    def include(self, other: "UnknownDeployments") -> None:
        """Add the sums of other pages."""
        for place, requests in other.requests.items():
            self.requests[place].update(requests)

    def found(self) -> list[UnknownDeployment]:
        """Return the deployments, those with the most requests first."""
        rows = (
            UnknownDeployment(
                name,
                backend,
                models.total(),
                tuple(sorted(model for model, requests in models.items() if model and requests)),
            )
            for (name, backend), models in self.requests.items()
            if models.total()
        )
        return sorted(rows, key=lambda row: (-row.requests, row.name, row.backend or ""))
