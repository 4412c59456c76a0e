"""Runs one timer function on its schedule: one run at a time, on one host at a time."""

from dataclasses import dataclass

from metering.core.basics.instants import SECOND, Instant
from metering.local.functions.bindings import TimerTrigger
from metering.local.functions.invoker import HostPace, Invoker
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.leases import HostLeases, timer_lease

#: The longest sleep between looks at the clock, in seconds: the clock may be set meanwhile.
_LONGEST_SLEEP_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRunner:
    """Runs one timer function."""

    trigger: TimerTrigger
    hub: EmbeddedHub
    worker: FunctionsWorker
    leases: HostLeases
    invoker: Invoker
    pace: HostPace

    async def run(self) -> None:
        """Run the function whenever it is due, until cancelled.

        However many runs were missed, one makes up for them: at the start, past due, when no host
        was there; right after a run that lasted longer than its interval.
        """
        key = timer_lease(self.trigger.function.name)
        due: Instant | None = None
        while not self.invoker.stopping:
            if not self.leases.hold(key):
                due = None
                await self.pace.sleep(self.pace.poll_s)
            elif due is None:
                due = await self._start()
            elif (wait_us := due - self.hub.clock()) > 0:
                await self.pace.sleep(min(wait_us / SECOND, _LONGEST_SLEEP_S))
            else:
                due = await self._fire(past_due=False)

    async def _start(self) -> Instant:
        """Run a missed schedule, or at startup if the function asks for it."""
        now = self.hub.clock()
        planned = self._planned()
        past_due = planned is not None and planned <= now
        if past_due or self.trigger.run_on_startup:
            return await self._fire(past_due=past_due)
        return self._plan(now)

    async def _fire(self, *, past_due: bool) -> Instant:
        """Run the function and return its next due time."""
        started = self.hub.clock()
        function = self.trigger.function

        async def attempt(retries: int) -> None:
            await self.worker.invoke_timer(function.name, past_due=past_due, retry_count=retries)

        await self.invoker.run(function, attempt)
        return self._plan(started)

    def _plan(self, after: Instant) -> Instant:
        due = self.trigger.schedule.after(after)
        with self.hub.file.writing() as db:
            db.execute(
                "INSERT INTO timers VALUES (?, ?)"
                " ON CONFLICT DO UPDATE SET due_us = excluded.due_us",
                (self.trigger.function.name, due),
            )
        return due

    def _planned(self) -> Instant | None:
        name = self.trigger.function.name
        found = self.hub.file.rows("SELECT due_us FROM timers WHERE name = ?", (name,))
        return found[0][0] if found and self.trigger.monitored else None
