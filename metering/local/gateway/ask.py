"""Admission requests to the HTTP API, as the policy of API Management sends them."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

from metering.local.gateway.admission import Admission, Document

#: The policy waits so long, too.
_TIMEOUT_S: Final = 2
#: A token is for an hour.
_RENEW_S: Final = 1_800
_OK: Final = 200


@asynccontextmanager
async def admission_from(api: str, issue: Callable[[], str]) -> AsyncIterator[Admission]:
    """Ask an API as its gateway. Requests are admitted if the API does not answer (fail open)."""
    # An HTTP client takes a tenth of a second to import: only those who use it wait for it.
    import aiohttp  # noqa: PLC0415

    token = _Token(issue)
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def ask(subscription: str, asked: Mapping[str, str]) -> Document:
            url = f"{api}/api/admission/{quote(subscription, safe='')}"
            headers = {"Authorization": f"Bearer {token.current()}"}
            try:
                async with session.get(url, params=asked, headers=headers) as answer:
                    found: Document = await answer.json(content_type=None)
                    return found if answer.status == _OK else {"verdict": "allow"}
            except (aiohttp.ClientError, TimeoutError, ValueError):
                return {"verdict": "allow"}

        yield ask


class _Token:
    """The gateway's token, renewed well before it expires."""

    def __init__(self, issue: Callable[[], str]) -> None:
        self._issue = issue
        self._token = ""
        self._renew_at = 0.0

    def current(self) -> str:
        now = time.monotonic()
        if now >= self._renew_at:
            self._token = self._issue()
            self._renew_at = now + _RENEW_S
        return self._token
