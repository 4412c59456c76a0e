"""Settings of other services: a webhook, Azure's management APIs, and telemetry."""

import base64
import binascii
import re
from typing import Final, Literal, NamedTuple, cast
from urllib.parse import urlsplit

from metering.core.basics.patterns import GUID, is_loopback
from metering.settings.setting import Environment, Setting, choice, connection_parts, endpoint

#: Addresses in the public cloud; sovereign clouds have their own.
DEFAULT_ARM_ENDPOINT: Final = "https://management.azure.com"
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105, how one begins
#: In bytes, by Standard Webhooks 1.0.0.
_SECRET_SIZES: Final = range(24, 65)
_APIM: Final = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourceGroups/(?P<group>[\w.()-]{1,90})"
    r"/providers/Microsoft\.ApiManagement/service/(?P<name>[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?)",
    re.IGNORECASE | re.ASCII,
)


class Webhook(NamedTuple):
    """The receiver of notifications, and the secrets that sign them."""

    url: str
    secrets: tuple[bytes, ...]
    """Several while one is being replaced."""

    def __repr__(self) -> str:
        """Return nothing of it: neither secrets nor the path of a URL belong in a log."""
        return "Webhook(...)"


class ApimService(NamedTuple):
    """An API Management service, by the parts of its resource id."""

    subscription_id: str
    """The Azure subscription, not one of the gateway's."""
    resource_group: str
    name: str


class AppInsights(NamedTuple):
    """An Application Insights resource, by its connection string."""

    connection_string: str

    def __repr__(self) -> str:
        """Return nothing of it: the key in it lets its holder send telemetry as this app."""
        return "AppInsights(...)"


type PriceRefresh = Literal["off", "propose", "publish"]
type TelemetrySetting = Literal["off", "console"] | AppInsights


def _webhook_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if not (is_port and is_plain):
        raise ValueError("is not a URL in ASCII without spaces")
    is_web = parts.scheme == "https" or is_loopback(parts)
    if not (parts.hostname and is_web) or "@" in parts.netloc:
        raise ValueError(
            "is not https://HOST/PATH without a user and a password"
            " (plain HTTP is for this machine only)"
        )
    return text


def _webhook_secrets(text: str) -> tuple[bytes, ...]:
    return tuple(_webhook_secret(one) for one in text.split())


def _webhook_secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_SECRET_PREFIX) or len(secret) not in _SECRET_SIZES:
        raise ValueError("is not whsec_ followed by the base64 of 24 to 64 bytes")
    return secret


def _apim_service(text: str) -> ApimService:
    found = _APIM.fullmatch(text)
    if found is None:
        raise ValueError("is not the resource id of an API Management service")
    return ApimService(found["subscription"], found["group"], found["name"])


def _app_insights(text: str) -> AppInsights:
    if not GUID.fullmatch(connection_parts(text).get("InstrumentationKey", "")):
        raise ValueError("is not the connection string of an Application Insights resource")
    return AppInsights(text)


WEBHOOK_URL: Final = Setting(
    "METERING_WEBHOOK_URL",
    _webhook_url,
    "",
    "The receiver of [notifications](operations.md#telling-a-receiver-of-effects). Needs the next"
    " setting.",
    "https://example.com/hook",
    "not set: notifications go to the log",
    is_secret=True,
)
WEBHOOK_SECRET: Final[Setting[tuple[bytes, ...]]] = Setting(
    "METERING_WEBHOOK_SECRET",
    _webhook_secrets,
    (),
    "The secret that signs them: `whsec_` and the base64 of 24 to 64 bytes; several, separated by"
    " spaces, while one is being replaced.",
    "whsec_$(openssl rand -base64 32)",
    is_secret=True,
)
APIM_SERVICE: Final[Setting[ApimService | None]] = Setting(
    "METERING_APIM_SERVICE",
    _apim_service,
    None,
    "The resource id of the API Management service whose subscriptions may be"
    " [suspended](operations.md#suspending-subscriptions).",
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-gateway"
    "/providers/Microsoft.ApiManagement/service/contoso",
    "not set: no subscription is suspended",
)
ARM_ENDPOINT: Final = Setting(
    "METERING_ARM_ENDPOINT",
    endpoint,
    DEFAULT_ARM_ENDPOINT,
    "Azure Resource Manager, for `metering deployments import` and for suspensions. Sovereign"
    " clouds have their own.",
    "https://management.usgovcloudapi.net",
    f"`{DEFAULT_ARM_ENDPOINT}`",
)
TELEMETRY: Final[Setting[str | None]] = Setting(
    "METERING_TELEMETRY",
    choice("azure", "console", "off"),
    None,
    "The destination of metrics, traces and logs: `azure`, `console` or `off`"
    " ([observability](observability.md)).",
    "console",
    "`azure` if the next setting is set, else `off`",
)
APP_INSIGHTS: Final[Setting[AppInsights | None]] = Setting(
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    _app_insights,
    None,
    "The connection string of the Application Insights resource.",
    "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://HOST/",
    is_secret=True,
    readers=("app", "CLI", "host"),
)


def _price_refresh(text: str) -> PriceRefresh:
    if text not in {"off", "propose", "publish"}:
        raise ValueError("is not one of off, propose, publish")
    return cast("PriceRefresh", text)


PRICE_REFRESH: Final[Setting[PriceRefresh]] = Setting(
    "METERING_PRICE_REFRESH",
    _price_refresh,
    "off",
    "Read the Azure Retail Prices API once a day: `propose` keeps the differences for"
    " `metering prices proposed` and `publish`; `publish` puts them in force at once, unless they"
    " change the price of past usage or move a price a hundredfold.",
    "propose",
    "`off`",
)


def _mail_endpoint(text: str) -> str:
    parts = urlsplit(endpoint(text))
    if parts.path not in {"", "/"} or parts.query or "@" in parts.netloc:
        raise ValueError("is not https://NAME.REGION.communication.azure.com")
    return text


def _emails(text: str) -> tuple[str, ...]:
    # The rules of addresses need pydantic: only those who set some wait for them.
    from metering.core.tenancy.customers import MAX_RECIPIENTS, checked_email  # noqa: PLC0415

    found = tuple(checked_email(part.strip()) for part in text.split(","))
    if len(found) > MAX_RECIPIENTS:
        raise ValueError(f"has more than {MAX_RECIPIENTS} addresses")
    return found


def _email(text: str) -> str:
    found = _emails(text)
    if len(found) > 1:
        raise ValueError("is more than one address")
    return found[0]


DIGEST: Final = Setting(
    "METERING_DIGEST",
    choice("off", "weekly"),
    "off",
    "`weekly`: send a [digest](operations.md#weekly-digests) of each week, for every tenant and for"
    " operators, to the webhook, and by mail where that is set.",
    "weekly",
    "`off`",
)
DIGEST_RECIPIENTS: Final[Setting[tuple[str, ...]]] = Setting(
    "METERING_DIGEST_RECIPIENTS",
    _emails,
    (),
    "The recipients of the operators' digest by mail, separated by commas. Those of a tenant are in"
    " its details.",
    "finops@example.com,ada@example.com",
)
MAIL_ENDPOINT: Final = Setting(
    "METERING_MAIL_ENDPOINT",
    _mail_endpoint,
    "",
    "The endpoint of Azure Communication Services that sends mail. The identity of the app signs"
    " in. Needs the next setting.",
    "https://contoso.europe.communication.azure.com",
    "not set: no mail is sent",
)
MAIL_SENDER: Final = Setting(
    "METERING_MAIL_SENDER",
    _email,
    "",
    "The sender's address, of a domain that is connected to that service.",
    "DoNotReply@mail.example.com",
)
SETTINGS: Final = (
    *(DIGEST, DIGEST_RECIPIENTS, MAIL_ENDPOINT, MAIL_SENDER),
    PRICE_REFRESH,
    WEBHOOK_URL,
    WEBHOOK_SECRET,
    APIM_SERVICE,
    ARM_ENDPOINT,
    TELEMETRY,
    APP_INSIGHTS,
)


def read_webhook(given: Environment) -> Webhook | None:
    """Return the receiver of notifications, if there is one."""
    url, secrets = WEBHOOK_URL.read(given), WEBHOOK_SECRET.read(given)
    if not url and not given.get(WEBHOOK_SECRET.name):
        return None
    if not url:
        raise WEBHOOK_URL.invalid(f"is not set, but {WEBHOOK_SECRET.name} is")
    if not secrets:
        raise WEBHOOK_SECRET.invalid("is not set, but every notification is signed")
    return Webhook(url, secrets)


def read_telemetry(given: Environment) -> TelemetrySetting:
    """Return the destination of telemetry. A connection string is read only for `azure`."""
    chosen = TELEMETRY.read(given)
    if chosen == "console":
        return "console"
    if chosen == "off":
        return "off"
    insights = APP_INSIGHTS.read(given)
    if insights is None and chosen == "azure":
        raise APP_INSIGHTS.invalid(f"is not set, but {TELEMETRY.name} is azure")
    return insights or "off"


class Digests(NamedTuple):
    """Whether digests are sent, and how."""

    is_on: bool = False
    recipients: tuple[str, ...] = ()
    mail_endpoint: str = ""
    mail_sender: str = ""


def read_digests(given: Environment) -> Digests:
    """Return the settings of digests."""
    found = Digests(
        is_on=DIGEST.read(given) == "weekly",
        recipients=DIGEST_RECIPIENTS.read(given),
        mail_endpoint=MAIL_ENDPOINT.read(given),
        mail_sender=MAIL_SENDER.read(given),
    )
    if found.mail_endpoint and not found.mail_sender:
        raise MAIL_SENDER.invalid(f"is not set, but {MAIL_ENDPOINT.name} is")
    return found
