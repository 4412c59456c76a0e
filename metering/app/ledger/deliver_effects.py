"""Deliver outbox messages (effects): at least once, with backoff, parked after a limit."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from metering.app.ledger.one_by_one import OneByOne
from metering.core.basics.errors import RetryableError
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import describe, in_currency, pause_after
from metering.ports import (
    SILENT,
    Alerts,
    Attributes,
    Clock,
    EffectStore,
    Notifier,
    StoredEffect,
    Telemetry,
)

#: Effects delivered in one run of the timer; the next run continues.
MAX_EFFECTS: Final = 500
#: How long a batch may wait for delivery; its own deadline is a minute.
AT_ONCE_S: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverEffects:
    """The use case behind the timer `deliver_effects` and `metering effects`."""

    effects: EffectStore
    notifier: Notifier
    clock: Clock
    alerts: Alerts
    currency_of: Callable[[LedgerId], Awaitable[str]]
    """Returns the currency in which a ledger is charged."""
    telemetry: Telemetry = SILENT
    _unsettled: set[str] = field(init=False, default_factory=set)
    """Effects that were delivered and are not noted as such: their ledgers took no write."""

    async def run(self) -> int:
        """Deliver the effects that are due, oldest first, and return the number delivered.

        An effect is settled only after its delivery. A crash in between delivers it again, under
        the same key. A failed delivery is postponed and does not delay the others. A ledger that
        takes no writes is named in an alert, and the effects of the others go on. Safe to repeat at
        any point and in several processes.
        """
        delivered = 0
        one_by_one = OneByOne(self.alerts)
        for stored in await self.effects.due(self.clock.now(), MAX_EFFECTS):
            with one_by_one.about(stored.effect.ledger):
                delivered += await self._deliver(stored)
        one_by_one.settle()
        return delivered

    async def at_once(self) -> None:
        """Deliver what is due right after its commit, for a few seconds at most.

        The timer retries any failure: the commit stands either way.
        """
        with suppress(RetryableError, TimeoutError):
            async with asyncio.timeout(AT_ONCE_S):
                await self.run()

    async def _deliver(self, stored: StoredEffect) -> bool:
        effect = in_currency(stored.effect, await self.currency_of(stored.effect.ledger))
        # The commit's span and log record carry the same ledger and page.
        about: Attributes = {
            "effect": effect.key,
            "ledger": str(effect.ledger),
            "page": effect.page,
        }
        if effect.key not in self._unsettled:
            try:
                with self.telemetry.span("deliver_effect", about):
                    await self.notifier.notify(effect)
            except RetryableError as error:
                await self._put_off(stored, str(error))
                return False
        # Where the ledger takes no writes, the receiver is not told again every half minute.
        self._unsettled.add(effect.key)
        await self.effects.settle(effect, self.clock.now())
        self._unsettled.discard(effect.key)
        self.telemetry.add("metering.effects.delivered", 1)
        return True

    async def _put_off(self, stored: StoredEffect, reason: str) -> None:
        effect, attempts = stored.effect, stored.attempts + 1
        pause = pause_after(attempts)
        if pause is not None:
            await self.effects.postpone(effect, self.clock.now() + pause, reason)
            self.telemetry.add("metering.effects.postponed", 1)
            return
        await self.effects.park(effect, reason)
        self.telemetry.add("metering.effects.parked", 1)
        self.alerts.alert(
            f"effect {effect.key} was given up after {attempts} attempts ({reason}):"
            f" {describe(effect)}",
            "effect",
        )

    async def waiting(self, limit: int) -> list[StoredEffect]:
        """Return undelivered effects, the next one due first."""
        return await self._named(await self.effects.due(FOREVER, limit))

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return parked effects, oldest first."""
        return await self._named(await self.effects.parked(limit))

    async def _named(self, found: list[StoredEffect]) -> list[StoredEffect]:
        """Return effects with the currency of their amounts."""
        return [
            one._replace(effect=in_currency(one.effect, await self.currency_of(one.effect.ledger)))
            for one in found
        ]

    async def retry_parked(self) -> int:
        """Make parked effects due now, for one more attempt each; return their number."""
        parked = await self.effects.parked(MAX_EFFECTS)
        for stored in parked:
            await self.effects.postpone(stored.effect, self.clock.now(), stored.failure)
        return len(parked)
