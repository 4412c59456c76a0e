"""Effects sent to a receiver over HTTP, as Standard Webhooks 1.0.0.

The body is a CloudEvent in structured mode; the signature is HMAC-SHA256 with a shared secret.
Sources: github.com/standard-webhooks/standard-webhooks (spec), CloudEvents 1.0 HTTP binding.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import SECOND, format_instant
from metering.core.ledger.effect import Effect, describe
from metering.ports import Clock

EVENT_TYPE: Final = "metering.effect.v1"
EVENT_SOURCE: Final = "/metering"
CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"

CONNECT_TIMEOUT_S: Final = 5.0
#: For the whole request. A timer run has 60 s, so a hanging receiver does not use it up.
TIMEOUT_S: Final = 10.0
#: An effect has at most 4,000 bytes as stored; escapes cannot make it half as large as this.
MAX_BODY_BYTES: Final = 64 * 1024


class WebhookNotifier:
    """Implements Notifier."""

    def __init__(self, url: str, secrets: Sequence[bytes], clock: Clock) -> None:
        """Sign with each of `secrets`: during a rotation a receiver verifies either."""
        # Not re-encoded: a query may contain a signature, which that would break.
        self._url = URL(url, encoded=True)
        self._secrets = tuple(secrets)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        parts = urlsplit(url)
        #: The part of the URL that errors show: path and query may be secret.
        self._place = f"webhook {parts.scheme}://{parts.netloc}"

    async def notify(self, effect: Effect) -> None:
        """Send an effect: a 2xx means delivered. Follow no redirects, read no body."""
        body = effect_body(effect)
        if len(body) > MAX_BODY_BYTES:
            raise RetryableError(f"{self._place}: {effect.id} is larger than {MAX_BODY_BYTES}")
        status = await self._post(body, self._headers(effect, body))
        if not 200 <= status < 300:  # noqa: PLR2004
            raise RetryableError(f"{self._place}: answered with status {status}")

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _headers(self, effect: Effect, body: bytes) -> dict[str, str]:
        name = webhook_id(effect)
        timestamp = str(self._clock.now() // SECOND)
        signatures = (sign(secret, name, timestamp, body) for secret in self._secrets)
        return {
            "content-type": CONTENT_TYPE,
            "user-agent": "metering",
            "webhook-id": name,
            "webhook-timestamp": timestamp,
            "webhook-signature": " ".join(signatures),
        }

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        try:
            async with self._opened().post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status
        # The texts of most aiohttp errors contain the whole URL and are therefore dropped.
        except TimeoutError:
            raise RetryableError(f"{self._place}: no answer in time") from None
        except aiohttp.ClientConnectorError as error:
            raise RetryableError(f"{self._place}: no connection: {error}") from None
        except (aiohttp.ClientError, OSError) as error:
            raise RetryableError(f"{self._place}: no answer: {type(error).__name__}") from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S, sock_connect=CONNECT_TIMEOUT_S)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def webhook_id(effect: Effect) -> str:
    """Return the effect's key with full stops as `%2E`.

    The signature covers id, timestamp and body joined by full stops. A tenant's name may contain
    one, which would let different parts give the same signed text.
    """
    return effect.key.replace(".", "%2E")


def sign(secret: bytes, name: str, timestamp: str, body: bytes) -> str:
    """Return one signature in the header's form: `v1,` and base64."""
    signed = b".".join((name.encode("ascii"), timestamp.encode("ascii"), body))
    return f"v1,{base64.b64encode(hmac.digest(secret, signed, hashlib.sha256)).decode()}"


def effect_body(effect: Effect) -> bytes:
    """Return an effect as a CloudEvent: the same bytes at every attempt."""
    created = format_instant(effect.created)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": effect.key,
        "source": EVENT_SOURCE,
        "type": EVENT_TYPE,
        "subject": effect.ledger.tenant,
        "time": created,
        "datacontenttype": "application/json",
        "data": {
            "ledger": str(effect.ledger),
            "tenant": effect.ledger.tenant,
            "kind": effect.kind.value,
            "detail": effect.detail,
            "text": describe(effect),
            "created": created,
        },
    }
    return json.dumps(event, separators=(",", ":")).encode("ascii")
