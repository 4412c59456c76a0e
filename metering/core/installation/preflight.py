"""The findings of a preflight: whether a deployment would go through and then work."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from metering.core.installation.deployment_parameters import Planned
from metering.core.installation.finding import Finding, fail, ok, warn

#: Namespaces of the resources in bicep/ that a subscription registers.
PROVIDERS: Final = (
    *("Microsoft.ApiManagement", "Microsoft.App", "Microsoft.DocumentDB", "Microsoft.EventHub"),
    *("Microsoft.Insights", "Microsoft.ManagedIdentity", "Microsoft.OperationalInsights"),
    *("Microsoft.Storage", "Microsoft.Web"),
)
_NETWORK: Final = "Microsoft.Network"
_ACTIONS: Final = (
    "Microsoft.Resources/subscriptions/resourceGroups/write",
    "Microsoft.Resources/deployments/write",
    "Microsoft.DocumentDB/databaseAccounts/write",
    "Microsoft.EventHub/namespaces/write",
    "Microsoft.Web/sites/write",
    "Microsoft.Authorization/roleAssignments/write",
)
_LOCKS: Final = "Microsoft.Authorization/locks/write"
_ROLES: Final = "Microsoft.Authorization/roleDefinitions/write"
#: APIs that the templates make; any other on one of their paths is in the way.
OWN_APIS: Final = frozenset({"metering-openai", "metering-anthropic", "metering-balance"})
_ACCOUNT: Final = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.CognitiveServices"
    r"/accounts/[^/]+",
    re.IGNORECASE,
)


class Grants(NamedTuple):
    """One set of permissions of the caller."""

    actions: Sequence[str]
    not_actions: Sequence[str]

    def allows(self, action: str) -> bool:
        """Return whether it allows an action; `*` stands for any text."""
        return _matches(action, self.actions) and not _matches(action, self.not_actions)


class Api(NamedTuple):
    """An API of a gateway."""

    name: str
    path: str


class Usage(NamedTuple):
    """The use of a quota of a region."""

    name: str
    current: int
    limit: int


def _matches(action: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(action.casefold(), pattern.casefold()) for pattern in patterns)


def providers(planned: Planned, states: Mapping[str, str]) -> Finding:
    """Check that every resource provider is registered; `states` by lower-case namespace."""
    needed = (*PROVIDERS, *((_NETWORK,) if planned.private_network else ()))
    missing = [name for name in needed if states.get(name.casefold()) != "Registered"]
    if not missing:
        return ok("resource providers", f"{len(needed)} registered")
    remedy = "; ".join(f"az provider register --namespace {name} --wait" for name in missing)
    return fail("resource providers", f"not registered: {', '.join(missing)}", remedy)


def permissions(planned: Planned, grants: Sequence[Grants]) -> Finding:
    """Check that the caller may do what the templates do, at the subscription."""
    needed = [*_ACTIONS, *([_LOCKS] if planned.locks else [])]
    needed += [_ROLES] if planned.makes_role else []
    missing = [action for action in needed if not any(one.allows(action) for one in grants)]
    if not missing:
        return ok("permissions", f"all {len(needed)} actions allowed")
    remedy = "ask for Owner, or Contributor with User Access Administrator, at the subscription"
    return fail("permissions", f"not allowed: {', '.join(missing)}", remedy)


def region(planned: Planned, offered: Iterable[str]) -> Finding:
    """Check that Flex Consumption is offered in the region; `offered` are its display names."""
    names = {name.replace(" ", "").casefold() for name in offered}
    if planned.location.replace(" ", "").casefold() in names:
        return ok("region", f"Flex Consumption is offered in {planned.location}")
    remedy = "choose another AZURE_LOCATION: az functionapp list-flexconsumption-locations"
    return fail("region", f"Flex Consumption is not offered in {planned.location!r}", remedy)


def gateway_paths(planned: Planned, apis: Sequence[Api]) -> Iterator[Finding]:
    """Check that the paths of the APIs are free at an existing gateway."""
    others = {api.path.strip("/").casefold(): api for api in apis if api.name not in OWN_APIS}
    for parameter, path in planned.paths.items():
        taken = others.get(path.strip("/").casefold())
        if taken is not None:
            yield fail(
                f"path {path}",
                f"API {taken.name!r} of the gateway has it",
                f"choose another path: parameter {parameter}",
            )
    if not any(path.strip("/").casefold() in others for path in planned.paths.values()):
        yield ok("paths", f"{', '.join(planned.paths.values())} are free at the gateway")


def network(planned: Planned) -> Finding:
    """Check that the gateway reaches the hub that it reports usage to."""
    if planned.private_network and planned.gateway_id and not planned.gateway_reaches_network:
        return fail(
            "network",
            "the hubs are private, and nothing says that the existing gateway reaches them: it"
            " would answer requests and lose all usage",
            "integrate or peer the gateway's network, link the private DNS zones to it, then set"
            " METERING_GATEWAY_REACHES_NETWORK=true",
        )
    kind = "private endpoints" if planned.private_network else "public endpoints"
    return ok("network", f"{kind}, which the gateway reaches")


def models(planned: Planned, hosts: Mapping[str, Sequence[str] | None]) -> Iterator[Finding]:
    """Check every model back end; `hosts` are those of an account by its id, None: not found."""
    if not planned.models:
        yield warn(
            "models",
            "none: the gateway will have no model to call",
            "set METERING_OPENAI_MODELS or METERING_ANTHROPIC_MODELS",
        )
    for model in planned.models:
        check, host = f"model {model.url}", (urlsplit(model.url).hostname or "").casefold()
        if not _ACCOUNT.fullmatch(model.account_id):
            yield fail(
                check,
                "names no account: the gateway gets no role on the model, which answers 401",
                'add "accountId": "/subscriptions/…/Microsoft.CognitiveServices/accounts/NAME"',
            )
        elif (found := hosts.get(model.account_id)) is None:
            yield fail(
                check, f"{model.account_id} does not exist or cannot be read", "correct accountId"
            )
        elif host not in {one.casefold() for one in found}:
            names = ", ".join(found) or "none"
            yield fail(check, f"its account has other hosts: {names}", "correct url or accountId")
        else:
            yield ok(check, "its account exists and has this host")


def policies(denied: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """Report the policies that would deny a resource: pairs of resource type and policy."""
    for kind, policy in denied:
        remedy = "ask its owner for an exemption, or deploy what it asks for (docs/operations.md)"
        yield fail(f"policy on {kind}", f"{policy} denies it as planned", remedy)
    if not denied:
        yield ok("policies", "none denies what is planned")


def quotas(planned: Planned, used: Sequence[Usage]) -> Iterator[Finding]:
    """Check that a quota of the region is not used up."""
    full = [one for one in used if one.current >= one.limit]
    for one in full:
        remedy = "ask for more under Usage + quotas in the portal"
        yield fail(f"quota {one.name}", f"{one.current} of {one.limit} used", remedy)
    if used and not full:
        yield ok("quotas", f"room for networks and endpoints in {planned.location}")
