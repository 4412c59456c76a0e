"""Settings: read from the environment here and nowhere else, checked, each with its meaning."""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, SECOND, Instant, parse_instant
from metering.core.streams.joining import RECOVERY_DELAY
from metering.settings.exports import (
    DEFAULT_EXPORTS,
    ExportsContainer,
    ExportsFolder,
    read_exports,
)
from metering.settings.http import Http, read_http
from metering.settings.hubs import (
    DEFAULT_USAGE_HUB,
    HubNamespace,
    Readers,
    read_namespace,
    read_readers,
)

DEFAULT_STORE: Final = "sqlite:///.metering/metering.db"
#: Of the public cloud; the sovereign ones have their own.
DEFAULT_ARM_ENDPOINT: Final = "https://management.azure.com"
#: Of the public cloud, too.
DEFAULT_GRAPH_ENDPOINT: Final = "https://graph.microsoft.com"
DEFAULT_ISSUER: Final = "LLM platform"
_SQLITE: Final = "sqlite:///"
_COSMOS: Final = re.compile(
    r"cosmos://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]+))?/(?P<database>[A-Za-z0-9_-]+)"
)
_DELAY: Final = re.compile(r"([0-9]{1,6})([smh]?)")
_UNITS: Final = {"": MINUTE, "s": SECOND, "m": MINUTE, "h": HOUR}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_HUB_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105, how one begins
#: Of Standard Webhooks 1.0.0, in bytes.
_SECRET_SIZES: Final = range(24, 65)
_APIM: Final = re.compile(
    r"/subscriptions/(?P<subscription>[0-9a-f-]{36})/resourceGroups/(?P<group>[\w.()-]{1,90})"
    r"/providers/Microsoft\.ApiManagement/service/(?P<name>[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?)",
    re.IGNORECASE | re.ASCII,
)
_GUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_INSIGHTS_EXAMPLE: Final = (
    "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://HOST/"
)


#: Settings whose names begin with ours; a test holds them against what is read.
_KNOWN: Final = frozenset(
    {
        "METERING_APIM_SERVICE",
        "METERING_ARM_ENDPOINT",
        "METERING_COSMOS_KEY",
        "METERING_EXPORTS",
        "METERING_EXPORT_SCHEDULE",
        "METERING_GRAPH_ENDPOINT",
        "METERING_ISSUER",
        "METERING_NOW",
        "METERING_RECOVERY_DELAY",
        "METERING_STORE",
        "METERING_TELEMETRY",
        "METERING_TENANTS",
        "METERING_UNKNOWN_SUBSCRIPTION",
        "METERING_WEBHOOK_SECRET",
        "METERING_WEBHOOK_URL",
    }
)


class SqliteStore(NamedTuple):
    """The embedded store: a file."""

    path: Path


class CosmosStore(NamedTuple):
    """A Cosmos DB account and a database in it; a key only for an emulator on this machine."""

    endpoint: str
    database: str
    key: str | None = None


class Webhook(NamedTuple):
    """Where effects are told, and what signs them."""

    url: str
    secrets: tuple[bytes, ...]

    def __repr__(self) -> str:
        """Say nothing: the secrets, and the path and query of a URL, end up in no log."""
        return "Webhook(...)"


class ApimService(NamedTuple):
    """An API Management service, by the parts of its resource id."""

    subscription_id: str
    """Of Azure, not of the gateway."""
    resource_group: str
    name: str


class AppInsights(NamedTuple):
    """An Application Insights resource; its connection string is an address, and yet not shown."""

    connection_string: str

    def __repr__(self) -> str:
        """Say nothing: whoever has the key in it may send figures in our name."""
        return "AppInsights(...)"


type TelemetrySetting = Literal["off", "console"] | AppInsights


class Settings(NamedTuple):
    """What the environment says."""

    store: SqliteStore | CosmosStore
    """METERING_STORE."""
    tenants_file: Path | None = None
    """METERING_TENANTS: tenants, subscriptions and plans to take over at the start."""
    automatic_tenants: bool = True
    """METERING_UNKNOWN_SUBSCRIPTION=auto|reject: whether an unknown one gets its own tenant."""
    fixed_now: Instant | None = None
    """METERING_NOW: a standing clock, for demonstrations and tests."""
    arm_endpoint: str = DEFAULT_ARM_ENDPOINT
    """METERING_ARM_ENDPOINT: Azure Resource Manager, where deployments are imported from."""
    hubs: HubNamespace | None = None
    """UsageHub__fullyQualifiedNamespace or UsageHub: where events are published."""
    usage_hub: str = DEFAULT_USAGE_HUB
    """USAGE_HUB: the hub there that usage events are in."""
    recovery_delay: Instant | None = RECOVERY_DELAY
    """METERING_RECOVERY_DELAY, such as 15m, or off: see docs/operations.md. None: never recover."""
    webhook: Webhook | None = None
    """METERING_WEBHOOK_URL and METERING_WEBHOOK_SECRET: who is told of effects, instead of the log.

    The secret is `whsec_<base64>`; several, with spaces between them, while it is changed.
    """
    apim_service: ApimService | None = None
    """METERING_APIM_SERVICE: a resource id; its subscriptions may be suspended. Off without it."""
    graph_endpoint: str = DEFAULT_GRAPH_ENDPOINT
    """METERING_GRAPH_ENDPOINT: Microsoft Graph, where `metering azure setup-identity` works."""
    telemetry: TelemetrySetting = "off"
    """METERING_TELEMETRY=azure|console|off; azure where APPLICATIONINSIGHTS_CONNECTION_STRING is
    set, off without it."""
    http: Http = Http()
    """What concerns the HTTP part: see settings/http.py."""
    exports: ExportsFolder | ExportsContainer = ExportsFolder(Path(DEFAULT_EXPORTS))
    """METERING_EXPORTS: where deliveries go."""
    export_schedule: str = ""
    """METERING_EXPORT_SCHEDULE, such as chargeback=daily: what the timer delivers."""
    issuer: str = DEFAULT_ISSUER
    """METERING_ISSUER: who sends the statements, as FOCUS exports name the provider."""
    readers: Readers = Readers()
    """What the function app reads, and how far: see metering/settings/hubs.py."""
    close_grace: Instant = DAY
    """METERING_CLOSE_GRACE, such as 24h: how long after its end a period is closed."""
    close_wait: Instant = 3 * DAY
    """METERING_CLOSE_WAIT: how much longer it waits for counts and prices still to come."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in the environment; ConfigurationError names the one that is wrong."""
    given = os.environ if environment is None else environment
    tenants = given.get("METERING_TENANTS")
    store = _store(given.get("METERING_STORE", DEFAULT_STORE), given.get("METERING_COSMOS_KEY"))
    fresh = isinstance(store, SqliteStore) and not tenants
    hubs = read_namespace(given, "UsageHub")
    return Settings(
        store,
        Path(tenants) if tenants else None,
        _automatic(given.get("METERING_UNKNOWN_SUBSCRIPTION"), fresh=fresh),
        _now(given.get("METERING_NOW")),
        _endpoint(
            "METERING_ARM_ENDPOINT", given.get("METERING_ARM_ENDPOINT"), DEFAULT_ARM_ENDPOINT
        ),
        hubs,
        _hub_name(given.get("USAGE_HUB")),
        _recovery_delay(given.get("METERING_RECOVERY_DELAY")),
        _webhook(given.get("METERING_WEBHOOK_URL"), given.get("METERING_WEBHOOK_SECRET")),
        _apim_service(given.get("METERING_APIM_SERVICE")),
        _endpoint(
            "METERING_GRAPH_ENDPOINT", given.get("METERING_GRAPH_ENDPOINT"), DEFAULT_GRAPH_ENDPOINT
        ),
        _telemetry(
            given.get("METERING_TELEMETRY"), given.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
        ),
        read_http(given),
        read_exports(given.get("METERING_EXPORTS")),
        given.get("METERING_EXPORT_SCHEDULE") or "",
        (given.get("METERING_ISSUER") or "").strip() or DEFAULT_ISSUER,
        read_readers(given, hubs),
        _duration(given, "METERING_CLOSE_GRACE", DAY),
        _duration(given, "METERING_CLOSE_WAIT", 3 * DAY),
    )


def unknown_settings(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the settings in the environment that look like ours and that nobody reads."""
    given = os.environ if environment is None else environment
    return sorted(
        name
        for name, value in given.items()
        if name.startswith("METERING_") and value and name not in _KNOWN
    )


def _store(url: str, key: str | None) -> SqliteStore | CosmosStore:
    if url.startswith(_SQLITE) and len(url) > len(_SQLITE):
        return SqliteStore(Path(url.removeprefix(_SQLITE)))
    found = _COSMOS.fullmatch(url)
    if found is None:
        raise ConfigurationError(
            f"METERING_STORE: {url!r} is not a store: write it like {DEFAULT_STORE}"
            " or cosmos://account/database"
        )
    host, port, database = found["host"], found["port"], found["database"]
    if port is None:
        if key:
            raise ConfigurationError(
                "METERING_COSMOS_KEY: is for an emulator on this machine; in Azure the identity of"
                " the app signs in"
            )
        return CosmosStore(f"https://{host}.documents.azure.com:443/", database)
    if host not in _LOOPBACK:
        raise ConfigurationError(f"METERING_STORE: {host!r} is no emulator on this machine")
    if not key:
        raise ConfigurationError(
            "METERING_COSMOS_KEY: is not set; an emulator needs its key, base64 like c2VjcmV0"
        )
    return CosmosStore(f"http://{host}:{port}", database, key)


def _hub_name(name: str | None) -> str:
    if name and not _HUB_NAME.fullmatch(name):
        raise ConfigurationError(f"USAGE_HUB: {name!r} is not the name of a hub like usage")
    return name or DEFAULT_USAGE_HUB


def _endpoint(setting: str, url: str | None, default: str) -> str:
    """Return the address of a cloud's interface; plain http only to this machine."""
    if not url:
        return default
    parts = urlsplit(url)
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise ConfigurationError(f"{setting}: {url!r} is not https://HOST like {default}")
    return url


def _automatic(choice: str | None, *, fresh: bool) -> bool:
    """Without a choice, a fresh local store takes anybody; a tenants file is the whole list."""
    if not choice:
        return fresh
    if choice not in {"auto", "reject"}:
        raise ConfigurationError(
            f"METERING_UNKNOWN_SUBSCRIPTION: {choice!r} is neither auto nor reject"
        )
    return choice == "auto"


def _recovery_delay(text: str | None) -> Instant | None:
    if not text:
        return RECOVERY_DELAY
    if text == "off":
        return None
    found = _DELAY.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"METERING_RECOVERY_DELAY: {text!r} is no delay: write it like 15m (or s, h), 0 or off"
        )
    return int(found[1]) * _UNITS[found[2]]


def _duration(given: Mapping[str, str], setting: str, default: Instant) -> Instant:
    text = given.get(setting)
    if not text:
        return default
    found = _DELAY.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{setting}: {text!r} is no time: write it like 24h (or m, s)")
    return int(found[1]) * _UNITS[found[2]]


def _now(text: str | None) -> Instant | None:
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ConfigurationError(
            f"METERING_NOW: {error}: write it like 2026-10-16T23:00:00Z"
        ) from None


def _webhook(url: str | None, secret: str | None) -> Webhook | None:
    """Errors repeat neither: each may let somebody speak in our name."""
    if not url and not secret:
        return None
    if not url:
        raise ConfigurationError(
            "METERING_WEBHOOK_URL: is not set, but its secret is: write it like"
            " https://example.com/hook"
        )
    if not secret or not secret.split():
        raise ConfigurationError(
            "METERING_WEBHOOK_SECRET: is not set; every webhook is signed: make one with"
            " `echo whsec_$(openssl rand -base64 32)`"
        )
    if not _is_webhook(url):
        raise ConfigurationError(
            "METERING_WEBHOOK_URL: is not https://HOST/PATH, without a user and a password, like"
            " https://example.com/hook"
            " (plain http only to this machine)"
        )
    return Webhook(url, tuple(_webhook_secret(one) for one in secret.split()))


def _is_webhook(url: str) -> bool:
    try:
        parts = urlsplit(url)
        is_port = parts.port != 0
    except ValueError:
        return False
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK | {"::1"}
    is_plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
    return bool(parts.hostname and (parts.scheme == "https" or is_local) and is_plain and is_port)


def _webhook_secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_SECRET_PREFIX) or len(secret) not in _SECRET_SIZES:
        raise ConfigurationError(
            "METERING_WEBHOOK_SECRET: is not whsec_ and the base64 of 24 to 64 bytes: make one with"
            " `echo whsec_$(openssl rand -base64 32)`"
        )
    return secret


def _apim_service(text: str | None) -> ApimService | None:
    if not text:
        return None
    found = _APIM.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"METERING_APIM_SERVICE: {text!r} is not /subscriptions/ID/resourceGroups/GROUP"
            "/providers/Microsoft.ApiManagement/service/NAME, its resource id"
        )
    return ApimService(found["subscription"], found["group"], found["name"])


def _telemetry(choice: str | None, connection_string: str | None) -> TelemetrySetting:
    if choice == "off":
        return "off"
    if choice == "console":
        return "console"
    if choice not in {None, "", "azure"}:
        raise ConfigurationError(
            f"METERING_TELEMETRY: {choice!r} is none of azure, console and off"
        )
    if not connection_string:
        if choice:
            raise ConfigurationError(
                "APPLICATIONINSIGHTS_CONNECTION_STRING: is not set, but METERING_TELEMETRY=azure:"
                f" write it like {_INSIGHTS_EXAMPLE}"
            )
        return "off"
    parts = dict(part.partition("=")[::2] for part in connection_string.split(";"))
    if not _GUID.fullmatch(parts.get("InstrumentationKey", "")):
        raise ConfigurationError(
            f"APPLICATIONINSIGHTS_CONNECTION_STRING: is not like {_INSIGHTS_EXAMPLE}"
        )
    return AppInsights(connection_string)
