"""Ask Azure, before anything is changed, whether a deployment would go through and then work.

The paths and versions are those of Microsoft's REST reference, read 2026-11-30. The answers were
tried against a double only.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from metering.core.basics.errors import MeteringError
from metering.core.installation import preflight
from metering.core.installation.deployment_parameters import Planned
from metering.core.installation.finding import Finding, fail, ok
from metering.core.installation.preflight import Api, Grants, Usage
from metering.ports import CloudReading

_SUBSCRIPTIONS: Final = "2022-12-01"
_PROVIDERS: Final = "2021-04-01"
_PERMISSIONS: Final = "2022-04-01"
_WEB: Final = "2023-12-01"
_NETWORK: Final = "2024-05-01"
_GATEWAY: Final = "2024-05-01"
_ACCOUNTS: Final = "2023-05-01"
_POLICIES: Final = "2022-03-01"
#: Quotas of a region that private networks use.
_QUOTAS: Final = frozenset({"VirtualNetworks", "PrivateEndpoints"})
#: The resources that policies of landing zones most often deny, each with the version in bicep/.
_TYPES: Final = (
    ("Microsoft.EventHub/namespaces", "2024-01-01"),
    ("Microsoft.DocumentDB/databaseAccounts", "2024-11-15"),
    ("Microsoft.Storage/storageAccounts", "2023-05-01"),
    ("Microsoft.Web/sites", "2023-12-01"),
)


@dataclass(frozen=True, slots=True)
class Preflight:
    """The use case behind `metering azure preflight`. Reads only."""

    cloud: CloudReading
    subscription: str
    """The id of the subscription to deploy to."""

    async def run(self, planned: Planned) -> AsyncIterator[Finding]:
        """Yield the findings. A question that Azure does not answer fails and hides no other."""
        yield preflight.network(planned)
        try:
            found = await self.cloud.get(self._at(""), _SUBSCRIPTIONS)
        except MeteringError as fault:
            yield fail("subscription", str(fault), "az login, and name the right subscription")
            return
        yield ok("subscription", str(found.get("displayName", self.subscription)))
        for check, ask in (
            ("resource providers", self._providers),
            ("permissions", self._permissions),
            ("region", self._region),
            ("quotas", self._quotas),
            ("policies", self._policies),
            ("paths", self._paths),
            ("models", self._models),
        ):
            try:
                for finding in await ask(planned):
                    yield finding
            except MeteringError as fault:
                yield fail(check, f"cannot be checked: {fault}", "see the reason, and try again")

    def _at(self, path: str) -> str:
        return f"/subscriptions/{self.subscription}{path}"

    async def _providers(self, planned: Planned) -> Sequence[Finding]:
        listed = await self.cloud.list(self._at("/providers"), _PROVIDERS)
        states = {
            str(one.get("namespace", "")).casefold(): str(one.get("registrationState"))
            for one in listed
        }
        return [preflight.providers(planned, states)]

    async def _permissions(self, planned: Planned) -> Sequence[Finding]:
        place = self._at("/providers/Microsoft.Authorization/permissions")
        listed = await self.cloud.list(place, _PERMISSIONS)
        grants = [Grants(one.get("actions", []), one.get("notActions", [])) for one in listed]
        return [preflight.permissions(planned, grants)]

    async def _region(self, planned: Planned) -> Sequence[Finding]:
        place = self._at("/providers/Microsoft.Web/geoRegions?sku=FlexConsumption")
        listed = await self.cloud.list(place, _WEB)
        return [preflight.region(planned, [str(one.get("name")) for one in listed])]

    async def _quotas(self, planned: Planned) -> Sequence[Finding]:
        if not planned.private_network:
            return []
        location = planned.location.replace(" ", "").casefold()
        place = self._at(f"/providers/Microsoft.Network/locations/{location}/usages")
        used = [
            Usage(_named(one), int(one.get("currentValue", 0)), int(one.get("limit", 0)))
            for one in await self.cloud.list(place, _NETWORK)
        ]
        return list(preflight.quotas(planned, [one for one in used if one.name in _QUOTAS]))

    async def _policies(self, planned: Planned) -> Sequence[Finding]:
        place = self._at("/providers/Microsoft.PolicyInsights/checkPolicyRestrictions")
        denied = []
        for kind, version in _TYPES:
            content = {
                "type": kind,
                "location": planned.location,
                "properties": {
                    "publicNetworkAccess": "Disabled" if planned.private_network else "Enabled"
                },
            }
            body = {"resourceDetails": {"resourceContent": content, "apiVersion": version}}
            answer = await self.cloud.ask(place, _POLICIES, body)
            denied += [(kind, policy) for policy in _denials(answer)]
        return list(preflight.policies(denied))

    async def _paths(self, planned: Planned) -> Sequence[Finding]:
        if not planned.gateway_id:
            return [ok("paths", "the gateway is new: all are free")]
        listed = await self.cloud.list(f"{planned.gateway_id}/apis", _GATEWAY)
        apis = [
            Api(str(one.get("name")), str(one.get("properties", {}).get("path", "")))
            for one in listed
        ]
        return list(preflight.gateway_paths(planned, apis))

    async def _models(self, planned: Planned) -> Sequence[Finding]:
        hosts: dict[str, list[str] | None] = {}
        for account in {model.account_id for model in planned.models if model.account_id}:
            found = await self.cloud.find(account, _ACCOUNTS)
            hosts[account] = None if found is None else _hosts(found)
        return list(preflight.models(planned, hosts))


def _named(usage: Mapping[str, Any]) -> str:
    name = usage.get("name", {})
    return str(name.get("value", "")) if isinstance(name, dict) else str(name)


def _denials(answer: Mapping[str, Any]) -> list[str]:
    """Return the policies that deny a resource; its field restrictions are no refusal yet."""
    result = answer.get("contentEvaluationResult", {})
    return [
        str(one.get("policyInfo", {}).get("policyDefinitionId", "a policy")).rpartition("/")[2]
        for one in result.get("policyEvaluations", [])
        if one.get("evaluationResult") == "NonCompliant"
        and str(one.get("effectDetails", {}).get("policyEffect", "")).casefold() == "deny"
    ]


def _hosts(account: Mapping[str, Any]) -> list[str]:
    """Return the hosts of an account of models."""
    properties = account.get("properties", {})
    urls = [properties.get("endpoint"), *properties.get("endpoints", {}).values()]
    name = properties.get("customSubDomainName")
    hosts = [url.partition("://")[2].partition("/")[0] for url in urls if isinstance(url, str)]
    if isinstance(name, str):
        hosts += [f"{name}.openai.azure.com", f"{name}.services.ai.azure.com"]
    return sorted(dict.fromkeys(filter(None, hosts)))
