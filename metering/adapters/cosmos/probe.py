"""Checks of a Cosmos DB account: that containers and permissions are as the functions need."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final

from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos.aio import ContainerProxy

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.answers import Answer
from metering.adapters.cosmos.containers import CONTAINERS, Container
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import instant_of
from metering.core.installation.finding import Finding, check_skew, fail, ok, warn
from metering.ports import Clock

#: The id of an item that never exists: reading or deleting it only tests the permission.
_PROBE_ID: Final = "metering-doctor"


class CosmosProbe:
    """Checks one database, once."""

    def __init__(self, endpoint: str, database: str, key: str | None, clock: Clock) -> None:
        self._clock = clock
        self._answers: list[Answer] = []
        self._account = CosmosAccount(endpoint, database, key, self._answers.append)

    async def run(self) -> list[Finding]:
        """Return a finding for each container, for permissions and for the clock."""
        try:
            findings = [await self._container(container) for container in CONTAINERS]
            if all(finding.state != "fail" for finding in findings):
                findings += await self._permissions()
            return [*findings, *self._skew()]
        except RetryableError as error:
            remedy = "check that the account exists, its firewall admits you and it has capacity"
            return [fail("store", str(error), remedy)]
        finally:
            await self._account.close()

    async def _container(self, container: Container) -> Finding:
        check = f"container {container.name}"
        try:
            async with self._account.container(container) as proxy:
                found = await proxy.read()
        except ConfigurationError as error:
            remedy = "deploy it with bicep/, roles included; on an emulator run `metering init`"
            return fail(check, str(error), remedy)
        life = found.get("defaultTtl")
        if life != container.default_ttl:
            remedy = "set it as in docs/operations.md: items expire too early or never"
            return warn(check, f"its default time to live is {life}", remedy)
        return ok(check, f"by {container.partition_key}")

    async def _permissions(self) -> list[Finding]:
        return [
            await self._may("read", lambda proxy: proxy.read_item(_PROBE_ID, _PROBE_ID)),
            await self._may("write", lambda proxy: proxy.delete_item(_PROBE_ID, _PROBE_ID)),
        ]

    async def _may(self, what: str, ask: Callable[[ContainerProxy], Awaitable[object]]) -> Finding:
        check = f"permission to {what}"
        for container in CONTAINERS:
            try:
                async with self._account.container(container) as proxy:
                    with suppress(ResourceNotFoundError):
                        await ask(proxy)
            except ConfigurationError as error:
                remedy = "give the identity the role Cosmos DB Built-in Data Contributor"
                return fail(check, str(error), remedy)
        return ok(check, "in all containers")

    def _skew(self) -> list[Finding]:
        dates = [answer.date for answer in self._answers if answer.date]
        if not dates:
            return []
        return [check_skew(self._clock.now(), instant_of(parsedate_to_datetime(dates[-1])))]
