"""Close periods when somebody asks: the future is closed only for a period that is named."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

from metering.app.billing.close_periods import Ahead, Closed, ClosePeriods, Waiting
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant
from metering.ports import Clock

_MAX_NAMED: Final = 10


@dataclass(slots=True)
class CloseOnRequest:
    """The use case behind `metering close` and `POST /api/periods/close`."""

    closing: ClosePeriods
    tenancy: Tenancy
    clock: Clock

    async def run(
        self,
        at: Instant | None = None,
        tenants: Sequence[str] | None = None,
        *,
        allow_future: str | None = None,
    ) -> AsyncIterator[Closed | Waiting]:
        """Close what is due at an instant, by default now; yield each result.

        An instant beyond the clock skips the grace of a period that is over. It needs the name of
        that period in `allow_future`, and closes no other. Raises ConfigurationError, before
        anything is written, without that name, or if no tenant has such a period to close.
        """
        now = self.clock.now()
        at = now if at is None else at
        ahead = None
        if at > now:
            ahead = await self._ahead(at, now, tenants, allow_future)
        elif allow_future is not None:
            raise ConfigurationError(
                f"allow-future: {format_instant(at)} is not ahead of the clock: leave it out"
            )
        async for found in self.closing.run(at, tenants, ahead=ahead):
            yield found

    async def _ahead(
        self, at: Instant, now: Instant, tenants: Sequence[str] | None, name: str | None
    ) -> Ahead:
        await self.tenancy.refresh()
        chosen = self.tenancy.directory.tenants() if tenants is None else tenants
        due = [one async for one in self.closing.due(at, list(chosen))]
        future = f"close: {format_instant(at)} is ahead of the clock ({format_instant(now)})"
        if name is None:
            raise ConfigurationError(
                f"{future} and would close {_named(due)}. Nothing was closed. Leave the time out,"
                " or name a period that is over with --allow-future PERIOD"
                ' (HTTP: "allow_future")'
            )
        over = {one.tenant async for one in self.closing.due(now, list(chosen))}
        asked = [one for one in due if one.period == name]
        if not asked:
            raise ConfigurationError(
                f"{future}, and {name!r} is not the next period to close of any tenant."
                f" Nothing was closed. Next: {_named(due)}"
            )
        running = [one for one in asked if one.tenant not in over]
        if running:
            raise ConfigurationError(
                f"{future}, and {_named(running)} still runs: a period is closed after its end,"
                " never before. Nothing was closed"
            )
        return Ahead(name, now)


def _named(due: list[Waiting]) -> str:
    if not due:
        return "nothing"
    named = ", ".join(f"{one.period} of {one.tenant}" for one in due[:_MAX_NAMED])
    more = len(due) - _MAX_NAMED
    return f"{named} and {more} more" if more > 0 else named
