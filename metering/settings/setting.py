"""A setting, declared once: its reading, its errors and its row in docs/settings.md follow."""

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, MINUTE, SECOND, Instant
from metering.core.basics.patterns import is_loopback

type Environment = Mapping[str, str]
type Reader = Literal["app", "CLI", "host"]
"""The function app and `metering serve`, the commands, or the Functions host for its bindings."""

BOTH: Final[tuple[Reader, ...]] = ("app", "CLI")
#: Characters of a wrong value that an error repeats.
_SHOWN: Final = 120
_DURATION: Final = re.compile(r"([0-9]{1,6})([smh]?)")
_UNITS: Final = {"": MINUTE, "s": SECOND, "m": MINUTE, "h": HOUR}


class Setting[T](NamedTuple):
    """An environment variable that this project reads."""

    name: str
    parse: Callable[[str], T]
    """Returns the value of a text. Raises ValueError with a predicate, such as "is not a GUID"."""
    default: T
    meaning: str
    """Markdown, in terms of what the setting does."""
    example: str
    shown_default: str = "not set"
    """Markdown."""
    readers: tuple[Reader, ...] = BOTH
    is_secret: bool = False
    """Whether a value may hold a credential, so that no message repeats it."""
    is_local: bool = False
    """Whether it is for development on one machine, and no app in Azure has it."""
    takes_empty: bool = False
    """Whether an empty value is parsed (and usually refused) instead of counting as not set."""

    def read(self, given: Environment) -> T:
        """Return the value in an environment. Raises ConfigurationError for a malformed one."""
        text = given.get(self.name)
        if text is None or not (text or self.takes_empty):
            return self.default
        try:
            return self.parse(text)
        except ValueError as problem:
            shown = "the value" if self.is_secret else repr(text[:_SHOWN])
            raise self.invalid(f"{shown} {problem}") from None

    def invalid(self, problem: str) -> ConfigurationError:
        """Return the error to raise for a wrong or missing value, with an example."""
        return self.error(f"{problem}; example: {self.example}")

    def error(self, problem: str) -> ConfigurationError:
        """Return the error to raise for a value that contradicts other settings."""
        return ConfigurationError(f"{self.name}: {problem}")


def choice(*options: str) -> Callable[[str], str]:
    """Return a parser that accepts the options."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"is not one of {', '.join(options)}")
        return text

    return parse


def duration(text: str) -> Instant:
    """Parse a whole number of minutes, or one with the unit s, m or h."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError("is not a duration in s, m or h")
    return int(found[1]) * _UNITS[found[2]]


def endpoint(text: str) -> str:
    """Parse the address of a cloud service; plain HTTP is for this machine only."""
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("is not https://HOST") from None
    if not parts.hostname or not (parts.scheme == "https" or is_loopback(parts)):
        raise ValueError("is not https://HOST")
    return text


def connection_parts(text: str) -> dict[str, str]:
    """Return the parts of a connection string of Azure: NAME=VALUE;NAME=VALUE."""
    return dict(part.partition("=")[::2] for part in text.split(";"))
