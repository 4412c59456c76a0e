"""Reads of Azure Resource Manager by path, where no SDK of one service fits."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from azure.core import AsyncPipelineClient
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import (
    AsyncBearerTokenCredentialPolicy,
    AsyncRetryPolicy,
    ContentDecodePolicy,
    CustomHookPolicy,
)
from azure.core.rest import HttpRequest

from metering.adapters.azure.arm import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RETRIES, Arm
from metering.core.basics.errors import ConfigurationError

_MAX_PAGES = 50


class ArmReading:
    """Implements CloudReading with the caller's own identity."""

    def __init__(self, arm: Arm) -> None:
        self._arm = arm

    async def get(self, path: str, version: str) -> Mapping[str, Any]:
        """Return a resource. Raises ConfigurationError if it does not exist."""
        async with self._client(path) as client:
            return await self._send(client, HttpRequest("GET", _url(path, version)))

    async def find(self, path: str, version: str) -> Mapping[str, Any] | None:
        """Return a resource; None if it does not exist or may not be read."""
        try:
            return await self.get(path, version)
        except ConfigurationError:
            return None

    async def list(self, path: str, version: str) -> list[Mapping[str, Any]]:
        """Return the items of a collection, all pages."""
        found: list[Mapping[str, Any]] = []
        url: str | None = _url(path, version)
        async with self._client(path) as client:
            for _ in range(_MAX_PAGES):
                if url is None:
                    break
                page = await self._send(client, HttpRequest("GET", url))
                found.extend(page.get("value", []))
                url = page.get("nextLink")
        return found

    async def ask(self, path: str, version: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer to a question that is asked by POST and changes nothing."""
        async with self._client(path) as client:
            return await self._send(client, HttpRequest("POST", _url(path, version), json=body))

    @asynccontextmanager
    async def _client(self, place: str) -> AsyncIterator[AsyncPipelineClient[Any, Any]]:
        credential = self._arm.credential()
        try:
            async with self._arm.asked(place.partition("?")[0]):
                policies = [
                    AsyncRetryPolicy(retry_total=RETRIES),
                    AsyncBearerTokenCredentialPolicy(
                        credential,
                        f"{self._arm.endpoint}/.default",
                        **self._arm.request_options,
                    ),
                    ContentDecodePolicy(),
                    CustomHookPolicy(),
                ]
                client: AsyncPipelineClient[Any, Any] = AsyncPipelineClient(
                    self._arm.endpoint,
                    policies=policies,
                    connection_timeout=CONNECT_TIMEOUT_S,
                    read_timeout=READ_TIMEOUT_S,
                )
                async with client:
                    yield client
        finally:
            await credential.close()

    async def _send(
        self, client: AsyncPipelineClient[Any, Any], request: HttpRequest
    ) -> Mapping[str, Any]:
        request.url = client.format_url(request.url)
        answer = await client.send_request(request, **self._arm.request_options)
        if answer.status_code >= 400:  # noqa: PLR2004
            raise HttpResponseError(response=answer)
        found = answer.json()
        return found if isinstance(found, dict) else {}


def _url(path: str, version: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}api-version={version}"
