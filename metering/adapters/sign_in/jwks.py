"""The public keys of an issuer: fetched once, kept, and fetched anew when they were rotated."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from metering.core.basics.errors import RetryableError
from metering.core.tenancy.access import NotSignedIn

#: Of a document of keys or its metadata: Entra's are about 20 KB.
MAX_DOCUMENT_BYTES: Final = 262_144
TIMEOUT_S: Final = 5
#: Keys are fetched again after this long whatever is asked for, so that withdrawn ones go.
MAX_AGE_S: Final = 3_600.0
#: A key that is not there makes them be fetched at most this often: made-up ids cost us nothing.
COOL_DOWN_S: Final = 30.0
#: After a failure, how long before it is tried again.
RETRY_S: Final = 5.0
#: How long keys are used that could not be fetched again: an outage of the issuer is not ours.
MAX_STALE_S: Final = 24 * 3_600.0
#: What signatures are accepted, by the type of the key: never one of the token's own choosing.
ALGORITHMS: Final[Mapping[str, str]] = {"RSA": "RS256", "EC": "ES256"}
#: In bits: of RSA what is not too weak, of elliptic curves P-256 alone, whose signatures these are.
_SIZES: Final = {"RS256": range(2_048, 16_385), "ES256": range(256, 257)}
_DISCOVERY: Final = "/.well-known/openid-configuration"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

type Keys = Mapping[str, PyJWK]
type FetchKeys = Callable[[], Awaitable[Keys]]


class KeyCache:
    """Keys by their id. However many ask at a time, they are fetched once."""

    def __init__(self, fetch: FetchKeys, now_s: Callable[[], float]) -> None:
        """Take what fetches the keys, and a clock that only goes forward."""
        self._fetch = fetch
        self._now_s = now_s
        self._keys: Keys = {}
        self._fetched_s: float | None = None
        self._tried_s: float | None = None
        self._failed = False
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> PyJWK:
        """Return a key; NotSignedIn where the issuer has none of that id.

        RetryableError where that cannot be known, for the issuer does not answer.
        """
        if kid in self._keys and not self._is_due(MAX_AGE_S):
            return self._keys[kid]
        await self._renew(kid)
        if kid in self._keys and not self._is_due(MAX_STALE_S):
            return self._keys[kid]
        if self._fetched_s is None or self._is_due(MAX_STALE_S):
            raise RetryableError("sign-in: the issuer's keys cannot be fetched")
        raise NotSignedIn("the token is signed with a key that the issuer does not have")

    async def _renew(self, kid: str) -> None:
        """Fetch the keys if it is time to; whoever waits for another's fetch makes none."""
        async with self._lock:
            known = kid in self._keys and not self._is_due(MAX_AGE_S)
            if known or not self._may_try():
                return
            self._tried_s = self._now_s()
            try:
                self._keys = await self._fetch()
            except RetryableError:
                self._failed = True
                return
            self._failed = False
            self._fetched_s = self._now_s()

    def _may_try(self) -> bool:
        pause_s = RETRY_S if self._failed else COOL_DOWN_S
        return self._tried_s is None or self._now_s() - self._tried_s >= pause_s

    def _is_due(self, age_s: float) -> bool:
        return self._fetched_s is None or self._now_s() - self._fetched_s >= age_s


class IssuerKeys:
    """Fetches an issuer's keys by its own metadata (OpenID Connect Discovery 1.0)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    async def fetch(self) -> Keys:
        """Return the keys that may sign; RetryableError where the issuer has no good answer."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                aiohttp.ClientSession(trust_env=True) as session,
            ):
                about = await _document(session, self._issuer.rstrip("/") + _DISCOVERY)
                if about.get("issuer") != self._issuer:
                    raise RetryableError("sign-in: the issuer's metadata names another issuer")
                return usable_keys(await _document(session, _secure(about.get("jwks_uri"))))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = type(error).__name__
            raise RetryableError(f"sign-in: the issuer's keys: {reason}") from error


async def _document(session: aiohttp.ClientSession, url: str) -> Mapping[str, Any]:
    async with session.get(url, allow_redirects=False) as answer:
        answer.raise_for_status()
        body = bytearray()
        async for chunk in answer.content.iter_chunked(65_536):
            body += chunk
            if len(body) > MAX_DOCUMENT_BYTES:
                raise ValueError("too large")
    found = json.loads(body)
    if not isinstance(found, dict) or answer.status != 200:  # noqa: PLR2004, HTTP's own
        raise ValueError("no document")
    return found


def _secure(url: object) -> str:
    """Return an address that only its owner can answer: https, or on this machine."""
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return parts.geturl()
    raise ValueError("jwks_uri is not https")


def usable_keys(document: Mapping[str, Any]) -> Keys:
    """Return the keys of a JWK set that we take signatures of; others are left out."""
    listed = document.get("keys")
    keys: dict[str, PyJWK] = {}
    for one in listed if isinstance(listed, list) else ():
        kid = one.get("kid") if isinstance(one, dict) else None
        if not isinstance(kid, str) or one.get("use", "sig") != "sig":
            continue
        algorithm = ALGORITHMS.get(str(one.get("kty")))
        if algorithm is None or one.get("alg", algorithm) != algorithm:
            continue
        try:
            key = PyJWK(one, algorithm)
        except (PyJWTError, ValueError):
            continue
        if key.key.key_size in _SIZES[algorithm]:
            keys[kid] = key
    if not keys:
        raise ValueError("no usable key")
    return keys
