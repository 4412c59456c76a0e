"""How far two clocks are apart, and from where on that matters."""

from typing import Final

from metering.core.finding import Finding, fail, ok, warn
from metering.core.instants import MINUTE, SECOND, Instant

#: HTTP tells whole seconds, and an answer is under way for a while.
NOTICED: Final[Instant] = 5 * SECOND
#: Events more than five minutes ahead of this clock are refused; a gateway's own may be off, too.
HARMFUL: Final[Instant] = MINUTE

_CHECK: Final = "clock"


def check_skew(ours: Instant, theirs: Instant) -> Finding:
    """Return whether this machine's clock is that of the store, give or take a second."""
    apart = ours - theirs
    seconds = abs(apart) // SECOND
    detail = f"{seconds} s {'ahead of' if apart > 0 else 'behind'} the store's"
    if abs(apart) >= HARMFUL:
        return fail(_CHECK, detail, "set this machine's clock (NTP): late events would be refused")
    if abs(apart) >= NOTICED:
        return warn(_CHECK, detail, "see that this machine's clock is kept right (NTP)")
    return ok(_CHECK, "as the store's")
