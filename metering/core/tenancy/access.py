"""Access control: from the claims of a verified token to permissions.

Claims are trusted here: the token has been verified before (docs/adr/0016).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.errors import MeteringError
from metering.core.basics.patterns import GUID

#: Of Microsoft Entra: client ids and object ids are GUIDs.

type Claims = Mapping[str, object]


class Role(StrEnum):
    """The app roles of the API, in the claim `roles`."""

    OPERATOR = "Metering.Operator"
    """Sees and changes everything."""
    GATEWAY = "Metering.Gateway"
    """Asks for admission, reports usage, and reads on behalf of the subscription it names."""
    PRODUCER = "Metering.Producer"
    """Reports usage, and reads nothing."""


class Action(StrEnum):
    """The permission that a route requires."""

    OPERATE = "operate"
    """See or change data of all tenants, or data that only operators decide on."""
    ASK_ADMISSION = "ask admission"
    REPORT = "report events"
    EXPORT = "export telemetry"
    """Its callers are declared exporters, whatever their roles."""
    READ_TENANT = "read a tenant"
    """See one tenant's own figures."""


#: The roles with each permission. For reading one's own tenant see `may`.
_ALLOWED: Final[Mapping[Action, frozenset[Role]]] = {
    Action.OPERATE: frozenset({Role.OPERATOR}),
    Action.ASK_ADMISSION: frozenset({Role.OPERATOR, Role.GATEWAY}),
    Action.REPORT: frozenset({Role.OPERATOR, Role.GATEWAY, Role.PRODUCER}),
    Action.EXPORT: frozenset(),
    Action.READ_TENANT: frozenset({Role.OPERATOR}),
}


class NotSignedIn(MeteringError):
    """The caller is not authenticated: the token is missing or invalid. `reason` has no secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Identity(NamedTuple):
    """A caller according to verified claims."""

    subject: str
    """`app:<client id>` or `user:<object id>`; a name of its own for the development issuer."""
    roles: frozenset[Role] = frozenset()
    tenant: str | None = None
    """Set by the development issuer only."""
    is_ambient: bool = False
    """Whether a browser sends the credential by itself, as it does cookies."""


class Caller(NamedTuple):
    """An identity with the tenant it may read."""

    subject: str
    roles: frozenset[Role]
    tenant: str | None
    is_ambient: bool = False


def may(caller: Caller, action: Action, tenant: str | None = None) -> bool:
    """Return whether a caller has a permission, for `tenant` if the action concerns one.

    The result does not depend on whether the tenant exists, so it reveals nothing.
    """
    if caller.roles & _ALLOWED[action]:
        return True
    return action is Action.READ_TENANT and tenant is not None and caller.tenant == tenant


def identity_of(claims: Claims) -> Identity:
    """Return the identity in the claims of an Entra access token; NotSignedIn without one.

    A token with scopes acts for a user, whichever app it was issued to; one without is an app's
    own (access token claims reference, 2026). An ID token is neither.
    """
    roles = roles_in(claims)
    if claims.get("scp"):
        return Identity(f"user:{_guid(claims, 'oid')}", roles)
    says = claims.get("idtyp")
    if says == "app" or (says is None and claims.get("sub") == claims.get("oid")):
        name = "azp" if "azp" in claims else "appid"
        return Identity(f"app:{_guid(claims, name)}", roles)
    raise NotSignedIn("the token is not an access token of a user or an app")


def _guid(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if isinstance(value, str) and GUID.fullmatch(value.lower()):
        return value.lower()
    raise NotSignedIn(f"the token has no {name}")


def roles_in(claims: Claims) -> frozenset[Role]:
    """Return the roles of this API in the claims; other values are ignored."""
    claim = claims.get("roles")
    named = claim if isinstance(claim, list) else ()
    return frozenset(role for role in Role if role.value in named)
