"""The signed-in user of a browser, from the header that App Service authentication sets."""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final

from metering.core.tenancy.access import Identity, NotSignedIn, identity_of

#: App Service itself refuses larger headers.
MAX_HEADER_CHARACTERS: Final = 65_536
#: Claims have short names or those of WS-Federation, depending on the version of the token.
_NAMES: Final[Mapping[str, str]] = {
    "http://schemas.microsoft.com/identity/claims/objectidentifier": "oid",
    "http://schemas.microsoft.com/identity/claims/tenantid": "tid",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/role": "roles",
    "http://schemas.microsoft.com/identity/claims/scope": "scp",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier": "sub",
}


def identity_in(principal: str, directory: str) -> Identity:
    """Return the identity in `x-ms-client-principal`: a user of a browser.

    Trust it only if App Service authentication is on, which removes the header from requests of
    clients. The user must belong to this Entra directory. Raises NotSignedIn for a malformed
    header.
    """
    try:
        if len(principal) > MAX_HEADER_CHARACTERS:
            raise NotSignedIn("the principal is too long")
        found = json.loads(base64.b64decode(principal, validate=True))
        claims = _claims(found)
        provider = found.get("auth_typ")
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise NotSignedIn("the principal cannot be read") from None
    if provider != "aad":
        raise NotSignedIn("the principal is not from Microsoft Entra")
    if claims.get("tid") != directory:
        raise NotSignedIn("the principal is from another directory")
    # A browser is used by a person, with or without scopes among the claims.
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
