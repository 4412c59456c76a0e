"""Subscription keys, which identify callers. Every subject that a tenant pays for has one."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

_PREFIX: Final = "local-"
_BEARER: Final = "bearer "
_APPLICATION: Final = "app:"

#: Where clients put a key: OpenAI's Azure client, API Management's default, Anthropic's client.
_HEADERS: Final = ("api-key", "ocp-apim-subscription-key", "x-api-key", "x-goog-api-key")
#: AWS's signature names the access key, which is the key here; nothing is signed for anybody.
_SIGNED: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/")


class Caller(NamedTuple):
    """The owner of a key. `subject` is a subscription, or `app:<client id>`."""

    subject: str

    @property
    def subscription(self) -> str:
        """The subscription, empty for an application that signs in without one."""
        return "" if self.subject.startswith(_APPLICATION) else self.subject


def key_of(subject: str) -> str:
    """Return the key of a subject. It is not a secret: it only identifies callers on loopback."""
    return f"{_PREFIX}{subject}"


def given_key(headers: Mapping[str, str]) -> str | None:
    """Return the key in a request's headers, from a bearer token too."""
    for name in _HEADERS:
        if name in headers:
            return headers[name]
    authorization = headers.get("authorization", "")
    signed = _SIGNED.match(authorization)
    if signed is not None:
        return signed.group(1)
    return authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else None


async def caller_of(key: str | None, knows: Callable[[str], Awaitable[bool]]) -> Caller | None:
    """Return the owner of a key, or None. `knows` returns whether a subject exists."""
    if key is None or not key.startswith(_PREFIX):
        return None
    subject = key.removeprefix(_PREFIX)
    return Caller(subject) if await knows(subject) else None
