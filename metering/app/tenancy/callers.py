"""Callers: a verified identity with the tenant it may read now."""

from dataclasses import dataclass
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.tenancy.access import Caller, Identity
from metering.ports import Clock

_APP: Final = "app:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """The use case before every request: resolves an identity to a caller."""

    tenancy: Tenancy
    clock: Clock

    async def caller(self, identity: Identity) -> Caller:
        """Return the caller for an identity, as of now."""
        tenant = identity.tenant
        if tenant is None:
            await self.tenancy.refresh_if_due()
            tenant = self._tenant_of(identity.subject, self.clock.now())
        return Caller(identity.subject, identity.roles, tenant, identity.is_ambient)

    def _tenant_of(self, subject: str, now: Instant) -> str | None:
        """Return the tenant a subject may read: by membership, or as the app it is billed for."""
        directory = self.tenancy.directory
        if directory.members.is_named(subject) or not subject.startswith(_APP):
            return directory.members.tenant_of(subject, now)
        return self._payer(subject, now)

    def _payer(self, subject: str, now: Instant) -> str | None:
        found = self.tenancy.directory.assignment(subject, now)
        return None if found is None else found.tenant

    async def tenant_of_subscription(self, subscription: str) -> str | None:
        """Return the tenant of the subscription that a gateway names."""
        await self.tenancy.refresh_if_due()
        return self._payer(subscription, self.clock.now())
