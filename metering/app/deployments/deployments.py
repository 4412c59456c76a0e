"""Fill the deployments registry: from the cloud's own list, and from what usage names."""

from collections.abc import Sequence
from typing import NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import soonest
from metering.core.calendars.periods import LedgerId
from metering.core.deployments.deployment import Deployment
from metering.core.deployments.deployment_import import HourlyPrices, LeftOut, read_found
from metering.core.reports.unknown_deployments import UnknownDeployment, UnknownDeployments
from metering.core.tenancy.decisions import define_deployment
from metering.ports import Clock, DeploymentSource, LedgerStore


class Proposal(NamedTuple):
    """What an import makes of one deployment."""

    key: str
    deployment: Deployment | None
    """None: it cannot be recorded, for the reason given."""
    is_news: bool
    reason: str = ""


class Deployments:
    """The use cases behind `metering deployments`."""

    def __init__(self, store: LedgerStore, tenancy: Tenancy, clock: Clock) -> None:
        self._store = store
        self._tenancy = tenancy
        self._clock = clock

    async def in_force(self) -> list[Deployment]:
        """Return what is recorded as of now."""
        await self._tenancy.refresh()
        return self._tenancy.directory.deployments(self._clock.now())

    async def unknown(self, ledgers: Sequence[LedgerId]) -> list[UnknownDeployment]:
        """Return the deployments that these ledgers' usage names and no record knew at its time."""
        await self._tenancy.refresh()
        unknown = UnknownDeployments(self._tenancy.directory)
        for ledger in ledgers:
            async for page in self._store.pages(ledger):
                unknown.add(page)
        return unknown.found()

    async def compare(
        self, deployments: Sequence[Deployment], effective: Instant | None
    ) -> list[Proposal]:
        """Return which of these would change what is recorded; it records nothing.

        ConfigurationError for a change that begins too early.
        """
        await self._tenancy.refresh()
        return [self._proposal(one, effective) for one in deployments]

    async def propose(
        self, source: DeploymentSource, prices: HourlyPrices, effective: Instant | None
    ) -> list[Proposal]:
        """Return what recording the cloud's list would change; it records nothing."""
        found = await source.list_deployments()
        await self._tenancy.refresh()
        proposals = []
        for one in found:
            read = read_found(one, prices, self._known(one.name, one.account, effective))
            proposals.append(
                Proposal(one.key, None, is_news=False, reason=read.reason)
                if isinstance(read, LeftOut)
                else self._proposal(read, effective)
            )
        return proposals

    def _proposal(self, deployment: Deployment, effective: Instant | None) -> Proposal:
        known = self._known(deployment.name, deployment.account, effective)
        if deployment != known and effective is not None:
            # A date that is refused is refused before anything is recorded.
            define_deployment(self._tenancy.directory, deployment, self._clock.now(), effective)
        return Proposal(deployment.key, deployment, is_news=deployment != known)

    def _known(
        self, name: str, account: str | None, effective: Instant | None
    ) -> Deployment | None:
        at = soonest(self._clock.now()) if effective is None else effective
        return self._tenancy.directory.deployment(name, account, at)[0]

    async def record(self, proposals: Sequence[Proposal], effective: Instant | None) -> None:
        """Record the news among these. Safe to repeat."""
        for proposal in proposals:
            if proposal.deployment is not None and proposal.is_news:
                await self._tenancy.define_deployment(proposal.deployment, effective)
