"""Settings of the store and of the tenants in it."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from metering.core.basics.patterns import LOOPBACK
from metering.settings.setting import Environment, Setting, choice

_SQLITE: Final = "sqlite:///"
_COSMOS: Final = re.compile(
    r"cosmos://(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>[0-9]+))?/(?P<database>[A-Za-z0-9_-]+)"
)
#: Long enough to replay what a quarter's statement lacks.
DEFAULT_DEAD_LETTER_DAYS: Final = 90
#: A sender with more has one cause for all, which as many letters show as well.
DEFAULT_DEAD_LETTERS_AN_HOUR: Final = 1_000
_MAX_DAYS: Final = 3_650
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,5}")
#: Outside the public cloud an account is named with its domain.
_DOMAIN: Final = re.compile(r"\.documents\.azure\.(com|us|cn)\Z")


class SqliteStore(NamedTuple):
    """The embedded store: a file."""

    path: Path


class CosmosStore(NamedTuple):
    """A database in a Cosmos DB account, or in an emulator on this machine."""

    endpoint: str
    database: str
    key: str | None = None
    """The key of an emulator; None for an account, where the identity signs in."""


def _store(text: str) -> SqliteStore | CosmosStore:
    if text.startswith(_SQLITE) and len(text) > len(_SQLITE):
        return SqliteStore(Path(text.removeprefix(_SQLITE)))
    found = _COSMOS.fullmatch(text)
    if found is None:
        raise ValueError("is neither sqlite:///PATH nor cosmos://ACCOUNT/DATABASE")
    host, port, database = found["host"], found["port"], found["database"]
    if port is None:
        if "." in host and not _DOMAIN.search(host):
            raise ValueError("names a host that is not of Cosmos DB, such as a.documents.azure.us")
        domain = "" if "." in host else ".documents.azure.com"
        return CosmosStore(f"https://{host}{domain}:443/", database)
    if host not in LOOPBACK:
        raise ValueError("names a port, which only an emulator on this machine has")
    return CosmosStore(f"http://{host}:{port}", database)


def _days(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > _MAX_DAYS:
        raise ValueError(f"is not a whole number of days from 1 to {_MAX_DAYS}")
    return int(text)


def _letters(text: str) -> int | None:
    if text == "off":
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError("is neither a whole number from 1 to 999999 nor off")
    return int(text)


DEFAULT_STORE: Final = SqliteStore(Path(".metering/metering.db"))
STORE: Final[Setting[SqliteStore | CosmosStore]] = Setting(
    "METERING_STORE",
    _store,
    DEFAULT_STORE,
    "The store: `sqlite:///PATH` (four slashes for an absolute path) or `cosmos://ACCOUNT/DATABASE`."
    " An empty value is an error, so that a variable left unset never opens another store.",
    "cosmos://contoso-metering/metering",
    "`sqlite:///.metering/metering.db`",
    takes_empty=True,
)
COSMOS_KEY: Final[Setting[str | None]] = Setting(
    "METERING_COSMOS_KEY",
    str,
    None,
    "The key of a Cosmos DB emulator on this machine (`cosmos://localhost:8081/DATABASE`)."
    " In Azure the identity of the app signs in.",
    "c2VjcmV0",
    is_secret=True,
    is_local=True,
)
TENANTS: Final[Setting[Path | None]] = Setting(
    "METERING_TENANTS",
    Path,
    None,
    "A YAML or JSON file of plans, tenants and deployments to add to the store at the start.",
    "tenants.yaml",
    is_local=True,
)
UNKNOWN_SUBSCRIPTION: Final[Setting[str | None]] = Setting(
    "METERING_UNKNOWN_SUBSCRIPTION",
    choice("auto", "reject"),
    None,
    "Usage of a subscription without a tenant: `auto` gives it a tenant of its own name on list"
    " prices, `reject` makes its events dead letters.",
    "reject",
    "`auto` with a SQLite store and no tenants file, else `reject`",
)
DEAD_LETTER_DAYS: Final = Setting(
    "METERING_DEAD_LETTER_DAYS",
    _days,
    DEFAULT_DEAD_LETTER_DAYS,
    "Days that dead letters are kept.",
    "30",
    f"`{DEFAULT_DEAD_LETTER_DAYS}`",
)
DEAD_LETTERS_AN_HOUR: Final[Setting[int | None]] = Setting(
    "METERING_DEAD_LETTERS_AN_HOUR",
    _letters,
    DEFAULT_DEAD_LETTERS_AN_HOUR,
    "Dead letters that an instance keeps in an hour of one sender (source and subject), or `off`."
    " It keeps ten times as many of a source and a hundred times as many in all; further ones are"
    " only counted.",
    "5000",
    f"`{DEFAULT_DEAD_LETTERS_AN_HOUR}`",
)
UNKNOWN_DEPLOYMENTS: Final[Setting[str]] = Setting(
    "METERING_UNKNOWN_DEPLOYMENTS",
    choice("by_plan", "allow", "block"),
    "by_plan",
    "Requests to deployments whose model is not known, where limits depend on the model: `allow`,"
    " `block`, or `by_plan`: blocked by `allowed_models` and `unpriced: block`, allowed by quotas"
    " on models. A model is known from the registry, or from the first response that was counted.",
    "block",
)
SETTINGS: Final = (
    *(STORE, COSMOS_KEY, TENANTS, UNKNOWN_SUBSCRIPTION, UNKNOWN_DEPLOYMENTS),
    *(DEAD_LETTER_DAYS, DEAD_LETTERS_AN_HOUR),
)


def read_store(given: Environment) -> SqliteStore | CosmosStore:
    """Return the store. Raises ConfigurationError if it and its key do not go together."""
    store, key = STORE.read(given), COSMOS_KEY.read(given)
    if isinstance(store, SqliteStore):
        return store
    is_emulator = store.endpoint.startswith("http://")
    if key and not is_emulator:
        raise COSMOS_KEY.error(
            "is for an emulator on this machine; unset it, for in Azure the identity signs in"
        )
    if is_emulator and not key:
        raise COSMOS_KEY.invalid(f"is not set, but the emulator of {STORE.name} needs its key")
    return store._replace(key=key)


def creates_tenants(given: Environment) -> bool:
    """Return whether a subscription without a tenant gets one."""
    chosen = UNKNOWN_SUBSCRIPTION.read(given)
    if chosen is None:
        return isinstance(STORE.read(given), SqliteStore) and TENANTS.read(given) is None
    return chosen == "auto"
