"""Propose fresh prices: read the seller's feed, and keep its differences until they are published.

A proposal is a price file of only the rows that differ, kept under the name of its day. It changes
no price: an operator publishes it, or a setting does where nothing in it needs consent.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.prices.publish_prices import Consent, Published, PublishPrices
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import DAY, format_instant
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_file import version_of
from metering.ports import Alerts, Clock, PriceStore

#: Days back to which a proposal is looked for; an older one is read from the feed again.
MAX_DAYS: Final = 60
_NO_CONSENT: Final = Consent(supersede=False, jumps=False)

type Differences = Callable[[PriceBook], Awaitable[bytes | None]]
"""Returns the price file of a feed's rows that differ from a book; None where none does."""


class Proposal(NamedTuple):
    """Fresh prices that are not published yet."""

    name: str
    """`proposed-2026-11-30`: the day on which the feed was read."""
    content: bytes
    published: Published
    refused: tuple[str, ...]
    """The reasons for which publishing it needs consent."""


@dataclass(slots=True, kw_only=True)
class ProposePrices:
    """The use case behind the timer `propose_prices` and `metering prices refresh`."""

    tenancy: Tenancy
    store: PriceStore
    publisher: PublishPrices
    differences: Differences
    clock: Clock
    alerts: Alerts

    async def refresh(self, *, publish: bool = False) -> Proposal | None:
        """Read the feed and keep its differences as the proposal of the day; None without any.

        With `publish` it goes into force at once, unless it needs consent: then it stays proposed
        and a person is alerted. Safe to repeat; the first proposal of a day stays. RetryableError
        where the feed does not answer.
        """
        await self.tenancy.refresh()
        content = await self.differences(self.tenancy.prices)
        if content is None:
            return None
        name = self._name(0)
        if not await self.store.put_version(name, content):
            content = await self.store.read_version(name) or content
        proposal = await self._proposal(name, content)
        if publish and not proposal.refused:
            await self.publisher.publish(name, content, supersede=False)
        elif publish:
            self.alerts.alert(
                f"{name}: fresh prices were not published: {proposal.refused[0]}:"
                " see `metering prices proposed`"
            )
        return proposal

    async def run(self, *, publish: bool) -> None:
        """Refresh for a timer: a feed out of reach is asked again by the next run."""
        try:
            await self.refresh(publish=publish)
        except RetryableError as error:
            self.alerts.alert(f"prices: the feed was not read: {error}")

    async def proposed(self) -> Proposal | None:
        """Return the newest proposal that has not been published; None without one."""
        await self.tenancy.refresh()
        for days in range(MAX_DAYS):
            name = self._name(days)
            content = await self.store.read_version(name)
            if content is not None:
                version = version_of(name, content)
                known = self.tenancy.has_published(version, content)
                return None if known else await self._proposal(name, content)
        return None

    async def publish(self, consent: Consent) -> Proposal:
        """Put the newest proposal in force; ConfigurationError names what needs consent."""
        proposal = await self.proposed()
        if proposal is None:
            raise ConfigurationError("no prices are proposed: run `metering prices refresh`")
        refused = await self.publisher.refusals(proposal.name, proposal.content, consent)
        if refused:
            raise ConfigurationError(refused[0])
        await self.publisher.publish(proposal.name, proposal.content, supersede=consent.supersede)
        return proposal

    def _name(self, days: int) -> str:
        return f"proposed-{format_instant(self.clock.now() - days * DAY)[:10]}"

    async def _proposal(self, name: str, content: bytes) -> Proposal:
        changes = await self.publisher.changes(name, content)
        refused = await self.publisher.refusals(name, content, _NO_CONSENT)
        return Proposal(name, content, changes, tuple(refused))
