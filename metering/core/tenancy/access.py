"""Who calls, and what they may do: from the claims of a verified token to a yes or no.

Claims are believed here; that a token is genuine is established before (docs/adr/0016).
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.errors import MeteringError
from metering.core.basics.patterns import GUID

#: Of Microsoft Entra: client ids and object ids are GUIDs.

type Claims = Mapping[str, object]


class Role(StrEnum):
    """What an identity is trusted with: app roles of the API, in the claim `roles`."""

    OPERATOR = "Metering.Operator"
    """Sees and changes everything."""
    GATEWAY = "Metering.Gateway"
    """Asks for admission, reports usage, and reads on behalf of the subscription it names."""
    PRODUCER = "Metering.Producer"
    """Reports usage, and reads nothing."""


class Action(StrEnum):
    """What is asked for. Each route is for one of them."""

    OPERATE = "operate"
    """See or change what concerns all tenants, or what only operators decide."""
    ASK_ADMISSION = "ask admission"
    REPORT = "report events"
    READ_TENANT = "read a tenant"
    """See one tenant's own figures."""


#: Who may do what. Reading a tenant is decided by the tenant, see `may`.
_ALLOWED: Final[Mapping[Action, frozenset[Role]]] = {
    Action.OPERATE: frozenset({Role.OPERATOR}),
    Action.ASK_ADMISSION: frozenset({Role.OPERATOR, Role.GATEWAY}),
    Action.REPORT: frozenset({Role.OPERATOR, Role.GATEWAY, Role.PRODUCER}),
    Action.READ_TENANT: frozenset({Role.OPERATOR}),
}


class NotSignedIn(MeteringError):
    """Who calls is not known: no token, or one that is not taken. `reason` names no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Identity(NamedTuple):
    """What verified claims say of a caller."""

    subject: str
    """`app:<client id>` or `user:<object id>`; a name of its own for the development issuer."""
    roles: frozenset[Role] = frozenset()
    tenant: str | None = None
    """Only where the issuer itself says it: the development issuer."""
    is_ambient: bool = False
    """Whether a browser sends what proves it unasked, as it does cookies."""


class Caller(NamedTuple):
    """An identity, with the tenant that it may read."""

    subject: str
    roles: frozenset[Role]
    tenant: str | None
    is_ambient: bool = False


def may(caller: Caller, action: Action, tenant: str | None = None) -> bool:
    """Say whether a caller may do something, to `tenant` where it concerns one.

    Whether that tenant exists does not matter: so the answer tells nobody.
    """
    if caller.roles & _ALLOWED[action]:
        return True
    return action is Action.READ_TENANT and tenant is not None and caller.tenant == tenant


def identity_of(claims: Claims) -> Identity:
    """Return who the claims of an Entra access token name; NotSignedIn if they name nobody.

    A token with scopes acts for a user, whoever's app it was issued to; one without is an app's
    own (access token claims reference, 2026). An ID token is neither.
    """
    roles = roles_in(claims)
    if claims.get("scp"):
        return Identity(f"user:{_guid(claims, 'oid')}", roles)
    says = claims.get("idtyp")
    if says == "app" or (says is None and claims.get("sub") == claims.get("oid")):
        name = "azp" if "azp" in claims else "appid"
        return Identity(f"app:{_guid(claims, name)}", roles)
    raise NotSignedIn("the token is no access token of a user or an app")


def _guid(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if isinstance(value, str) and GUID.fullmatch(value.lower()):
        return value.lower()
    raise NotSignedIn(f"the token has no {name}")


def roles_in(claims: Claims) -> frozenset[Role]:
    """Return the roles that are ours; whatever else the claim holds is nobody's business."""
    claim = claims.get("roles")
    named = claim if isinstance(claim, list) else ()
    return frozenset(role for role in Role if role.value in named)
