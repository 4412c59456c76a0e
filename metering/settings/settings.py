"""Settings: read from the environment here and nowhere else.

Each setting is declared once, in the module of its topic. The errors, the settings that `metering
doctor` knows and the tables in docs/settings.md follow from these declarations.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from metering.core.basics.instants import DAY, Instant, parse_instant
from metering.core.basics.suggestions import nearest
from metering.core.streams.lifetimes import RECOVERY_DELAY
from metering.settings import exports, http, hubs, invoices, services, stores
from metering.settings.exports import (
    DEFAULT_ANCHORS,
    DEFAULT_EXPORTS,
    DEFAULT_ISSUER,
    ExportsContainer,
    ExportsFolder,
)
from metering.settings.external import EXTERNAL
from metering.settings.http import Http
from metering.settings.hubs import DEFAULT_USAGE_HUB, HubNamespace, Readers
from metering.settings.invoices import Invoicing
from metering.settings.services import (
    DEFAULT_ARM_ENDPOINT,
    ApimService,
    AppInsights,
    Digests,
    PriceRefresh,
    TelemetrySetting,
    Webhook,
)
from metering.settings.setting import Setting
from metering.settings.stores import DEFAULT_STORE, CosmosStore, SqliteStore

__all__ = [
    "DEFAULT_STORE",
    "ApimService",
    "AppInsights",
    "CosmosStore",
    "Settings",
    "SqliteStore",
    "TelemetrySetting",
    "Unknown",
    "Webhook",
    "read_settings",
    "unknown_settings",
]

_PREFIX: Final = "METERING_"


def _instant(text: str) -> Instant:
    try:
        return parse_instant(text)
    except ValueError:
        raise ValueError("is not an RFC 3339 time with a time zone") from None


NOW: Final[Setting[Instant | None]] = Setting(
    "METERING_NOW",
    _instant,
    None,
    "A fixed clock, for demonstrations and tests.",
    "2026-10-16T23:00:00Z",
    "the clock of the machine",
    is_local=True,
)

#: Every setting that is read, under the headings of docs/settings.md.
TOPICS: Final[Mapping[str, tuple[Setting[Any], ...]]] = {
    "Store and tenants": (*stores.SETTINGS, NOW),
    "Hubs": hubs.SETTINGS,
    "HTTP API": http.SETTINGS,
    "Exports, statements and closing": exports.SETTINGS,
    "Invoices": invoices.SETTINGS,
    "Other services": services.SETTINGS,
}
SETTINGS: Final[tuple[Setting[Any], ...]] = tuple(
    setting for settings in TOPICS.values() for setting in settings
)


class Settings(NamedTuple):
    """The values of all settings. The meaning of each is in its declaration."""

    store: SqliteStore | CosmosStore
    tenants_file: Path | None = None
    automatic_tenants: bool = True
    """Whether a subscription without a tenant gets one."""
    dead_letter_days: int = stores.DEFAULT_DEAD_LETTER_DAYS
    dead_letters_an_hour: int | None = stores.DEFAULT_DEAD_LETTERS_AN_HOUR
    """None: no limit."""
    fixed_now: Instant | None = None
    arm_endpoint: str = DEFAULT_ARM_ENDPOINT
    hubs: HubNamespace | None = None
    usage_hub: str = DEFAULT_USAGE_HUB
    recovery_delay: Instant | None = RECOVERY_DELAY
    """None: usage is never recovered from logs."""
    batch_wait: Instant = 0
    """The longest wait at the end of a batch."""
    webhook: Webhook | None = None
    apim_service: ApimService | None = None
    telemetry: TelemetrySetting = "off"
    price_refresh: PriceRefresh = "off"
    http: Http = Http()
    exports: ExportsFolder | ExportsContainer = ExportsFolder(Path(DEFAULT_EXPORTS))
    anchors: ExportsFolder | ExportsContainer | None = None
    """None: beside the store, see `anchors_place`."""
    export_schedule: str = ""
    issuer: str = DEFAULT_ISSUER
    invoicing: Invoicing = Invoicing()
    digests: Digests = Digests()
    readers: Readers = Readers()
    unknown_deployments: str = "by_plan"
    close_grace: Instant = DAY
    close_wait: Instant = 3 * DAY

    @property
    def anchors_place(self) -> ExportsFolder | ExportsContainer:
        """Where anchors are kept: as set, else beside the file of the store."""
        if self.anchors is not None:
            return self.anchors
        if isinstance(self.store, SqliteStore):
            return ExportsFolder(self.store.path.parent / "anchors")
        return ExportsFolder(Path(DEFAULT_ANCHORS))


def deployment_environment() -> Mapping[str, str]:
    """Return the environment as a parameter file of a deployment reads it."""
    return os.environ


def read_settings(
    environment: Mapping[str, str] | None = None, *, store: str | None = None
) -> Settings:
    """Return the settings in an environment. Raises ConfigurationError for the first wrong one.

    `store` takes the place of METERING_STORE.
    """
    given = os.environ if environment is None else environment
    if store is not None:
        given = {**given, stores.STORE.name: store}
    usage_hubs = hubs.USAGE.read(given)
    chosen = stores.read_store(given)
    return Settings(
        store=chosen,
        tenants_file=stores.TENANTS.read(given),
        automatic_tenants=stores.creates_tenants(given),
        dead_letter_days=stores.DEAD_LETTER_DAYS.read(given),
        dead_letters_an_hour=stores.DEAD_LETTERS_AN_HOUR.read(given),
        unknown_deployments=stores.UNKNOWN_DEPLOYMENTS.read(given),
        fixed_now=NOW.read(given),
        arm_endpoint=services.ARM_ENDPOINT.read(given),
        hubs=usage_hubs,
        usage_hub=hubs.USAGE_HUB.read(given),
        recovery_delay=hubs.RECOVERY_DELAY.read(given),
        batch_wait=hubs.read_batch_wait(given, is_charged=isinstance(chosen, CosmosStore)),
        webhook=services.read_webhook(given),
        apim_service=services.APIM_SERVICE.read(given),
        telemetry=services.read_telemetry(given),
        price_refresh=services.PRICE_REFRESH.read(given),
        http=http.read_http(given),
        exports=exports.EXPORTS.read(given),
        anchors=exports.ANCHORS.read(given),
        export_schedule=exports.EXPORT_SCHEDULE.read(given),
        issuer=exports.ISSUER.read(given),
        invoicing=invoices.read_invoicing(given, exports.ISSUER.read(given)),
        digests=services.read_digests(given),
        readers=hubs.read_readers(given, usage_hubs),
        close_grace=exports.CLOSE_GRACE.read(given),
        close_wait=exports.CLOSE_WAIT.read(given),
    )


class Unknown(NamedTuple):
    """A variable that has the form of a setting but is not one."""

    name: str
    suggestion: str | None
    """The setting that was probably meant."""


_CLOSE: Final = 0.8
"""The least similarity of a suggested setting: all of them share a prefix."""


def unknown_settings(environment: Mapping[str, str] | None = None) -> list[Unknown]:
    """Return variables that have the prefix of settings, or a name in other letters, in vain."""
    given = os.environ if environment is None else environment
    known = [setting.name for setting in SETTINGS] + [one.name for one in EXTERNAL]
    folded = {name.casefold() for name in known}
    return [
        Unknown(name, nearest(name, known, _CLOSE))
        for name, value in sorted(given.items())
        if value and name not in known
        if name.casefold() in folded or name.startswith(_PREFIX)
    ]
