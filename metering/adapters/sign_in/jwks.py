"""The public keys of an issuer: fetched once, cached, and fetched again after a rotation."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from metering.core.basics.errors import RetryableError
from metering.core.basics.patterns import is_loopback
from metering.core.tenancy.access import NotSignedIn

#: For the key set or the metadata: Entra's have about 20 KB.
MAX_DOCUMENT_BYTES: Final = 262_144
TIMEOUT_S: Final = 5
#: Keys are fetched again after this time in any case, so that withdrawn keys disappear.
MAX_AGE_S: Final = 3_600.0
#: An unknown key id triggers a fetch at most this often, so made-up ids cost nothing.
COOL_DOWN_S: Final = 30.0
#: The pause after a failed fetch.
RETRY_S: Final = 5.0
#: The time that cached keys stay valid without a fetch, to survive an outage of the issuer.
MAX_STALE_S: Final = 24 * 3_600.0
#: The accepted algorithms by type of key: the token must not choose its own.
ALGORITHMS: Final[Mapping[str, str]] = {"RSA": "RS256", "EC": "ES256"}
#: Key sizes in bits: RSA keys that are not too weak, and P-256 for elliptic curves.
_SIZES: Final = {"RS256": range(2_048, 16_385), "ES256": range(256, 257)}
_DISCOVERY: Final = "/.well-known/openid-configuration"

type Keys = Mapping[str, PyJWK]
type FetchKeys = Callable[[], Awaitable[Keys]]


class KeyCache:
    """Keys by id. Concurrent callers share one fetch."""

    def __init__(self, fetch: FetchKeys, now_s: Callable[[], float]) -> None:
        """`clock` must be monotonic."""
        self._fetch = fetch
        self._now_s = now_s
        self._keys: Keys = {}
        self._fetched_s: float | None = None
        self._tried_s: float | None = None
        self._failed = False
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> PyJWK:
        """Return a key by id.

        Raises NotSignedIn if the issuer does not have it, RetryableError if the issuer is down.
        """
        if kid in self._keys and not self._is_due(MAX_AGE_S):
            return self._keys[kid]
        await self._renew(kid)
        if kid in self._keys and not self._is_due(MAX_STALE_S):
            return self._keys[kid]
        if self._fetched_s is None or self._is_due(MAX_STALE_S):
            raise RetryableError("sign-in: the issuer's keys cannot be fetched")
        raise NotSignedIn("the token is signed with an unknown key")

    async def _renew(self, kid: str) -> None:
        """Fetch the keys if they are due; a caller that waited for a fetch starts no second one."""
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
    """Fetches an issuer's keys through its metadata (OpenID Connect Discovery 1.0)."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    async def fetch(self) -> Keys:
        """Return the signing keys; raise RetryableError if the issuer does not answer properly."""
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
    """Return a URL if it is https or on this machine; raise ValueError otherwise."""
    parts = urlsplit(url if isinstance(url, str) else "")
    if parts.scheme == "https" or is_loopback(parts):
        return parts.geturl()
    raise ValueError("jwks_uri is not https")


def usable_keys(document: Mapping[str, Any]) -> Keys:
    """Return the keys of a JWK set with an accepted type, use and size."""
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
