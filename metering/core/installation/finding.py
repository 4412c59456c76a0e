"""What a check of an installation finds: one line each, and what to do about it."""

from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import MINUTE, SECOND, Instant

type State = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One thing that was looked at."""

    check: str
    """What was looked at, e.g. `container ledgers`."""
    state: State
    detail: str
    remedy: str = ""
    """What to do; empty where all is well."""


def ok(check: str, detail: str) -> Finding:
    """Return that all is well."""
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, remedy: str) -> Finding:
    """Return that it works, and what is better."""
    return Finding(check, "warn", detail, remedy)


def fail(check: str, detail: str, remedy: str) -> Finding:
    """Return that it does not work."""
    return Finding(check, "fail", detail, remedy)


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
