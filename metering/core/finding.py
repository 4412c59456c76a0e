"""What a check of an installation finds: one line each, and what to do about it."""

from typing import Literal, NamedTuple

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
