"""Settings of the HTTP part: who signs in how, and how much one caller may ask."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.errors import ConfigurationError

#: Requests a second: a gateway asks for admission, a dashboard polls; both stay far below.
DEFAULT_RATE_LIMIT: Final = 300
_RATE: Final = re.compile(r"[1-9][0-9]{0,5}")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

#: How an issuer of Entra ends whose tokens are of version 2: their audience is the client id,
#: whichever address they were asked for by (access token claims reference, 2026).
_VERSION_2: Final = "/v2.0"
_ADDRESS: Final = "api://"


class Auth(NamedTuple):
    """Whose tokens are taken."""

    issuer: str
    """METERING_AUTH_ISSUER, such as https://login.microsoftonline.com/<tenant id>/v2.0."""
    audience: str
    """METERING_AUTH_AUDIENCE, as tokens name it: for Entra the client id of the API's app
    registration, whose address api://<client id> may be given too."""
    tenant: str
    """METERING_AUTH_TENANT: the Entra tenant that callers must be of."""


class Http(NamedTuple):
    """What the environment says of the HTTP part."""

    auth: Auth | None = None
    """None: nobody can sign in, but through the development issuer on this machine."""
    app_service_auth: bool = False
    """METERING_APP_SERVICE_AUTH=on: App Service authentication stands before the app, and its
    headers are believed."""
    rate_limit: int | None = DEFAULT_RATE_LIMIT
    """METERING_RATE_LIMIT: requests a second and caller, or off."""
    in_azure: bool = False
    """Whether this is an instance of App Service or Functions (WEBSITE_INSTANCE_ID)."""


def read_http(given: Mapping[str, str]) -> Http:
    """Return the settings in an environment; ConfigurationError names the one that is wrong."""
    return Http(
        _auth(given),
        _on(given.get("METERING_APP_SERVICE_AUTH")),
        _rate_limit(given.get("METERING_RATE_LIMIT")),
        bool(given.get("WEBSITE_INSTANCE_ID")),
    )


def _auth(given: Mapping[str, str]) -> Auth | None:
    names = ("METERING_AUTH_ISSUER", "METERING_AUTH_AUDIENCE", "METERING_AUTH_TENANT")
    issuer, audience, tenant = values = [given.get(name, "") for name in names]
    if not any(values):
        return None
    for name, value in zip(names, values, strict=True):
        if not value:
            raise ConfigurationError(f"{name}: is not set; sign-in needs {', '.join(names)}")
    parts = urlsplit(issuer)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or is_local) or not parts.hostname or parts.query:
        raise ConfigurationError(
            f"METERING_AUTH_ISSUER: {issuer!r} is not an https address like"
            " https://login.microsoftonline.com/<tenant id>/v2.0"
        )
    if not _GUID.fullmatch(tenant):
        raise ConfigurationError(f"METERING_AUTH_TENANT: {tenant!r} is not a tenant id (a GUID)")
    return Auth(issuer, _audience(audience, issuer), tenant.lower())


def _audience(text: str, issuer: str) -> str:
    """Return what tokens of an issuer have as `aud`: not always what they are asked for by."""
    if not issuer.rstrip("/").endswith(_VERSION_2) or not text.startswith(_ADDRESS):
        return text
    client_id = text.removeprefix(_ADDRESS)
    if not _GUID.fullmatch(client_id):
        raise ConfigurationError(
            f"METERING_AUTH_AUDIENCE: {text!r} is in no token of an issuer with {_VERSION_2}:"
            " these name the client id of the API's app registration"
        )
    return client_id.lower()


def _on(text: str | None) -> bool:
    if text not in {None, "", "on", "off"}:
        raise ConfigurationError(f"METERING_APP_SERVICE_AUTH: {text!r} is neither on nor off")
    return text == "on"


def _rate_limit(text: str | None) -> int | None:
    if not text:
        return DEFAULT_RATE_LIMIT
    if text == "off":
        return None
    if not _RATE.fullmatch(text):
        raise ConfigurationError(
            f"METERING_RATE_LIMIT: {text!r} is not a number of requests a second, or off"
        )
    return int(text)
