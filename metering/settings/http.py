"""Settings of the HTTP API: whose tokens it accepts, and how many requests a caller may send."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.patterns import GUID, is_loopback
from metering.settings.setting import Environment, Setting, choice

#: Requests a second: a gateway asks for admission, a dashboard polls; both stay far below.
DEFAULT_RATE_LIMIT: Final = 300
_RATE: Final = re.compile(r"[1-9][0-9]{0,5}")

#: The end of an Entra issuer of version 2. The audience of its tokens is the client id, whichever
#: address they were requested for (access token claims reference, 2026).
_VERSION_2: Final = "/v2.0"
_ADDRESS: Final = "api://"


class Auth(NamedTuple):
    """The issuer whose tokens are accepted, and the claims that they must have."""

    issuer: str
    audience: str
    """The claim `aud`: with Entra the client id of the API's app registration."""
    tenant: str
    """The claim `tid`: the Entra directory of the callers."""


class Http(NamedTuple):
    """The settings of the HTTP API."""

    auth: Auth | None = None
    """None: only the development issuer on this machine signs callers in."""
    app_service_directory: str | None = None
    """The Entra directory whose people App Service authentication vouches for in its headers; None
    where it does not run in front of the app, so that anybody could send them."""
    rate_limit: int | None = DEFAULT_RATE_LIMIT
    """Requests a second and caller; None for no limit."""
    in_azure: bool = False
    """Whether this is an instance of App Service or Functions."""
    accepts_unbound: bool = False
    """Whether a producer that is bound to no subjects and sources may report for all of them."""


def _issuer(text: str) -> str:
    parts = urlsplit(text)
    is_web = parts.scheme == "https" or is_loopback(parts)
    if not is_web or not parts.hostname or parts.query:
        raise ValueError("is not an https URL")
    return text


def _directory(text: str) -> str:
    if not GUID.fullmatch(text):
        raise ValueError("is not a directory id, a GUID")
    return text.lower()


def _rate_limit(text: str) -> int | None:
    if text == "off":
        return None
    if not _RATE.fullmatch(text):
        raise ValueError("is neither a whole number of requests a second from 1 to 999999 nor off")
    return int(text)


def _is_on(text: str) -> bool:
    return choice("on", "off")(text) == "on"


AUTH_ISSUER: Final = Setting(
    "METERING_AUTH_ISSUER",
    _issuer,
    "",
    "The issuer whose tokens the [API](api.md) accepts. Needs the next two settings.",
    "https://login.microsoftonline.com/<tenant id>/v2.0",
    "not set: the API accepts the tokens of `metering token` on this machine, and none in Azure",
)
AUTH_AUDIENCE: Final = Setting(
    "METERING_AUTH_AUDIENCE",
    str,
    "",
    "The audience of these tokens: with Entra the client id of the API's app registration.",
    "66666666-7777-8888-9999-000000000000",
)
AUTH_TENANT: Final = Setting(
    "METERING_AUTH_TENANT",
    _directory,
    "",
    "The Entra directory that callers must belong to.",
    "11111111-2222-3333-4444-555555555555",
)
APP_SERVICE_AUTH: Final = Setting(
    "METERING_APP_SERVICE_AUTH",
    _is_on,
    False,
    "`on`: the app accepts people whom App Service authentication signed in. Needs"
    " `METERING_AUTH_TENANT`, and counts only while `WEBSITE_AUTH_ENABLED` says that it runs.",
    "on",
    "`off`",
)
RATE_LIMIT: Final[Setting[int | None]] = Setting(
    "METERING_RATE_LIMIT",
    _rate_limit,
    DEFAULT_RATE_LIMIT,
    "Requests a second that one caller may send to the API, or `off`. A gateway may send ten times"
    " as many, and this many for each subscription.",
    "50",
    f"`{DEFAULT_RATE_LIMIT}`",
)
UNBOUND_PRODUCERS: Final = Setting(
    "METERING_UNBOUND_PRODUCERS",
    lambda text: choice("accept", "refuse")(text) == "accept",
    False,
    "Events of producers that nobody has bound to subjects and sources (`metering producers set`):"
    " `refuse`, or `accept` for every subject and under every source but the gateway's.",
    "accept",
    "`refuse`",
)
IN_AZURE: Final = Setting(
    "WEBSITE_INSTANCE_ID",
    bool,
    False,
    "Set by App Service and Functions. With it the app accepts no token of `metering token`.",
    "set by the platform",
    readers=("app",),
)
PLATFORM_AUTH: Final = Setting(
    "WEBSITE_AUTH_ENABLED",
    lambda text: text.lower() == "true",
    False,
    "Set by App Service and Functions: `True` while their authentication runs in front of the app"
    " and removes its headers from requests of clients.",
    "True",
    "set by the platform",
    readers=("app",),
)
_SIGN_IN: Final = (AUTH_ISSUER, AUTH_AUDIENCE, AUTH_TENANT)
SETTINGS: Final = (
    *_SIGN_IN,
    APP_SERVICE_AUTH,
    RATE_LIMIT,
    UNBOUND_PRODUCERS,
    IN_AZURE,
    PLATFORM_AUTH,
)


def read_http(given: Environment) -> Http:
    """Return the settings of the HTTP API. Raises ConfigurationError for a wrong one."""
    auth = _auth(given)
    return Http(
        auth,
        _app_service_directory(given, auth),
        RATE_LIMIT.read(given),
        IN_AZURE.read(given),
        UNBOUND_PRODUCERS.read(given),
    )


def _app_service_directory(given: Environment, auth: Auth | None) -> str | None:
    is_on, is_running = APP_SERVICE_AUTH.read(given), PLATFORM_AUTH.read(given)
    if not is_on:
        return None
    if auth is None:
        raise AUTH_TENANT.invalid(
            f"is not set, but {APP_SERVICE_AUTH.name}=on accepts people of this directory only"
        )
    return auth.tenant if is_running else None


def _auth(given: Environment) -> Auth | None:
    issuer, audience, tenant = (setting.read(given) for setting in _SIGN_IN)
    if not (issuer or audience or tenant):
        return None
    for setting, value in zip(_SIGN_IN, (issuer, audience, tenant), strict=True):
        if not value:
            needed = ", ".join(one.name for one in _SIGN_IN)
            raise setting.invalid(f"is not set, but sign-in needs {needed}")
    return Auth(issuer, _audience(audience, issuer), tenant)


def _audience(text: str, issuer: str) -> str:
    """Return the `aud` claim of an issuer's tokens, which may differ from the address they name."""
    if not issuer.rstrip("/").endswith(_VERSION_2) or not text.startswith(_ADDRESS):
        return text
    client_id = text.removeprefix(_ADDRESS)
    if not GUID.fullmatch(client_id):
        raise AUTH_AUDIENCE.invalid(
            f"{text!r} is in no token of an issuer that ends in {_VERSION_2}: use the client id of"
            " the API's app registration"
        )
    return client_id.lower()
