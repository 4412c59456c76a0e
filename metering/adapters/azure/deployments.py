"""The deployments of Azure OpenAI and Foundry resources, from Azure Resource Manager."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from metering.adapters.azure.arm import Arm
from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.deployment_import import FoundDeployment

if TYPE_CHECKING:
    from azure.mgmt.cognitiveservices.aio import CognitiveServicesManagementClient
    from azure.mgmt.cognitiveservices.models import Account, Deployment

#: The kinds of accounts with model deployments; others (speech, vision …) are skipped.
_KINDS: Final = frozenset({"openai", "aiservices"})
_RESOURCE_GROUP: Final = "resourcegroups"


class AzureDeployments:
    """Implements DeploymentSource."""

    def __init__(
        self,
        arm: Arm,
        subscription_id: str,
        *,
        resource_group: str | None = None,
        account: str | None = None,
    ) -> None:
        """List one subscription, or only one resource group or account in it."""
        self._arm = arm
        self._subscription_id = subscription_id
        self._resource_group = resource_group
        self._account = account

    async def list_deployments(self) -> list[FoundDeployment]:
        """Return all deployments, by account and name."""
        found: list[FoundDeployment] = []
        async with self._arm.asked(self._place), self._client() as client:
            accounts = [account async for account in self._accounts(client)]
            for account in accounts:
                listed = client.deployments.list(
                    _group_of(account), account.name or "", **self._arm.request_options
                )
                found.extend([_found(account, deployment) async for deployment in listed])
        if self._account is not None and not accounts:
            raise ConfigurationError(
                f"Azure {self._place}: account {self._account!r} does not exist"
            )
        return sorted(found, key=lambda one: (one.account, one.name))

    @property
    def _place(self) -> str:
        group = f", resource group {self._resource_group}" if self._resource_group else ""
        return f"subscription {self._subscription_id}{group}"

    @asynccontextmanager
    async def _client(self) -> AsyncIterator["CognitiveServicesManagementClient"]:
        try:
            # Takes half a second to import, and is not installed in Azure.
            from azure.mgmt.cognitiveservices.aio import (  # noqa: PLC0415
                CognitiveServicesManagementClient,
            )
        except ModuleNotFoundError:
            raise ConfigurationError(
                "install azure-mgmt-cognitiveservices to import deployments from Azure"
            ) from None
        credential = self._arm.credential()
        try:
            async with CognitiveServicesManagementClient(
                credential, self._subscription_id, **self._arm.client_options
            ) as client:
                yield client
        finally:
            await credential.close()

    async def _accounts(
        self, client: "CognitiveServicesManagementClient"
    ) -> AsyncIterator["Account"]:
        options = self._arm.request_options
        listed = (
            client.accounts.list(**options)
            if self._resource_group is None
            else client.accounts.list_by_resource_group(self._resource_group, **options)
        )
        wanted = None if self._account is None else self._account.casefold()
        async for account in listed:
            is_wanted = (
                (account.kind or "").casefold() in _KINDS
                if wanted is None
                else (account.name or "").casefold() == wanted
            )
            if is_wanted:
                yield account


def _group_of(account: "Account") -> str:
    """Return the resource group in a resource id: `/subscriptions/S/resourceGroups/G/…`."""
    parts = (account.id or "").split("/")
    for position, part in enumerate(parts[:-1]):
        if part.casefold() == _RESOURCE_GROUP:
            return parts[position + 1]
    return ""


def _found(account: "Account", deployment: "Deployment") -> FoundDeployment:
    model = deployment.properties.model if deployment.properties is not None else None
    sku = deployment.sku
    return FoundDeployment(
        account.name or "",
        deployment.name or "",
        model.name if model is not None else None,
        model.version if model is not None else None,
        model.format if model is not None else None,
        account.location,
        sku.name if sku is not None else None,
        sku.capacity if sku is not None else None,
    )
