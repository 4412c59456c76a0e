"""Operator actions, each with its entries in the audit log."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError, MeteringError, StaleRevisionError
from metering.core.tenancy.audit import AuditEntry, Outcome, entry_id
from metering.ports import AuditLog, Clock

type Json = Mapping[str, object]
type Look = Callable[[], Json | None]
"""Returns the present state as JSON values; None if the resource does not exist."""

#: Most characters of a state in one entry; a plan has a few thousand.
MAX_STATE_CHARACTERS: Final = 100_000
_REFUSALS: Final = (ConfigurationError, StaleRevisionError)


class Act(NamedTuple):
    """An action about to be done."""

    id: str
    """A unique id, chosen by the caller."""
    author: str
    action: str
    resource: str
    wanted: Json | None = None
    """The requested state, as JSON values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """The use case around every change by an operator."""

    log: AuditLog
    clock: Clock

    async def do[T](self, act: Act, look: Look, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` between two audit entries, and return its result.

        If the first entry cannot be written, `work` does not run. If the second one cannot, its
        RetryableError is raised though the work is done: a repeated call finds it done.
        """
        before = _told(look())
        await self._write(act, Outcome.ASKED, before, _told(act.wanted))
        try:
            done = await work()
        except MeteringError as error:
            outcome = Outcome.REFUSED if isinstance(error, _REFUSALS) else Outcome.FAILED
            await self._write(act, outcome, before, _told({"reason": str(error)}))
            raise
        wanted = look() if act.wanted is None else act.wanted
        await self._write(act, Outcome.DONE, before, _told(wanted))
        return done

    async def refused(self, act: Act, reason: str) -> None:
        """Record something that was asked for, and refused before anything was done."""
        told = {**(act.wanted or {}), "reason": reason}
        await self._write(act, Outcome.REFUSED, None, _told(told))

    async def entries(self, day: str, before: str | None, limit: int) -> list[AuditEntry]:
        """Return a day's entries, newest first."""
        return await self.log.read_audit(day, before=before, limit=limit)

    async def _write(
        self, act: Act, outcome: Outcome, before: str | None, after: str | None
    ) -> None:
        now = self.clock.now()
        await self.log.append_audit(
            AuditEntry(
                entry_id(now, act.id, outcome),
                act.id,
                now,
                act.author,
                act.action,
                act.resource,
                outcome,
                before,
                after,
            )
        )


def _told(state: Json | None) -> str | None:
    if state is None:
        return None
    text = json.dumps(state, ensure_ascii=False, sort_keys=True)
    if len(text) <= MAX_STATE_CHARACTERS:
        return text
    return json.dumps({"characters": len(text), "begins": text[:1_000]}, ensure_ascii=False)
