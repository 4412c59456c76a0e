"""Faults and delays that a client requests by headers.

`x-simulate-status: 429` fails the request; a list (`429,500,200`) is gone through by the attempts
of an SDK, which counts them in `x-stainless-retry-count`. `x-simulate-counted: true` lets the error
carry the tokens of the prompt, as of a request that was processed before it failed.
`x-simulate-cache: hit` answers from a cache of responses, without the model.
`x-simulate-latency-ms: 500` waits first; `x-simulate-abort: 3` cuts a stream after three chunks.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.usage.usage import CACHE_HIT
from metering.local.gateway.request_body import FieldInvalid

_STATUS: Final = "x-simulate-status"
_LATENCY: Final = "x-simulate-latency-ms"
_ABORT: Final = "x-simulate-abort"
_CACHE: Final = "x-simulate-cache"
_ATTEMPT: Final = "x-stainless-retry-count"

_OK: Final = 200
_FAILURES: Final = range(400, 600)
_LONGEST_MS: Final = 60_000
_MOST_CHUNKS: Final = 1_000_000


class Simulation(NamedTuple):
    """The simulated behaviour of one request."""

    status: int = _OK
    counted: bool = False
    latency_ms: int | None = None
    """None: the gateway's default."""
    abort_after: int | None = None
    from_cache: bool = False

    @property
    def fails(self) -> bool:
        """Return whether the request is to fail."""
        return self.status != _OK


def simulation(headers: Mapping[str, str]) -> Simulation:
    """Return the simulation that a request's headers ask for. Raises FieldInvalid."""
    attempt = _number(headers, _ATTEMPT, 100) or 0
    statuses = headers.get(_STATUS, str(_OK)).split(",")
    status = statuses[min(attempt, len(statuses) - 1)].strip()
    if not status.isdecimal() or (int(status) != _OK and int(status) not in _FAILURES):
        raise FieldInvalid(_STATUS, f"{status!r} is neither 200 nor a status from 400 to 599.")
    return Simulation(
        int(status),
        headers.get("x-simulate-counted", "").lower() == "true",
        _number(headers, _LATENCY, _LONGEST_MS),
        _number(headers, _ABORT, _MOST_CHUNKS),
        headers.get(_CACHE, "").lower() == CACHE_HIT,
    )


def _number(headers: Mapping[str, str], name: str, most: int) -> int | None:
    text = headers.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(most))):
        raise FieldInvalid(name, f"{text!r} is not a whole number up to {most}.")
    return min(int(text), most)
