"""Subscriptions of Azure API Management, through Azure Resource Manager."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.azure.arm import Arm
from metering.core.quotas.suspension import SubscriptionState

if TYPE_CHECKING:
    from azure.mgmt.apimanagement.aio import ApiManagementClient

#: For one call, retries of the SDK included; callers expect less than two minutes.
LONGEST_S: Final = 45
ROLE: Final = (
    "a role with Microsoft.ApiManagement/service/subscriptions/read and /write on it, e.g."
    " API Management Service Contributor"
)
#: The characters that the service accepts, except those with a meaning in a path.
_NAME: Final = re.compile(r"(?!\.{1,2}$)[^*#&+:<>?/\\%\x00-\x1f\x7f]{1,256}")
_EVERY_VERSION: Final = "*"


class ApimSubscriptions:
    """Implements SubscriptionGate."""

    def __init__(
        self, arm: Arm, *, subscription_id: str, resource_group: str, service: str
    ) -> None:
        self._arm = arm
        self._subscription_id = subscription_id
        self._service = (resource_group, service)
        self._client: ApiManagementClient | None = None
        self._credential: Any = None

    async def read_state(self, subscription: str) -> SubscriptionState | None:
        """Return the state of a subscription, or None if the gateway does not have it."""
        if not _NAME.fullmatch(subscription):
            return None
        async with self._asked() as client:
            try:
                found = await client.subscription.get(
                    *self._service, subscription, **self._arm.request_options
                )
            except ResourceNotFoundError:
                await self._check_service(client)
                return None
        return _state(found.state)

    async def set_state(
        self,
        subscription: str,
        state: Literal[SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED],
    ) -> None:
        """Set the state of a subscription unconditionally, without a notification mail."""
        if not _NAME.fullmatch(subscription):
            return
        async with self._asked() as client:
            from azure.mgmt.apimanagement.models import (  # noqa: PLC0415, slow to import
                SubscriptionUpdateParameters,
            )

            try:
                await client.subscription.update(
                    *self._service,
                    subscription,
                    if_match=_EVERY_VERSION,
                    parameters=SubscriptionUpdateParameters(state=state.value),
                    notify=False,
                    **self._arm.request_options,
                )
            except ResourceNotFoundError:
                await self._check_service(client)

    async def close(self) -> None:
        """Close the connections; the next call opens them again."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        credential, self._credential = self._credential, None
        if credential is not None:
            await credential.close()

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator["ApiManagementClient"]:
        place = f"API Management service {self._service[1]} (METERING_APIM_SERVICE)"
        async with self._arm.asked(place, needs=ROLE), asyncio.timeout(LONGEST_S):
            yield self._opened()

    async def _check_service(self, client: "ApiManagementClient") -> None:
        """Raise ResourceNotFoundError if the service itself does not exist.

        Azure answers 404 for that too. Mistaken for a deleted subscription, a wrong setting would
        make the caller drop its records of suspensions.
        """
        pages = client.subscription.list(*self._service, top=1, **self._arm.request_options)
        await anext(aiter(pages), None)

    def _opened(self) -> "ApiManagementClient":
        if self._client is None:
            from azure.mgmt.apimanagement.aio import (  # noqa: PLC0415, slow to import
                ApiManagementClient,
            )

            self._credential = self._arm.credential()
            self._client = ApiManagementClient(
                self._credential, self._subscription_id, **self._arm.client_options
            )
        return self._client


def _state(text: str | None) -> SubscriptionState:
    try:
        return SubscriptionState((text or "").lower())
    except ValueError:
        return SubscriptionState.OTHER
