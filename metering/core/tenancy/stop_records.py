"""Decisions to stop and resume, as functions of the directory."""

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.tenancy.decisions import check_exists
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision
from metering.core.tenancy.stops import Target, decide_stop


def set_stop(
    directory: Directory, target: Target, reason: str, now: Instant, *, is_stopped: bool
) -> Decision[Instant]:
    """Stop a tenant, or one of its subscriptions, from now on; or resume it."""
    check_exists(directory, target.tenant)
    name = target.subscription
    if name is not None and name not in directory.subjects(target.tenant, now):
        raise ConfigurationError(f"tenant {target.tenant!r} does not pay for subscription {name!r}")
    return decide_stop(directory.stops, target, reason, now, is_stopped=is_stopped)
