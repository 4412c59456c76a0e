"""Who calls: a verified identity, with the tenant that it may read as of now."""

from dataclasses import dataclass
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.tenancy.access import Caller, Identity
from metering.ports import Clock

_APP: Final = "app:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The use case before every request: from an identity to a caller."""

    tenancy: Tenancy
    clock: Clock

    async def caller(self, identity: Identity) -> Caller:
        """Return the caller that an identity is, as of now."""
        tenant = identity.tenant
        if tenant is None:
            await self.tenancy.refresh()
            tenant = self._tenant_of(identity.subject, self.clock.now())
        return Caller(identity.subject, identity.roles, tenant, identity.is_ambient)

    def _tenant_of(self, subject: str, now: Instant) -> str | None:
        """Return whose figures a subject may read: by its membership, or as the app that pays."""
        directory = self.tenancy.directory
        if directory.members.is_named(subject) or not subject.startswith(_APP):
            return directory.members.tenant_of(subject, now)
        return self._payer(subject, now)

    def _payer(self, subject: str, now: Instant) -> str | None:
        found = self.tenancy.directory.assignment(subject, now)
        return None if found is None else found.tenant

    async def tenant_of_subscription(self, subscription: str) -> str | None:
        """Return the tenant that a gateway speaks for when it names a subscription."""
        await self.tenancy.refresh()
        return self._payer(subscription, self.clock.now())
