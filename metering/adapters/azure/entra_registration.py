"""The target state of the API's app registration in Entra ID: roles, tokens, browser sign-in."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from metering.adapters.azure.graph import Json
from metering.core.tenancy.access import Role

#: Of an application: only users of this Entra tenant sign in.
_AUDIENCE: Final = "AzureADMyOrg"
#: The API expects an issuer with /v2.0 and the client id as audience.
_TOKEN_VERSION: Final = 2
#: Role ids are derived from their names, so that every run uses the same ones.
_ROLES_NAMESPACE: Final = uuid5(NAMESPACE_URL, "urn:metering:app-roles")
#: The path to which Entra redirects browsers after sign-in with App Service authentication.
_CALLBACK: Final = "/.auth/login/aad/callback"
#: A field of `web` that repeats the redirect URIs and would have to agree with them.
_DERIVED: Final = "redirectUriSettings"


class AppRole(NamedTuple):
    """The display texts of a role of the API in Entra, and the member types it allows."""

    name: str
    description: str
    members: tuple[str, ...]


APP_ROLES: Final[Mapping[Role, AppRole]] = {
    Role.OPERATOR: AppRole(
        "Metering operator",
        "Sees all tenants, and changes plans, prices and periods.",
        ("User", "Application"),
    ),
    Role.GATEWAY: AppRole(
        "Metering gateway",
        "Asks for admission and balances on behalf of subscriptions.",
        ("Application",),
    ),
    Role.PRODUCER: AppRole(
        "Metering producer",
        "Reports usage, and reads nothing.",
        ("Application",),
    ),
}


def role_id(role: Role) -> str:
    """Return the id that a role gets when it is created."""
    return str(uuid5(_ROLES_NAMESPACE, role.value))


def callback_of(host: str) -> str:
    """Return the redirect URI of App Service authentication on a host."""
    return f"https://{host}{_CALLBACK}"


def changes_of(application: Json, hosts: Sequence[str]) -> tuple[Json, list[str]]:
    """Return the changes that an application needs, as a PATCH body and as descriptions.

    Without `hosts` browser sign-in stays as it is.
    """
    body: Json = {}
    whats: list[str] = []
    if application.get("signInAudience") != _AUDIENCE:
        body["signInAudience"] = _AUDIENCE
        whats.append("sign-in limited to this Entra tenant")
    uri = f"api://{application['appId']}"
    uris = application.get("identifierUris") or []
    if uri not in uris:
        body["identifierUris"] = [*uris, uri]
        whats.append(f"audience {uri}")
    api = application.get("api") or {}
    if api.get("requestedAccessTokenVersion") != _TOKEN_VERSION:
        body["api"] = {"requestedAccessTokenVersion": _TOKEN_VERSION}
        whats.append(f"tokens of version {_TOKEN_VERSION}")
    roles: list[Any] = application.get("appRoles") or []
    there = {role.get("value") for role in roles if role.get("isEnabled")}
    lacking = [role for role in APP_ROLES if role.value not in there]
    if lacking:
        kept = [role for role in roles if role.get("value") not in lacking]
        body["appRoles"] = [*kept, *(_document(role, roles) for role in lacking)]
        whats += [f"role {role.value}" for role in lacking]
    if hosts:
        web, more = _web(application.get("web") or {}, hosts)
        body |= {"web": web} if more else {}
        whats += more
    return body, whats


def _web(web: Json, hosts: Iterable[str]) -> tuple[Json, list[str]]:
    """Return `web` with browser sign-in added to its content, and descriptions of the changes."""
    uris = web.get("redirectUris") or []
    there = {uri.lower() for uri in uris}
    lacking = [uri for uri in map(callback_of, hosts) if uri not in there]
    whats = [f"redirect to {uri}" for uri in lacking]
    grants = web.get("implicitGrantSettings") or {}
    if grants.get("enableIdTokenIssuance") is not True:
        # App Service has no client secret: it takes the ID token from the browser itself.
        grants = {**grants, "enableIdTokenIssuance": True}
        whats.append("ID tokens for browsers")
    kept = {name: value for name, value in web.items() if name != _DERIVED}
    return {**kept, "redirectUris": [*uris, *lacking], "implicitGrantSettings": grants}, whats


def _document(role: Role, known: Sequence[Any]) -> Json:
    """Return a role as a Graph document, with its existing id if it was disabled."""
    before = next((one["id"] for one in known if one.get("value") == role.value), role_id(role))
    shown = APP_ROLES[role]
    return {
        "id": before,
        "value": role.value,
        "displayName": shown.name,
        "description": shown.description,
        "allowedMemberTypes": list(shown.members),
        "isEnabled": True,
    }
