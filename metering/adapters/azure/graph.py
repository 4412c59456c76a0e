"""Microsoft Graph v1.0 over HTTP: paged reads, with retries for throttling and replication lag."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from azure.core.exceptions import ClientAuthenticationError

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.patterns import is_loopback

TIMEOUT_S: Final = 30
#: Attempts of one request, retries after 429 and 503 included.
MAX_ATTEMPTS: Final = 8
#: Attempts to reach an object that was just created and has not been replicated yet.
MAX_LOOKS: Final = 12
MAX_WAIT_S: Final = 30
_FIRST_WAIT_S: Final = 1.0
#: Of a collection; a page has a hundred objects.
MAX_PAGES: Final = 1_000
_MAX_REASON: Final = 300
_BUSY: Final = frozenset({429, 502, 503, 504})
_BAD_REQUEST: Final = 400
_UNAUTHORISED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404

type Json = dict[str, Any]


class Graph:
    """One endpoint of Microsoft Graph; connected on first use."""

    def __init__(self, endpoint: str, *, first_wait_s: float = _FIRST_WAIT_S) -> None:
        """`endpoint` is `https://graph.microsoft.com`; http is for a double on this machine."""
        parts = urlsplit(endpoint)
        self._is_local = is_loopback(parts)
        self._endpoint = endpoint.rstrip("/")
        self._first_wait_s = first_wait_s
        self._session: aiohttp.ClientSession | None = None
        self._credential: Any = None

    async def find(self, path: str, *, is_new: bool = False) -> Json | None:
        """Return an object, or None if it does not exist; `is_new` waits for its replication."""
        for look in range(MAX_LOOKS if is_new else 1):
            if look:
                await self._wait(look)
            status, body = await self._ask("GET", path)
            if status != _NOT_FOUND:
                return self._taken(status, body, path)
        return None

    async def list_all(self, path: str, *, is_new: bool = False) -> list[Json]:
        """Return all objects of a collection, page by page; `is_new` as for `find`."""
        found: list[Json] = []
        for _ in range(MAX_PAGES):
            page = await self.find(path, is_new=is_new)
            if page is None:
                raise ConfigurationError(f"Graph {path}: does not exist")
            found += page["value"]
            following = page.get("@odata.nextLink")
            if following is None:
                return found
            if not following.startswith(f"{self._endpoint}/v1.0/"):
                raise RetryableError(
                    f"Graph {path}: the link to the next page leads to another host"
                )
            path = following.removeprefix(f"{self._endpoint}/v1.0")
        raise RetryableError(f"Graph {path}: more than {MAX_PAGES} pages")

    async def send(
        self,
        method: str,
        path: str,
        body: Json,
        *,
        prefer: str = "",
        is_new: bool = False,
        may_exist: bool = False,
    ) -> Json:
        """Send a change and return the answer, {} if it is empty.

        `is_new` means that the object was just created: 400 and 404 may then be due to replication
        lag, and the change is sent again. `may_exist` treats "already exists" as success.
        """
        look = 0
        while True:
            status, answer = await self._ask(method, path, body, prefer)
            look += 1
            if may_exist and status == _BAD_REQUEST and "already exists" in _reason(answer):
                return {}
            if not is_new or status not in {_BAD_REQUEST, _NOT_FOUND} or look == MAX_LOOKS:
                return self._taken(status, answer, path)
            await self._wait(look)

    async def close(self) -> None:
        """Close the connections."""
        for opened in (self._session, self._credential):
            if opened is not None:
                await opened.close()
        self._session = self._credential = None

    async def _ask(
        self, method: str, path: str, body: Json | None = None, prefer: str = ""
    ) -> tuple[int, Json]:
        """Return status and body of the first answer that does not mean "busy"."""
        headers = {"Authorization": f"Bearer {await self._token()}"}
        if prefer:
            headers["Prefer"] = prefer
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S))
        url = f"{self._endpoint}/v1.0{path}"
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                async with self._session.request(method, url, json=body, headers=headers) as answer:
                    content = await _content(answer)
                    if answer.status not in _BUSY or attempt == MAX_ATTEMPTS:
                        return answer.status, content
                    await self._wait(attempt, answer.headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                reason = str(error) or "no answer in time"
                raise RetryableError(f"Graph {path}: {reason}: run the command again") from error
        raise AssertionError

    async def _wait(self, times: int, headers: Mapping[str, str] | None = None) -> None:
        """Wait for the time in `Retry-After`, or for an increasing time."""
        wait = min(self._first_wait_s * 1.5**times, MAX_WAIT_S)
        with suppress(ValueError):
            wait = min(float((headers or {}).get("Retry-After", wait)), MAX_WAIT_S)
        await asyncio.sleep(wait)

    async def _token(self) -> str:
        if self._is_local:
            return "stand-in"
        if self._credential is None:
            from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415, slow to import

            self._credential = DefaultAzureCredential()
        try:
            token = await self._credential.get_token(f"{self._endpoint}/.default")
        except ClientAuthenticationError as error:
            line = str(error).strip().partition("\n")[0][:_MAX_REASON]
            raise ConfigurationError(f"Graph: signing in failed: run `az login`: {line}") from error
        return str(token.token)

    def _taken(self, status: int, body: Json, path: str) -> Json:
        """Return the body of a successful answer; raise our error for any other."""
        if status < _BAD_REQUEST:
            return body
        reason = _reason(body)
        if status in {_UNAUTHORISED, _FORBIDDEN}:
            raise ConfigurationError(
                f"Graph {path}: no permission: your account needs Application.ReadWrite.All and"
                " AppRoleAssignment.ReadWrite.All, as a Cloud Application Administrator has:"
                f" {reason}"
            )
        if status in _BUSY or status >= 500:  # noqa: PLR2004, faults of the service
            raise RetryableError(f"Graph {path}: status {status}: {reason}")
        raise ConfigurationError(f"Graph {path}: refused with status {status}: {reason}")


def _reason(body: Json) -> str:
    error = body.get("error")
    found = error if isinstance(error, dict) else {}
    return f"{found.get('code', '')}: {found.get('message', '')}"[:_MAX_REASON]


async def _content(answer: aiohttp.ClientResponse) -> Json:
    if answer.status == 204:  # noqa: PLR2004, nothing to say
        return {}
    try:
        content = await answer.json(content_type=None)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
