"""Generations: the successive contents of a provisional delivery, each in a folder of its own.

A manifest names the files of one generation, so replacing the manifest replaces them all at once.
"""

import re
from typing import Final

from metering.core.basics.instants import HOUR, Instant, parse_instant, to_datetime

#: A generation that no manifest names is kept this long after it was begun: a reader may still read
#: it, or another run, which takes at most ten minutes, may be writing it.
KEPT: Final = HOUR
_NAME: Final = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})T([0-9]{2})([0-9]{2})([0-9]{2})Z-[0-9a-f]{1,32}"
)


def generation_name(at: Instant, token: str) -> str:
    """Return the name of the generation that a run begins; the hexadecimal token is its own."""
    return f"{to_datetime(at):%Y%m%dT%H%M%SZ}-{token}"


def begun(generation: str) -> Instant | None:
    """Return the second in which a generation was begun; None for a name that is not one."""
    found = _NAME.fullmatch(generation)
    if found is None:
        return None
    year, month, day, hour, minute, second = found.groups()
    try:
        return parse_instant(f"{year}-{month}-{day}T{hour}:{minute}:{second}Z")
    except ValueError:
        return None


def is_over(generation: str, now: Instant) -> bool:
    """Return whether a generation that no manifest names may be removed."""
    since = begun(generation)
    return since is None or since + KEPT <= now
