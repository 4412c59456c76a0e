"""The admission document of a subscription that an operator has stopped."""

from typing import Final

from metering.core.basics.instants import Instant
from metering.core.quotas.admission import Admitted
from metering.core.quotas.decision import Reason
from metering.core.quotas.verdict import refused

#: How long the gateway may cache a stop, in seconds: so soon a tenant is served once resumed.
STOP_CACHE_S: Final = 5


def stopped(subscription: str, tenant: str, now: Instant, reason: str) -> Admitted:
    """Return the verdicts for a stopped subscription: every request is blocked."""
    overall = refused(Reason.STOPPED, f"stopped by an operator: {reason}")
    return Admitted(subscription, tenant, now, overall, {}, STOP_CACHE_S, ())
