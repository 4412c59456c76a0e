"""Who calls: a verified identity, with the tenant that it may read as of now."""

from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.tenancy.access import Caller, Identity
from metering.ports import Clock

_APP: Final = "app:"


class Callers:
    """The use case before every request: from an identity to a caller."""

    def __init__(self, tenancy: Tenancy, clock: Clock) -> None:
        self._tenancy = tenancy
        self._clock = clock

    async def caller(self, identity: Identity) -> Caller:
        """Return the caller that an identity is, as of now."""
        tenant = identity.tenant
        if tenant is None:
            await self._tenancy.refresh()
            tenant = self._tenant_of(identity.subject, self._clock.now())
        return Caller(identity.subject, identity.roles, tenant, identity.is_ambient)

    def _tenant_of(self, subject: str, now: Instant) -> str | None:
        """Return whose figures a subject may read: by its membership, or as the app that pays."""
        directory = self._tenancy.directory
        if directory.members.is_named(subject) or not subject.startswith(_APP):
            return directory.members.tenant_of(subject, now)
        return self._payer(subject, now)

    def _payer(self, subject: str, now: Instant) -> str | None:
        found = self._tenancy.directory.assignment(subject, now)
        return None if found is None else found.tenant

    async def tenant_of_subscription(self, subscription: str) -> str | None:
        """Return the tenant that a gateway speaks for when it names a subscription."""
        await self._tenancy.refresh()
        return self._payer(subscription, self._clock.now())
