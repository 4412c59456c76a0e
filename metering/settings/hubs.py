"""Settings of the hubs, and of the storage in which the Functions host keeps its checkpoints."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.instants import SECOND, Instant
from metering.core.basics.patterns import LOOPBACK, is_loopback
from metering.core.hubs.batch_wait import DEFAULT_WAIT, LONGEST_WAIT
from metering.core.streams.lifetimes import RECOVERY_DELAY as DEFAULT_RECOVERY_DELAY
from metering.settings.setting import (
    BOTH,
    Environment,
    Reader,
    Setting,
    connection_parts,
    duration,
)

DEFAULT_USAGE_HUB: Final = "usage"
DEFAULT_LOGS_HUB: Final = "gateway-logs"
DEFAULT_GROUP: Final = "metering"
#: GATEWAY_LOGS_HUB of an installation that reads no logs.
NO_HUB: Final = "off"
_BINDING: Final[tuple[Reader, ...]] = (*BOTH, "host")
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_HUB: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,255}")
_GROUP: Final = re.compile(r"\$Default|[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_MILLISECONDS: Final = re.compile(r"[0-9]{1,6}ms")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_BLOB_SERVICE: Final = re.compile(
    r"https://[a-z0-9]{3,24}(\.z[0-9]{1,2})?\.blob\.(core|storage)\.[a-z0-9.]+[a-z]/?"
)
_EMULATED_BLOBS: Final = "http://127.0.0.1:10000/devstoreaccount1"


class HubNamespace(NamedTuple):
    """An Event Hubs namespace, or an emulator on this machine with its connection string."""

    host: str
    connection_string: str | None = None


class HostStorage(NamedTuple):
    """The blob service of AzureWebJobsStorage, or of an emulator on this machine."""

    url: str
    is_emulator: bool = False


class Readers(NamedTuple):
    """The hubs and consumer groups that the function app reads, besides the usage hub."""

    usage_group: str = DEFAULT_GROUP
    logs: HubNamespace | None = None
    logs_hub: str = DEFAULT_LOGS_HUB
    logs_group: str = DEFAULT_GROUP
    host_storage: HostStorage | None = None


def _namespace(text: str) -> HubNamespace:
    if not _HOST.fullmatch(text):
        raise ValueError("is not the host name of an Event Hubs namespace")
    return HubNamespace(text)


def _emulated_namespace(text: str) -> HubNamespace:
    parts = connection_parts(text)
    try:
        address = urlsplit(parts.get("Endpoint", ""))
        is_here = address.scheme == "sb" and address.hostname in LOOPBACK
    except ValueError:
        is_here = False
    if not is_here or parts.get("UseDevelopmentEmulator") != "true":
        raise ValueError(
            "is not the connection string of an emulator on this machine; in Azure set"
            " its __fullyQualifiedNamespace instead, and the identity of the app signs in"
        )
    return HubNamespace(address.netloc, text)


def _matching(pattern: re.Pattern[str], problem: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(problem)
    return text


def _hub(text: str) -> str:
    return _matching(_HUB, "is not the name of an event hub", text)


def _group(text: str) -> str:
    return _matching(_GROUP, "is not the name of a consumer group", text)


def _recovery_delay(text: str) -> Instant | None:
    return None if text == "off" else duration(text)


def _batch_wait(text: str) -> Instant:
    wait = int(text[:-2]) * SECOND // 1_000 if _MILLISECONDS.fullmatch(text) else duration(text)
    if wait > LONGEST_WAIT:
        raise ValueError(f"is longer than {LONGEST_WAIT // SECOND}s")
    return wait


def _blob_service(text: str) -> HostStorage:
    if not _BLOB_SERVICE.fullmatch(text):
        raise ValueError("is not https://ACCOUNT.blob.core.windows.net")
    return HostStorage(text.removesuffix("/"))


def _account(text: str) -> HostStorage:
    if not _ACCOUNT.fullmatch(text):
        raise ValueError("is not 3 to 24 lower-case letters and digits, a storage account's name")
    return HostStorage(f"https://{text}.blob.core.windows.net")


def _emulated_storage(text: str) -> HostStorage:
    parts = connection_parts(text)
    if parts.get("UseDevelopmentStorage") == "true" and "DevelopmentStorageProxyUri" not in parts:
        return HostStorage(_EMULATED_BLOBS, is_emulator=True)
    url = parts.get("BlobEndpoint", "").removesuffix("/")
    if not is_emulated_storage(url, path="/devstoreaccount1"):
        raise ValueError(
            "is not the connection string of an emulator on this machine; in Azure set"
            " AzureWebJobsStorage__accountName instead, and the identity of the app signs in"
        )
    return HostStorage(url, is_emulator=True)


def is_emulated_storage(url: str, *, path: str) -> bool:
    """Return whether a URL is a path, given as a pattern, of a storage emulator on this machine."""
    try:
        parts = urlsplit(url)
        has_port = parts.port is not None
    except ValueError:
        return False
    is_plain = "@" not in parts.netloc and not parts.query and not parts.fragment
    return is_loopback(parts) and has_port and is_plain and bool(re.fullmatch(path, parts.path))


class _Connection(NamedTuple):
    """The two forms of a connection of the Functions host: by identity, or to an emulator."""

    namespace: Setting[HubNamespace | None]
    emulator: Setting[HubNamespace | None]

    def read(self, given: Environment) -> HubNamespace | None:
        namespace, emulator = self.namespace.name, self.emulator.name
        if given.get(namespace) and given.get(emulator):
            raise self.emulator.error(f"is set as well as {namespace}; keep one of them")
        return self.namespace.read(given) or self.emulator.read(given)


_EMULATOR_EXAMPLE: Final = (
    "Endpoint=sb://localhost;SharedAccessKeyName=NAME;SharedAccessKey=KEY;"
    "UseDevelopmentEmulator=true"
)
USAGE: Final = _Connection(
    Setting(
        "UsageHub__fullyQualifiedNamespace",
        _namespace,
        None,
        "The Event Hubs namespace of usage events, to which `metering replay` and `simulate`"
        " publish. The identity signs in.",
        "contoso.servicebus.windows.net",
        "the hub of `metering run`",
        _BINDING,
    ),
    Setting(
        "UsageHub",
        _emulated_namespace,
        None,
        "In its place, the connection string of an emulator on this machine.",
        _EMULATOR_EXAMPLE,
        readers=_BINDING,
        is_secret=True,
        is_local=True,
    ),
)
USAGE_HUB: Final = Setting(
    "USAGE_HUB",
    _hub,
    DEFAULT_USAGE_HUB,
    "The event hub of usage events in that namespace.",
    "usage",
    f"`{DEFAULT_USAGE_HUB}`",
    _BINDING,
)
USAGE_GROUP: Final = Setting(
    "USAGE_CONSUMER_GROUP",
    _group,
    DEFAULT_GROUP,
    "The consumer group with which the function app reads it.",
    "metering",
    f"`{DEFAULT_GROUP}`",
    _BINDING,
)
LOGS: Final = _Connection(
    Setting(
        "GatewayLogsHub__fullyQualifiedNamespace",
        _namespace,
        None,
        "The Event Hubs namespace of the gateway's logs. Needed to close periods where `UsageHub`"
        " is set.",
        "contoso-logs.servicebus.windows.net",
        readers=_BINDING,
    ),
    Setting(
        "GatewayLogsHub",
        _emulated_namespace,
        None,
        "In its place, the connection string of an emulator on this machine.",
        _EMULATOR_EXAMPLE,
        readers=_BINDING,
        is_secret=True,
        is_local=True,
    ),
)
LOGS_HUB: Final = Setting(
    "GATEWAY_LOGS_HUB",
    _hub,
    DEFAULT_LOGS_HUB,
    "The event hub of logs in that namespace.",
    "gateway-logs",
    f"`{DEFAULT_LOGS_HUB}`",
    _BINDING,
)
LOGS_GROUP: Final = Setting(
    "GATEWAY_LOGS_CONSUMER_GROUP",
    _group,
    DEFAULT_GROUP,
    "The consumer group with which the function app reads it.",
    "metering",
    f"`{DEFAULT_GROUP}`",
    _BINDING,
)
RECOVERY_DELAY: Final[Setting[Instant | None]] = Setting(
    "METERING_RECOVERY_DELAY",
    _recovery_delay,
    DEFAULT_RECOVERY_DELAY,
    "The time after a request's log at which usage is recovered from the log alone: `90s`, `15m`,"
    " `2h`; `0` where the gateway sends logs only; `off` to wait for policy events always.",
    "15m",
    "`15m`",
)
BATCH_WAIT: Final[Setting[Instant | None]] = Setting(
    "METERING_BATCH_WAIT",
    _batch_wait,
    None,
    "The longest wait at the end of a batch, in which the next one gathers: `500ms`, `2s`, at most"
    " `10s`; `0` to take every event in at once. [Sizing](sizing.md#waiting-for-larger-batches)"
    " says what it trades.",
    "2s",
    f"`{DEFAULT_WAIT // SECOND}s` with Cosmos DB, else `0`",
    ("app",),
)
STORAGE_ACCOUNT: Final[Setting[HostStorage | None]] = Setting(
    "AzureWebJobsStorage__accountName",
    _account,
    None,
    "The storage account of the Functions host. It holds the checkpoints that say how far the hubs"
    " have been read.",
    "contosohost",
    readers=_BINDING,
)
STORAGE_URI: Final[Setting[HostStorage | None]] = Setting(
    "AzureWebJobsStorage__blobServiceUri",
    _blob_service,
    None,
    "In its place, the address of its blob service, for sovereign clouds.",
    "https://contosohost.blob.core.usgovcloudapi.net",
    readers=_BINDING,
)
STORAGE_EMULATOR: Final[Setting[HostStorage | None]] = Setting(
    "AzureWebJobsStorage",
    _emulated_storage,
    None,
    "In its place, the connection string of an emulator on this machine.",
    "UseDevelopmentStorage=true",
    readers=_BINDING,
    is_secret=True,
    is_local=True,
)
SETTINGS: Final = (
    *USAGE,
    USAGE_HUB,
    USAGE_GROUP,
    *LOGS,
    LOGS_HUB,
    LOGS_GROUP,
    RECOVERY_DELAY,
    BATCH_WAIT,
    STORAGE_ACCOUNT,
    STORAGE_URI,
    STORAGE_EMULATOR,
)


def read_readers(given: Environment, hubs: HubNamespace | None) -> Readers:
    """Return what the function app reads; without a usage hub none of it is looked up."""
    if hubs is None:
        return Readers()
    return Readers(
        USAGE_GROUP.read(given),
        LOGS.read(given),
        LOGS_HUB.read(given),
        LOGS_GROUP.read(given),
        _host_storage(given),
    )


def read_batch_wait(given: Environment, *, is_charged: bool) -> Instant:
    """Return the longest wait at the end of a batch; `is_charged`: by the request to the store."""
    chosen = BATCH_WAIT.read(given)
    if chosen is None:
        return DEFAULT_WAIT if is_charged else 0
    return chosen


def _host_storage(given: Environment) -> HostStorage | None:
    by_identity = [one for one in (STORAGE_URI, STORAGE_ACCOUNT) if given.get(one.name)]
    if given.get(STORAGE_EMULATOR.name) and by_identity:
        raise STORAGE_EMULATOR.error(f"is set as well as {by_identity[0].name}; keep one of them")
    return STORAGE_URI.read(given) or STORAGE_ACCOUNT.read(given) or STORAGE_EMULATOR.read(given)
