"""Hubs, and where the Functions host keeps how far it read them. Read by settings.py."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from metering.core.basics.errors import ConfigurationError

DEFAULT_USAGE_HUB: Final = "usage"
DEFAULT_LOGS_HUB: Final = "gateway-logs"
DEFAULT_GROUP: Final = "metering"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
_HOST: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_BLOB_SERVICE: Final = re.compile(
    r"https://[a-z0-9]{3,24}(\.z[0-9]{1,2})?\.blob\.(core|storage)\.[a-z0-9.]+[a-z]/?"
)
_EMULATOR: Final = "http://127.0.0.1:10000/devstoreaccount1"


class HubNamespace(NamedTuple):
    """A namespace of Event Hubs; a connection string only for an emulator on this machine."""

    host: str
    connection_string: str | None = None


class HostStorage(NamedTuple):
    """The blob service of AzureWebJobsStorage, or an emulator's on this machine."""

    url: str
    is_emulator: bool = False


class Readers(NamedTuple):
    """The hubs that the function app reads, beside the namespace of the first."""

    usage_group: str = DEFAULT_GROUP
    """USAGE_CONSUMER_GROUP."""
    logs: HubNamespace | None = None
    """GatewayLogsHub__fullyQualifiedNamespace or GatewayLogsHub."""
    logs_hub: str = DEFAULT_LOGS_HUB
    """GATEWAY_LOGS_HUB."""
    logs_group: str = DEFAULT_GROUP
    """GATEWAY_LOGS_CONSUMER_GROUP."""
    host_storage: HostStorage | None = None
    """AzureWebJobsStorage__blobServiceUri, __accountName, or AzureWebJobsStorage."""


def read_namespace(given: Mapping[str, str], connection: str) -> HubNamespace | None:
    """Return the connection that a trigger names, as the Functions host reads it."""
    setting = f"{connection}__fullyQualifiedNamespace"
    namespace, connection_string = given.get(setting), given.get(connection)
    if namespace and connection_string:
        raise ConfigurationError(f"{connection}: is set as well as {setting}; keep one of them")
    if namespace:
        if not _HOST.fullmatch(namespace):
            raise ConfigurationError(
                f"{setting}: {namespace!r} is not the name of a host like"
                " contoso.servicebus.windows.net"
            )
        return HubNamespace(namespace)
    if not connection_string:
        return None
    parts = _parts(connection_string)
    endpoint = urlsplit(parts.get("Endpoint", ""))
    emulator = parts.get("UseDevelopmentEmulator") == "true"
    if not emulator or endpoint.scheme != "sb" or endpoint.hostname not in _LOOPBACK:
        raise ConfigurationError(
            f"{connection}: a connection string is for an emulator on this machine"
            " (Endpoint=sb://localhost…;UseDevelopmentEmulator=true); in Azure set"
            f" {setting}, and the identity of the app signs in"
        )
    return HubNamespace(endpoint.netloc, connection_string)


def read_readers(given: Mapping[str, str], hubs: HubNamespace | None) -> Readers:
    """Return the rest of what the function app reads; nothing where there are no hubs."""
    if hubs is None:
        return Readers()
    return Readers(
        given.get("USAGE_CONSUMER_GROUP") or DEFAULT_GROUP,
        read_namespace(given, "GatewayLogsHub"),
        given.get("GATEWAY_LOGS_HUB") or DEFAULT_LOGS_HUB,
        given.get("GATEWAY_LOGS_CONSUMER_GROUP") or DEFAULT_GROUP,
        _host_storage(given),
    )


def _host_storage(given: Mapping[str, str]) -> HostStorage | None:
    uri = given.get("AzureWebJobsStorage__blobServiceUri")
    account = given.get("AzureWebJobsStorage__accountName")
    connection_string = given.get("AzureWebJobsStorage")
    if connection_string and (uri or account):
        raise ConfigurationError(
            "AzureWebJobsStorage: is set as well as AzureWebJobsStorage__…; keep one of them"
        )
    if uri:
        if not _BLOB_SERVICE.fullmatch(uri):
            raise ConfigurationError(
                f"AzureWebJobsStorage__blobServiceUri: {uri!r} is not"
                " https://ACCOUNT.blob.core.windows.net"
            )
        return HostStorage(uri.removesuffix("/"))
    if account:
        if not _ACCOUNT.fullmatch(account):
            raise ConfigurationError(
                f"AzureWebJobsStorage__accountName: {account!r} is not the name of a storage"
                " account: 3 to 24 small letters and digits"
            )
        return HostStorage(f"https://{account}.blob.core.windows.net")
    return HostStorage(_emulator(connection_string), True) if connection_string else None


def _emulator(connection_string: str) -> str:
    """Return the blob service of an emulator; the error does not repeat what may hold a key."""
    parts = _parts(connection_string)
    if parts.get("UseDevelopmentStorage") == "true" and "DevelopmentStorageProxyUri" not in parts:
        return _EMULATOR
    try:
        endpoint = urlsplit(parts.get("BlobEndpoint", ""))
        is_here = _is_emulator(endpoint)
    except ValueError:
        is_here = False
    if not is_here:
        raise ConfigurationError(
            "AzureWebJobsStorage: a connection string is for an emulator on this machine"
            " (UseDevelopmentStorage=true); in Azure set AzureWebJobsStorage__accountName, and the"
            " identity of the app signs in"
        )
    return endpoint.geturl().removesuffix("/")


def _is_emulator(endpoint: SplitResult) -> bool:
    here = endpoint.scheme == "http" and endpoint.hostname in _LOOPBACK
    plain = "@" not in endpoint.netloc and not endpoint.query and not endpoint.fragment
    whose = endpoint.path.removesuffix("/") == "/devstoreaccount1"
    return here and plain and whose and endpoint.port is not None


def _parts(connection_string: str) -> dict[str, str]:
    return dict(part.partition("=")[::2] for part in connection_string.split(";"))
