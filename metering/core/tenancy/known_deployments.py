"""Known deployments: every version that was recorded, by account and name."""

from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING, FOREVER, Dated
from metering.core.deployments.capacity import Capacity
from metering.core.deployments.deployment import Deployment, place_of
from metering.core.tenancy.record import Record

_NO_VERSIONS: Final = Dated[Deployment]()


class ListedDeployment(NamedTuple):
    """A deployment now, and its versions to come."""

    deployment: Deployment
    """The version in force, or the first one to come."""
    is_in_force: bool
    scheduled: tuple[Instant, ...]
    """When versions to come begin, the next one first."""


class KnownDeployments:
    """The dated versions of all deployments."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str | None, str], Dated[Deployment]] = {}
        self._first_records: dict[tuple[str | None, str], Record] = {}

    def add(self, record: Record) -> None:
        """Add the version that a record of kind `deployment` holds."""
        deployment = Deployment.model_validate_json(record.value)
        self._versions.setdefault(deployment.place, Dated()).add(record.effective, deployment)
        self._first_records.setdefault(deployment.place, record)

    def at(
        self, name: str, backend: str | None, instant: Instant
    ) -> tuple[Deployment | None, Instant, Instant]:
        """Return a deployment at an instant, and the span in which it holds; None if unknown.

        A deployment of the account that `backend` names takes precedence over one of any account.
        """
        start, end = BEGINNING, FOREVER
        for place in dict.fromkeys((place_of(backend, name), place_of(None, name))):
            found, since, until = self.versions(place).at(instant)
            start, end = max(start, since), min(end, until)
            if found is not None:
                return found, start, end
        return None, start, end

    def knows(self, name: str, backend: str | None) -> bool:
        """Return whether a deployment has any version, at any time."""
        places = (place_of(backend, name), place_of(None, name))
        return any(place in self._versions for place in places)

    def versions(self, place: tuple[str | None, str]) -> Dated[Deployment]:
        """Return all versions of the deployment at a place."""
        return self._versions.get(place, _NO_VERSIONS)

    def listed(self, at: Instant) -> list[ListedDeployment]:
        """Return the deployments in force at an instant and those to come, by key."""
        found = []
        for dated in self._versions.values():
            now, _, _ = dated.at(at)
            versions = zip(dated.starts(), dated.values(), strict=True)
            coming = [(start, version) for start, version in versions if start > at]
            first = coming[0][1] if now is None else now
            starts = tuple(start for start, _ in coming)
            found.append(ListedDeployment(first, now is not None, starts))
        return sorted(found, key=lambda one: one.deployment.key)

    def capacities(self) -> list[Capacity]:
        """Return the deployments that are paid by the hour at any time, by key."""
        found = (
            Capacity(first.key, self._versions[place], first.recorded)
            for place, first in self._first_records.items()
        )
        return sorted((one for one in found if one.ever_costs), key=lambda one: one.place)
