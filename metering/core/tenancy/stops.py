"""Stops: tenants and subscriptions whose requests an operator blocks, from now until resumed.

A stop changes no owner and no price, so it holds at once and not after the minutes in which events
may still arrive.
"""

from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.validation import Strict
from metering.core.tenancy.record import Decision, Record

#: Characters of a reason, which every refused client is told.
MAX_REASON: Final = 256


class Target(NamedTuple):
    """A tenant, or one of its subscriptions."""

    tenant: str
    subscription: str | None = None

    @property
    def key(self) -> str:
        """The key of its records: `tenant/acme` or `subscription/sub-3`."""
        if self.subscription is None:
            return f"tenant/{self.tenant}"
        return f"subscription/{self.subscription}"


class StopValue(Strict):
    """The content of a record of kind `stop`."""

    is_stopped: bool
    reason: str


class Stop(NamedTuple):
    """A stop in force."""

    reason: str
    since: Instant


class Stops:
    """The stops in force."""

    def __init__(self) -> None:
        self._by_key: dict[str, Stop] = {}

    def add(self, record: Record) -> None:
        """Take a further record into account."""
        value = StopValue.model_validate_json(record.value)
        if value.is_stopped:
            self._by_key[record.key] = Stop(value.reason, record.effective)
        else:
            self._by_key.pop(record.key, None)

    def at(self, target: Target) -> Stop | None:
        """Return the stop of exactly this tenant or subscription."""
        return self._by_key.get(target.key)

    def of(self, tenant: str, subscription: str) -> Stop | None:
        """Return the stop that blocks a subscription: its tenant's, or its own."""
        return self.at(Target(tenant)) or self.at(Target(tenant, subscription))


def decide_stop(
    stops: Stops, target: Target, reason: str, now: Instant, *, is_stopped: bool
) -> Decision[Instant]:
    """Stop a tenant or subscription from now on, or resume it."""
    known = stops.at(target)
    reason = reason.strip()
    if not 1 <= len(reason) <= MAX_REASON or not reason.isprintable():
        raise ConfigurationError(f"reason: write 1 to {MAX_REASON} characters on one line")
    if known is None if not is_stopped else known is not None and known.reason == reason:
        return Decision(now, None)
    value = StopValue(is_stopped=is_stopped, reason=reason).model_dump_json()
    return Decision(now, Record("stop", target.key, value, now, now))
