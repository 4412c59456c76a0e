"""The name that was probably meant by one that does not exist."""

from collections.abc import Iterable
from typing import Final

from metering.core.basics.errors import ConfigurationError

_CLOSE: Final = 0.7
"""The least similarity of a suggestion (difflib's ratio): below it, a suggestion misleads."""

_LONGEST: Final = 256
"""Longer names have no suggestion: comparing them takes time that grows with their square."""


def nearest(name: str, known: Iterable[str], least: float = _CLOSE) -> str | None:
    """Return the known name most like one that is not known; None if none is like it."""
    from difflib import get_close_matches  # noqa: PLC0415, only an error asks

    if len(name) > _LONGEST:
        return None
    by_folded = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), by_folded, n=1, cutoff=least)
    return by_folded[near[0]] if near else None


def hint(name: str, known: Iterable[str], command: str) -> str:
    """Return the end of a message about an unknown name: the nearest one, and where all are."""
    near = nearest(name, known)
    meant = "" if near is None else f"did you mean {near!r}? "
    return f"{meant}see `metering {command}`"


def unknown(kind: str, name: str, known: Iterable[str], command: str) -> ConfigurationError:
    """Return the error for an unknown name of a kind, such as `tenant`, with its hint."""
    return ConfigurationError(f"unknown {kind} {name!r}: {hint(name, known, command)}")
