"""The base of the wings: settings, clock, telemetry, stores, tenancy and connections."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

from metering.adapters.clock import FixedClock, SystemClock
from metering.adapters.executor import EXECUTOR
from metering.adapters.files import committed_prices, read_structured
from metering.adapters.telemetry.log import LogAlerts, LogNotifier
from metering.adapters.telemetry.observed_ledgers import ObservedLedgers
from metering.app.hubs.batch_waits import BatchWaits
from metering.app.hubs.dead_letter_limit import LimitedDeadLetters
from metering.app.tenancy.tenancy import Tenancy
from metering.bootstrap.stores import Stores, stores_for
from metering.bootstrap.telemetry import telemetry_for
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from metering.ports import (
    SILENT,
    Alerts,
    Clock,
    Executor,
    HubWatch,
    LedgerStore,
    Notifier,
    Telemetry,
    UsagePublisher,
)
from metering.settings.settings import CosmosStore, Settings, SqliteStore

if TYPE_CHECKING:
    from metering.app.allocation.accruals import Accruals
    from metering.app.anchors.keep_anchors import KeepAnchors
    from metering.app.costs.costs import Costs
    from metering.app.credit.credits import Credits
    from metering.app.ledger.committer import Committer
    from metering.app.ledger.earlier_ledgers import LedgersBefore
    from metering.app.streams.register import Register


class Base:
    """The settings of a process, and the adapters that more than one wing uses."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._hub_publisher: Callable[[str], UsagePublisher] = self._event_hubs
        self._publishers: dict[str, UsagePublisher] = {}
        self.has_own_hubs = self.is_command = False
        self.closing: list[Callable[[], Awaitable[None]]] = []
        """Called on shutdown to close what was opened."""

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock, or the standing one that METERING_NOW sets."""
        fixed = self.settings.fixed_now
        return SystemClock() if fixed is None else FixedClock(fixed)

    @property
    def executor(self) -> Executor:
        """Runs long computations beside the event loop."""
        return EXECUTOR

    @cached_property
    def telemetry(self) -> Telemetry:
        """Telemetry, as configured by METERING_TELEMETRY."""
        return telemetry_for(self.settings.telemetry)

    def disable_telemetry(self) -> None:
        """Send no telemetry to Azure: commands of an operator are not part of the service."""
        if self.settings.telemetry != "console":
            self.telemetry = SILENT

    @cached_property
    def alerts(self) -> Alerts:
        """Reports faults that need an operator."""
        return LogAlerts(self.telemetry)

    @cached_property
    def notifier(self) -> Notifier:
        """Delivers notifications to the webhook, or to the log if none is set."""
        webhook = self.settings.webhook
        if webhook is None:
            return LogNotifier()
        # An HTTP client takes a tenth of a second to import: only those who use it wait for it.
        from metering.adapters.telemetry.webhook import WebhookNotifier

        notifier = WebhookNotifier(webhook.url, webhook.secrets, self.clock)
        self.closing.append(notifier.close)
        return notifier

    @cached_property
    def stores(self) -> Stores:
        """The store that METERING_STORE names, behind its ports."""
        keep = self.settings.dead_letter_days * DAY
        return stores_for(self.settings.store, self.telemetry, keep)

    @cached_property
    def dead_letter_store(self) -> LimitedDeadLetters:
        """The dead letters, a limited number of them an hour."""
        return LimitedDeadLetters(
            store=self.stores.dead_letters,
            alerts=self.alerts,
            an_hour=self.settings.dead_letters_an_hour,
        )

    async def signed_in_as(self) -> str | None:
        """Return the identity that the store signs in; None where it knows nobody."""
        store = self.settings.store
        if not isinstance(store, CosmosStore) or store.key is not None:
            return None
        # Only a change by a command wants to know, in Azure.
        from metering.adapters.azure.signed_in import signed_in_as

        return await signed_in_as("https://cosmos.azure.com")

    @cached_property
    def ledgers(self) -> LedgerStore:
        """The ledgers."""
        return ObservedLedgers(
            self.stores.ledgers,
            self.telemetry,
            lambda ledger: self.tenancy.directory.plan_for(ledger).currency,
        )

    @cached_property
    def tenants_file(self) -> TenantsFile | None:
        """The file named by METERING_TENANTS; `tenancy.take_over` imports it once."""
        path = self.settings.tenants_file
        return None if path is None else read_tenants_file(str(path), read_structured(path))

    @cached_property
    def tenancy(self) -> Tenancy:
        """Resolves subjects into tenants and their terms."""
        return Tenancy(
            registry=self.stores.registry,
            price_store=self.stores.prices,
            clock=self.clock,
            committed=committed_prices(),
            automatic=self.settings.automatic_tenants,
            file=self.tenants_file,
        )

    @cached_property
    def committer(self) -> "Committer":
        """Commits to the ledgers, under the quotas of each tenant."""
        from metering.app.ledger.committer import Committer

        return Committer(
            store=self.ledgers,
            clock=self.clock,
            periods=self.tenancy.directory.period_at,
            limits=self.tenancy.limits_of,
            checked_pages=self.stores.checked_pages,
            max_gaps=self.stores.max_gaps,
        )

    @cached_property
    def ledgers_before(self) -> "LedgersBefore":
        """Remembers the ledgers before others for those who only read; a commit reads anew."""
        from metering.app.ledger.earlier_ledgers import LedgersBefore

        return LedgersBefore(self.ledgers, self.tenancy.directory.period_at)

    @cached_property
    def anchors(self) -> "KeepAnchors":
        """Keeps anchors in METERING_ANCHORS."""
        import secrets

        from metering.app.anchors.keep_anchors import KeepAnchors
        from metering.bootstrap.exports import export_store
        from metering.core.anchors.anchor import SECRET_BYTES

        return KeepAnchors(
            ledgers=self.ledgers,
            statements=self.stores.statements,
            invoices=self.stores.invoices,
            registry=self.stores.registry,
            tenancy=self.tenancy,
            store=export_store(self.settings.anchors_place, self.closing, "METERING_ANCHORS"),
            clock=self.clock,
            alerts=self.alerts,
            secret=lambda: secrets.token_bytes(SECRET_BYTES),
        )

    @cached_property
    def register(self) -> "Register":
        """The register of reported requests, as far as this process remembers it."""
        from metering.app.streams.register import Register

        register = Register(store=self.stores.register, clock=self.clock, alerts=self.alerts)
        self.closing.append(register.flush)
        return register

    @cached_property
    def accruals(self) -> "Accruals":
        """The accrued cost of deployments paid by the hour.

        On one machine, and in commands, a read works out what is missing: no timer may have run.
        """
        from metering.app.allocation.accruals import Accruals
        from metering.app.allocation.allocate import Allocate

        return Accruals(
            allocate=Allocate(self.ledgers, self.stores.allocations, self.tenancy),
            store=self.stores.allocations,
            tenancy=self.tenancy,
            clock=self.clock,
            alerts=self.alerts,
            works_out=self.is_command or isinstance(self.settings.store, SqliteStore),
        )

    @cached_property
    def credits(self) -> "Credits":
        """The credit of tenants."""
        from metering.app.credit.credits import Credits

        return Credits(
            ledgers=self.ledgers,
            accruals=self.accruals,
            statements=self.stores.statements,
            accounts=self.stores.accounts,
            tenancy=self.tenancy,
            clock=self.clock,
        )

    @cached_property
    def costs(self) -> "Costs":
        """Costs and margins over all tenants."""
        from metering.app.costs.costs import Costs
        from metering.app.reports.breakdowns import Breakdowns

        return Costs(
            ledgers=self.ledgers,
            breakdowns=Breakdowns(
                store=self.ledgers, rollups=self.stores.rollups, executor=self.executor
            ),
            accruals=self.accruals.in_month,
            tenancy=self.tenancy,
            clock=self.clock,
            executor=self.executor,
        )

    @cached_property
    def hub_progress(self) -> HubWatch:
        """The progress of counting; the local system sets its own."""
        from metering.bootstrap.progress import hub_progress

        return hub_progress(self.settings, self.clock, self.closing)

    @cached_property
    def batch_waits(self) -> BatchWaits:
        """Waits at the end of batches."""
        return BatchWaits(longest=self.settings.batch_wait)

    @property
    def usage_publisher(self) -> UsagePublisher:
        """Publishes usage events to the hub that `ingest_usage` reads."""
        return self.publisher(self.settings.usage_hub)

    def publisher(self, hub: str) -> UsagePublisher:
        """Return what publishes to a hub; ConfigurationError where no hubs are set."""
        if hub not in self._publishers:
            self._publishers[hub] = self._hub_publisher(hub)
        return self._publishers[hub]

    def publish_through(self, hub_publisher: Callable[[str], UsagePublisher]) -> None:
        """Publish to other hubs than the settings name: for the system on one machine."""
        self._hub_publisher = hub_publisher
        self.has_own_hubs = True
        self._publishers.clear()

    def _event_hubs(self, hub: str) -> UsagePublisher:
        hubs = self.settings.hubs
        if hubs is None:
            raise ConfigurationError(
                "UsageHub__fullyQualifiedNamespace: is not set: write it like"
                " contoso.servicebus.windows.net"
            )
        # The SDK takes a while to import: only those who use it wait for it.
        from metering.adapters.hubs.publisher import EventHubsPublisher

        return EventHubsPublisher(hubs.host, hub, hubs.connection_string)

    async def close(self) -> None:
        """Close everything; it opens again on its next use."""
        self.batch_waits.end()
        for close in self.closing:
            await close()
        for publisher in self._publishers.values():
            await publisher.close()
        if "stores" in self.__dict__:
            await self.stores.close()
