"""Findings of `metering doctor`: the result of each check, and the remedy."""

from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import MINUTE, SECOND, Instant

type State = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """The result of one check."""

    check: str
    """The subject of the check, e.g. `container ledgers`."""
    state: State
    detail: str
    remedy: str = ""
    """The next step for the operator; empty for a passed check."""


def ok(check: str, detail: str) -> Finding:
    """Return a check that passed."""
    return Finding(check, "ok", detail)


def warn(check: str, detail: str, remedy: str) -> Finding:
    """Return a check that passed with a warning."""
    return Finding(check, "warn", detail, remedy)


def fail(check: str, detail: str, remedy: str) -> Finding:
    """Return a check that failed."""
    return Finding(check, "fail", detail, remedy)


#: HTTP dates have whole seconds, and a response takes a while.
NOTICED: Final[Instant] = 5 * SECOND
#: Events more than five minutes ahead are rejected, and the gateway's clock may be off as well.
HARMFUL: Final[Instant] = MINUTE

_CHECK: Final = "clock"


def check_skew(ours: Instant, theirs: Instant) -> Finding:
    """Compare this machine's clock with the store's, within a few seconds."""
    apart = ours - theirs
    seconds = abs(apart) // SECOND
    detail = f"{seconds} s {'ahead of' if apart > 0 else 'behind'} the store's"
    if abs(apart) >= HARMFUL:
        return fail(_CHECK, detail, "set this machine's clock (NTP): late events would be refused")
    if abs(apart) >= NOTICED:
        return warn(_CHECK, detail, "synchronise this machine's clock (NTP)")
    return ok(_CHECK, "agrees with the store's")
