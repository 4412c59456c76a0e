"""Sessions of browsers on this machine: in memory, started with a single-use code."""

import secrets
from collections import OrderedDict
from typing import Final, NamedTuple

from metering.core.basics.instants import HOUR, MINUTE, Instant
from metering.core.tenancy.access import Identity
from metering.ports import Clock

#: Long enough to go from a terminal to a browser, short enough to be useless in a history.
CODE_LIFE: Final[Instant] = 10 * MINUTE
#: A working day; afterwards `metering token` or a restart signs in again.
SESSION_LIFE: Final[Instant] = 12 * HOUR
#: The latest codes and sessions kept; one machine has a few.
_MAX_HELD: Final = 1_000
_BYTES: Final = 24


class _Held(NamedTuple):
    identity: Identity
    until: Instant


class BrowserSessions:
    """The sessions of this process. Codes and session ids have 192 random bits."""

    def __init__(self, clock: Clock) -> None:
        """`clock` must be the real time."""
        self._clock = clock
        self._codes: OrderedDict[str, _Held] = OrderedDict()
        self._sessions: OrderedDict[str, _Held] = OrderedDict()

    def code_for(self, identity: Identity) -> str:
        """Return a code that signs a browser in once within ten minutes."""
        return self._hold(self._codes, identity, CODE_LIFE)

    def redeem(self, code: str) -> str | None:
        """Return a session for a code, or None if it is used, expired or unknown."""
        held = self._codes.pop(code, None)
        if held is None or held.until <= self._clock.now():
            return None
        return self.begin(held.identity)

    def begin(self, identity: Identity) -> str:
        """Return a new session of an authenticated identity."""
        return self._hold(self._sessions, identity, SESSION_LIFE)

    def identity(self, session: str) -> Identity | None:
        """Return the identity of a session, or None if it has ended."""
        held = self._sessions.get(session)
        if held is None or held.until <= self._clock.now():
            return None
        return held.identity

    def end(self, session: str) -> None:
        """End a session; ignore one that has already ended."""
        self._sessions.pop(session, None)

    def _hold(self, held: OrderedDict[str, _Held], identity: Identity, life: Instant) -> str:
        secret = secrets.token_urlsafe(_BYTES)
        held[secret] = _Held(identity._replace(is_ambient=True), self._clock.now() + life)
        if len(held) > _MAX_HELD:
            held.popitem(last=False)
        return secret
