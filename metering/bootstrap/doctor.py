"""Examine an installation as its settings describe it: the checks behind `metering doctor`."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from metering.adapters.sqlite.probe import probe_file, probe_folder
from metering.app.installation.checkup import Checkup
from metering.bootstrap.app import App
from metering.bootstrap.stores import stores_for
from metering.core.basics.errors import ConfigurationError, MeteringError, RetryableError
from metering.core.installation.finding import Finding, fail, ok, warn
from metering.settings.hubs import HubNamespace
from metering.settings.settings import (
    CosmosStore,
    Settings,
    SqliteStore,
    read_settings,
    unknown_settings,
)

_EVENT_HUBS: Final = "https://eventhubs.azure.net"
#: A name that no gateway has: asking for it tells whether that is allowed.
_PROBE_SUBSCRIPTION: Final = "metering-doctor"


async def examine(environment: Mapping[str, str] | None = None) -> list[Finding]:
    """Return findings on settings, identity, store, clock, hub, gateway, prices and tenants.

    Changes nothing. Stops at the first invalid setting, because later checks need the settings.
    """
    unknown = [
        warn(
            f"setting {found.name}",
            "unknown setting",
            f"did you mean {found.suggestion}?" if found.suggestion else "see docs/settings.md",
        )
        for found in unknown_settings(environment)
    ]
    try:
        settings = read_settings(environment)
    except ConfigurationError as error:
        remedy = "correct it and run `metering doctor` again"
        return [fail("settings", str(error), remedy), *unknown]
    findings = [_tenants_file(settings), *unknown, *await _identity(settings)]
    # Taking over a file of tenants would write to the store.
    app = App(settings._replace(tenants_file=None))
    app.disable_telemetry()
    with TemporaryDirectory() as elsewhere:
        try:
            store = await _store(app, Path(elsewhere))
            findings += [*store, *await _hub(settings), *await _gateway(app)]
            if all(finding.state != "fail" for finding in store):
                automatic = settings.automatic_tenants
                findings += await Checkup(
                    tenancy=app.tenancy, clock=app.clock, automatic=automatic
                ).run()
        finally:
            await app.close()
    return findings


def _tenants_file(settings: Settings) -> Finding:
    try:
        found = App(settings).tenants_file
    except MeteringError as error:
        return fail("settings", f"METERING_TENANTS: {error}", "correct the file")
    return ok("settings", "can be read" if found is None else "can be read, METERING_TENANTS too")


async def _identity(settings: Settings) -> list[Finding]:
    """Check the sign-in where one is needed: emulators and the embedded store need none."""
    scopes = []
    if isinstance(settings.store, CosmosStore) and settings.store.key is None:
        scopes.append(settings.store.endpoint.removesuffix(":443/"))
    if settings.hubs is not None and settings.hubs.connection_string is None:
        scopes.append(_EVENT_HUBS)
    if not scopes:
        return [ok("identity", "not needed")]
    from metering.adapters.azure.identity_probe import probe_identity

    return [await probe_identity(scope) for scope in scopes]


async def _store(app: App, elsewhere: Path) -> list[Finding]:
    """Check the store; of one that is not made yet, an empty one elsewhere takes the place."""
    store = app.settings.store
    if isinstance(store, CosmosStore):
        from metering.adapters.cosmos.probe import CosmosProbe

        return await CosmosProbe(store.endpoint, store.database, store.key, app.clock).run()
    absent = probe_folder(store.path)
    if absent is None:
        return await probe_file(store.path)
    app.stores = stores_for(SqliteStore(elsewhere / "empty.db"))
    return [absent]


async def _hub(settings: Settings) -> list[Finding]:
    if settings.hubs is None:
        if isinstance(settings.store, CosmosStore):
            remedy = "set UsageHub__fullyQualifiedNamespace, like contoso.servicebus.windows.net"
            return [warn("hub", "not configured: completed streams are counted directly", remedy)]
        return [ok("hub", "not needed")]
    return [await _hub_of(settings.hubs, settings.usage_hub)]


async def _hub_of(hubs: HubNamespace, name: str) -> Finding:
    from metering.adapters.hubs.publisher import EventHubsPublisher

    check = f"hub {name}"
    publisher = EventHubsPublisher(hubs.host, name, hubs.connection_string)
    try:
        partitions = await publisher.partitions()
    except ConfigurationError as error:
        remedy = (
            "deploy it (bicep/), and give the identity Azure Event Hubs Data Sender and Receiver"
        )
        return fail(check, str(error), remedy)
    except RetryableError as error:
        remedy = "check that the namespace exists and its firewall allows this machine"
        return fail(check, str(error), remedy)
    return ok(check, f"{len(partitions)} partitions")


async def _gateway(app: App) -> list[Finding]:
    if app.subscription_gate is None:
        return [ok("gateway", "suspension is off")]
    try:
        await app.subscription_gate.read_state(_PROBE_SUBSCRIPTION)
    except MeteringError as error:
        remedy = "see METERING_APIM_SERVICE, and give the identity the role that bicep/ defines"
        return [fail("gateway", str(error), remedy)]
    return [ok("gateway", "subscriptions are readable")]
