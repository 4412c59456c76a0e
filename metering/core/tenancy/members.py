"""Members: the people and apps that may read a tenant, dated and append-only."""

import re
from collections.abc import Mapping
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import Dated

#: As `access.identity_of` names callers: an app's client id, a person's object id.
_MEMBER: Final = re.compile(r"(?:app|user):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The tenant of a member whose right was taken away.
NOBODY: Final = ""


class Members:
    """The tenant that each member may read: one at a time."""

    def __init__(self) -> None:
        self._tenant_of: dict[str, Dated[str]] = {}

    def add(self, member: str, tenant: str, effective: Instant) -> None:
        """Grants a member the right to read `tenant` from an instant on; NOBODY revokes it."""
        self._tenant_of.setdefault(member, Dated()).add(effective, tenant)

    def tenant_of(self, member: str, at: Instant) -> str | None:
        """Return the tenant a member may read at an instant."""
        found = self._tenant_of.get(member)
        return None if found is None else found.at(at)[0] or None

    def is_named(self, member: str) -> bool:
        """Return whether any decision about a member was ever recorded."""
        return member in self._tenant_of

    def of(self, tenant: str, at: Instant) -> list[str]:
        """Return the members of a tenant at an instant, sorted."""
        held: Mapping[str, Dated[str]] = self._tenant_of
        return sorted(name for name, dated in held.items() if dated.at(at)[0] == tenant)


def check_member(member: str, what: str = "member") -> None:
    """Raise ConfigurationError for a malformed identity; `what` it is for leads the message."""
    if not _MEMBER.fullmatch(member):
        raise ConfigurationError(
            f"{what} {member!r}: write app:<client id> or user:<object id>, in lower case"
        )
