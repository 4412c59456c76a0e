"""Fill the deployments registry from the cloud's list and from the usage in ledgers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import soonest
from metering.core.calendars.periods import LedgerId
from metering.core.deployments.deployment import Deployment
from metering.core.deployments.deployment_import import HourlyPrices, LeftOut, read_found
from metering.core.reports.unknown_deployments import UnknownDeployment, UnknownDeployments
from metering.core.tenancy.decisions import define_deployment
from metering.core.tenancy.known_deployments import ListedDeployment
from metering.ports import Clock, DeploymentSource, LedgerStore


class Proposal(NamedTuple):
    """The outcome of importing one deployment."""

    key: str
    deployment: Deployment | None
    """None if it cannot be recorded, for the reason given."""
    is_news: bool
    reason: str = ""
    holds_from: Instant | None = None
    """Once it is recorded."""


@dataclass(slots=True)
class Deployments:
    """The use cases behind `metering deployments`."""

    store: LedgerStore
    tenancy: Tenancy
    clock: Clock

    async def listed(self) -> list[ListedDeployment]:
        """Return the deployments on record as of now, and those to come."""
        await self.tenancy.refresh()
        return self.tenancy.directory.deployments_listed(self.clock.now())

    async def unknown(
        self, ledgers: Sequence[LedgerId], one_by_one: OneByOne
    ) -> list[UnknownDeployment]:
        """Return the deployments that usage names but no record had at the time.

        `one_by_one` names the ledgers that cannot be read. Raises if none of them can.
        """
        await self.tenancy.refresh()
        unknown = UnknownDeployments(self.tenancy.directory)
        for ledger in ledgers:
            with one_by_one.about(ledger):
                of = UnknownDeployments(self.tenancy.directory)
                async for page in pages(self.store, ledger):
                    of.add(page)
                unknown.include(of)
        one_by_one.must_have_some()
        return unknown.found()

    async def compare(
        self, deployments: Sequence[Deployment], effective: Instant | None
    ) -> list[Proposal]:
        """Return the changes that recording these would make, without recording them.

        Raises ConfigurationError for a change that begins too early.
        """
        await self.tenancy.refresh()
        return [self._proposal(one, effective) for one in deployments]

    async def propose(
        self, source: DeploymentSource, prices: HourlyPrices, effective: Instant | None
    ) -> list[Proposal]:
        """Return the changes that recording the cloud's list would make, without recording them."""
        found = await source.list_deployments()
        await self.tenancy.refresh()
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
            define_deployment(
                self.tenancy.directory, deployment, self.clock.now(), effective, move=True
            )
        return Proposal(deployment.key, deployment, is_news=deployment != known)

    def _known(
        self, name: str, account: str | None, effective: Instant | None
    ) -> Deployment | None:
        at = soonest(self.clock.now()) if effective is None else effective
        return self.tenancy.directory.deployment(name, account, at)[0]

    async def record(
        self, proposals: Sequence[Proposal], effective: Instant | None, *, move: bool = False
    ) -> list[Proposal]:
        """Record the changes among these; return all with the start of each. Safe to repeat.

        Raises ConfigurationError, with nothing recorded, for a deployment that serves another
        model, unless told to move it.
        """
        news = [one.deployment for one in proposals if one.deployment is not None and one.is_news]
        now = self.clock.now()
        for deployment in news:
            define_deployment(self.tenancy.directory, deployment, now, effective, move=move)
        starts = {
            one.key: (await self.tenancy.define_deployment(one, effective, move=move)).outcome
            for one in news
        }
        return [
            one._replace(holds_from=starts.get(one.key)) if one.is_news else one
            for one in proposals
        ]
