"""Send a request through the gateway, whole and streamed, and wait for both in the ledger."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.hubs.hub_lag import HubLags
from metering.app.ledger.reading import head_of, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.periods import LedgerId
from metering.core.installation.finding import Finding
from metering.core.installation.smoke import MARK, Trail, answered, completed, counted
from metering.core.ledger.chain import START, Position
from metering.core.ledger.entry import State
from metering.ports import Clock, DeadLetterStore, LedgerStore, ModelCaller

#: Dead letters looked at: the newest, of which one is ours.
_MAX_LETTERS: Final = 100


class Waits(NamedTuple):
    """Time limits of the legs, in seconds."""

    event_s: float = 120.0
    log_s: float = 120.0
    """For the counts of a stream, after its event; 0 where no log is read."""
    poll_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeTest:
    """The use case behind `metering azure smoke`."""

    ledgers: LedgerStore
    dead_letters: DeadLetterStore
    tenancy: Tenancy
    hub_lags: HubLags
    caller: ModelCaller
    clock: Clock

    async def run(self, tenant: str, name: str, waits: Waits) -> AsyncIterator[Finding]:
        """Yield one finding for each leg; `name` makes the marks of this run unique.

        The tenant pays for two small requests. A leg that fails ends its request.
        """
        await self.tenancy.refresh()
        for kind, streamed in (("whole", False), ("streamed", True)):
            mark, began = f"{MARK}{name}-{kind}", self.clock.now()
            since = await self._end(tenant)
            answer = answered(kind, await self.caller.call(mark, streamed=streamed))
            yield answer
            if answer.state == "fail":
                continue
            state = await self._wait(tenant, mark, since, waits.event_s, waits.poll_s)
            finding = counted(kind, state, await self._trail(began))
            yield finding
            if streamed and finding.state == "ok" and waits.log_s:
                is_open = state is not None and state.is_hold
                if is_open:
                    state = await self._wait(
                        tenant, mark, since, waits.log_s, waits.poll_s, is_final=True
                    )
                yield completed(state)

    def _ledger(self, tenant: str) -> LedgerId:
        period = self.tenancy.directory.period_at(tenant, self.clock.now())
        return LedgerId(tenant, period.start)

    async def _end(self, tenant: str) -> tuple[LedgerId, Position]:
        """Return the present ledger and its last position: what comes is after it."""
        ledger = self._ledger(tenant)
        head = await head_of(self.ledgers, ledger)
        return ledger, START if head is None else head.position

    async def _wait(
        self,
        tenant: str,
        mark: str,
        since: tuple[LedgerId, Position],
        seconds: float,
        poll_s: float,
        *,
        is_final: bool = False,
    ) -> State | None:
        """Return the state of the marked request once it is there, or as it is after a time."""
        state = None
        for _ in range(max(1, round(seconds / poll_s))):
            state = await self._look(tenant, mark, since)
            if state is not None and not (is_final and state.is_hold):
                break
            await asyncio.sleep(poll_s)
        return state

    async def _look(self, tenant: str, mark: str, since: tuple[LedgerId, Position]) -> State | None:
        """Return the latest state of the marked request in the ledgers of now and before."""
        # A period may end while the test waits: then the event is in the next ledger.
        starts = {self._ledger(tenant): START} | dict([since])
        found: State | None = None
        for of, start in starts.items():
            async for page in pages(self.ledgers, of, since=start):
                for entry in page.entries:
                    if entry.state.dimensions.use_case == mark:
                        found = entry.state
        return found

    async def _trail(self, began: Instant) -> Trail:
        letters = await self.dead_letters.list_dead_letters(_MAX_LETTERS)
        hub = await self.hub_lags.known()
        return Trail(
            tuple(one.code for one in letters if one.received >= began - SECOND),
            hub.lag if hub.is_reachable else None,
        )
