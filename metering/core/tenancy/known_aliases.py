"""Known aliases: every version that was recorded, by name."""

from typing import Final, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import Dated
from metering.core.deployments.alias import Alias
from metering.core.tenancy.record import Record

_NO_VERSIONS: Final = Dated[Alias]()


class AliasSpan(NamedTuple):
    """A version of an alias and the span `[start, end)` in which it holds."""

    alias: Alias | None
    """None: the name is no alias then."""
    start: Instant
    end: Instant


class ListedAlias(NamedTuple):
    """An alias now, and its versions to come."""

    alias: Alias
    """The version in force, or the first one to come."""
    is_in_force: bool
    scheduled: tuple[tuple[Instant, Alias], ...]
    """The versions to come with their starts, the next one first."""


class KnownAliases:
    """The dated versions of all aliases."""

    def __init__(self) -> None:
        self._versions: dict[str, Dated[Alias]] = {}
        self._records: dict[str, list[Alias]] = {}

    def add(self, record: Record) -> None:
        """Add the version that a record of kind `alias` holds."""
        alias = Alias.model_validate_json(record.value)
        self._versions.setdefault(alias.key, Dated()).add(record.effective, alias)
        self._records.setdefault(alias.key, []).append(alias)

    def at(self, name: str, instant: Instant) -> AliasSpan:
        """Return what a name is an alias of at an instant."""
        found, start, end = self._versions.get(name.casefold(), _NO_VERSIONS).at(instant)
        return AliasSpan(found if found is not None and found.targets else None, start, end)

    def knows(self, name: str) -> bool:
        """Return whether a name is or was an alias at any time."""
        return name.casefold() in self._versions

    def ever(self, name: str) -> tuple[Alias, ...]:
        """Return every version that was recorded, later corrected ones included."""
        return tuple(one for one in self._records.get(name.casefold(), ()) if one.targets)

    def versions(self, name: str) -> Dated[Alias]:
        """Return the versions of a name."""
        return self._versions.get(name.casefold(), _NO_VERSIONS)

    def spans(self, start: Instant, end: Instant) -> list[Alias]:
        """Return the versions of all aliases that hold at any time in `[start, end)`."""
        found = []
        for dated in self._versions.values():
            at = start
            while at < end:
                version, _, at = dated.at(at)
                if version is not None and version.targets:
                    found.append(version)
        return found

    def listed(self, at: Instant) -> list[ListedAlias]:
        """Return the aliases in force at an instant and those to come, by name."""
        found = []
        for key in sorted(self._versions):
            dated = self._versions[key]
            now, _, _ = dated.at(at)
            versions = zip(dated.starts(), dated.values(), strict=True)
            coming = tuple((start, version) for start, version in versions if start > at)
            is_in_force = now is not None and bool(now.targets)
            if is_in_force or coming:
                first = coming[0][1] if now is None or not is_in_force else now
                found.append(ListedAlias(first, is_in_force, coming))
        return found

    def in_force(self, at: Instant) -> list[Alias]:
        """Return the aliases in force at an instant, by name."""
        return [one.alias for one in self.listed(at) if one.is_in_force]
