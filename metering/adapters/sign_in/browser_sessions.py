"""Sessions of browsers on this machine: held in memory, begun with a code that works once."""

import secrets
from collections import OrderedDict
from typing import Final, NamedTuple

from metering.core.basics.instants import HOUR, MINUTE, Instant
from metering.core.tenancy.access import Identity
from metering.ports import Clock

#: Long enough to go from a terminal to a browser, short enough not to lie in a history.
CODE_LIFE: Final[Instant] = 10 * MINUTE
#: A working day; then `metering token` or a new start signs in again.
SESSION_LIFE: Final[Instant] = 12 * HOUR
#: Of codes and of sessions, the last ones: on one machine there are a few.
_MAX_HELD: Final = 1_000
_BYTES: Final = 24


class _Held(NamedTuple):
    identity: Identity
    until: Instant


class BrowserSessions:
    """Who is signed in, as long as the process lives. A secret here is 192 random bits."""

    def __init__(self, clock: Clock) -> None:
        """Take a clock that tells the true time."""
        self._clock = clock
        self._codes: OrderedDict[str, _Held] = OrderedDict()
        self._sessions: OrderedDict[str, _Held] = OrderedDict()

    def code_for(self, identity: Identity) -> str:
        """Return a code with which a browser may sign in once, in the next ten minutes."""
        return self._hold(self._codes, identity, CODE_LIFE)

    def redeem(self, code: str) -> str | None:
        """Return a session for a code; None where it was used, has expired or never was."""
        held = self._codes.pop(code, None)
        if held is None or held.until <= self._clock.now():
            return None
        return self.begin(held.identity)

    def begin(self, identity: Identity) -> str:
        """Return a new session of somebody who has proved who they are."""
        return self._hold(self._sessions, identity, SESSION_LIFE)

    def identity(self, session: str) -> Identity | None:
        """Return whose session it is; None where it has ended."""
        held = self._sessions.get(session)
        if held is None or held.until <= self._clock.now():
            return None
        return held.identity

    def end(self, session: str) -> None:
        """Forget a session; one that is gone already is no error."""
        self._sessions.pop(session, None)

    def _hold(self, held: OrderedDict[str, _Held], identity: Identity, life: Instant) -> str:
        secret = secrets.token_urlsafe(_BYTES)
        held[secret] = _Held(identity._replace(is_ambient=True), self._clock.now() + life)
        if len(held) > _MAX_HELD:
            held.popitem(last=False)
        return secret
