"""The public keys of an issuer: cached, and renewed in the background."""

import asyncio
import json
import logging
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
#: The first request after this time has the keys fetched again, so that withdrawn keys disappear.
MAX_AGE_S: Final = 3_600.0
#: An unknown key id triggers a fetch at most this often, so made-up ids cost nothing.
COOL_DOWN_S: Final = 30.0
#: The pause after a failed fetch, from its end.
RETRY_S: Final = 5.0
#: The time that cached keys stay valid without a fetch, to survive an outage of the issuer.
MAX_STALE_S: Final = 24 * 3_600.0
#: The accepted algorithms by type of key: the token must not choose its own.
ALGORITHMS: Final[Mapping[str, str]] = {"RSA": "RS256", "EC": "ES256"}
#: Key sizes in bits: RSA keys that are not too weak, and P-256 for elliptic curves.
_SIZES: Final = {"RS256": range(2_048, 16_385), "ES256": range(256, 257)}
_DISCOVERY: Final = "/.well-known/openid-configuration"

_log: Final = logging.getLogger("metering")

type Keys = Mapping[str, PyJWK]
type FetchKeys = Callable[[], Awaitable[Keys]]


class KeyCache:
    """Keys by id, renewed in the background by one fetch at a time.

    A known key is returned at once, however slow the issuer is. Only a caller with an unknown key
    waits for the fetch, for as long as one fetch lasts, and shares it with the others.
    """

    def __init__(self, fetch: FetchKeys, now_s: Callable[[], float]) -> None:
        """`now_s` must be monotonic."""
        self._fetch = fetch
        self._now_s = now_s
        self._keys: Keys = {}
        self._fetched_s: float | None = None
        self._tried_s: float | None = None
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    async def key(self, kid: str) -> PyJWK:
        """Return a key by id.

        Raises NotSignedIn if the issuer does not have it, RetryableError if the issuer is down.
        """
        if kid in self._keys and not self._is_due(MAX_STALE_S):
            if self._is_due(MAX_AGE_S):
                self._renewal()
            return self._keys[kid]
        renewal = self._renewal()
        if renewal is not None:
            # A caller that goes away must not end the fetch that others wait for.
            await asyncio.shield(renewal)
        if self._fetched_s is None or self._is_due(MAX_STALE_S):
            raise RetryableError("sign-in: the issuer's keys cannot be fetched")
        if kid not in self._keys:
            raise NotSignedIn("the token is signed with an unknown key")
        return self._keys[kid]

    def _renewal(self) -> asyncio.Task[None] | None:
        """Return the fetch under way, or a new one; None during the pause after the last."""
        if self._fetching is None or self._fetching.done():
            if not self._may_try():
                return None
            self._fetching = asyncio.create_task(self._renew())
        return self._fetching

    async def _renew(self) -> None:
        try:
            self._keys = await self._fetch()
        except RetryableError as fault:
            self._failed = True
            _log.warning("%s", fault)
        else:
            self._failed = False
            self._fetched_s = self._now_s()
        # The pause begins when the fetch ends: a fetch that hangs lasts longer than the pause.
        self._tried_s = self._now_s()

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
