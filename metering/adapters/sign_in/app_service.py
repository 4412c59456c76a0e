"""Who App Service authentication says is signed in, by the header that it sets."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from metering.core.tenancy.access import Identity, NotSignedIn, identity_of

#: App Service refuses larger headers than this itself.
MAX_HEADER_CHARACTERS: Final = 65_536
#: Claims come under their short names or those of WS-Federation, by the version of the token.
_NAMES: Final[Mapping[str, str]] = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
}


def identity_in(principal: str, tenant: str | None) -> Identity:
    """Return who `x-ms-client-principal` names: a person in a browser.

    Believe it only where App Service authentication is on: it takes the header off what comes from
    outside. `tenant`: the directory that the person must be of. NotSignedIn for what is no such
    header.
    """
    try:
        if len(principal) > MAX_HEADER_CHARACTERS:
            raise NotSignedIn("the principal is too long")
        found = json.loads(base64.b64decode(principal, validate=True))
        claims = _claims(found)
    except (binascii.Error, UnicodeDecodeError, ValueError, TypeError, KeyError):
        raise NotSignedIn("the principal cannot be read") from None
    if found.get("auth_typ") != "aad":
        raise NotSignedIn("the principal is not of Microsoft Entra")
    if tenant is not None and claims.get("tid") != tenant:
        raise NotSignedIn("the principal is of another directory")
    # What is signed in here is a person, with or without scopes among the claims.
    found_identity = identity_of({**claims, "scp": claims.get("scp") or "browser"})
    return found_identity._replace(is_ambient=True)


def _claims(found: Any) -> dict[str, Any]:
    claims: dict[str, Any] = {"roles": []}
    for one in found["claims"]:
        name = _NAMES.get(one["typ"], one["typ"])
        if name == "roles":
            claims["roles"].append(str(one["val"]))
        else:
            claims[name] = str(one["val"])
    return claims
