"""The use cases of one process, over the adapters that its settings call for."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

from metering.adapters.clock import FixedClock, SystemClock
from metering.adapters.files import committed_prices, read_structured
from metering.adapters.telemetry.log import LogAlerts, LogNotifier
from metering.adapters.telemetry.observed_ledgers import ObservedLedgers
from metering.app.credit.credits import Credits
from metering.app.deployments.deployments import Deployments
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB
from metering.app.hubs.hub_lag import HubLags
from metering.app.hubs.ingest_lag import IngestLag
from metering.app.hubs.replay_capture import ReplayCapture, TakesBatches
from metering.app.ingest.dead_letters import DeadLetters
from metering.app.ingest.ingest import DirectPublisher, Ingest
from metering.app.ingest.take_events import TakeEvents
from metering.app.installation.collect_gauges import TakeStock
from metering.app.installation.readiness import Readiness
from metering.app.ledger.committer import Committer
from metering.app.ledger.deliver_effects import DeliverEffects
from metering.app.prices.publish_prices import PublishPrices
from metering.app.prices.rerate import PriceUnpriced, Rerate
from metering.app.quotas.admission import Admission, ObservedAdmission
from metering.app.quotas.alerts import TenantAlerts
from metering.app.quotas.desired_states import QuotasWantSuspended
from metering.app.quotas.enforce_quotas import EnforceQuotas
from metering.app.quotas.forecast import Forecasts
from metering.app.quotas.reconcile_suspensions import ReconcileSuspensions
from metering.app.reports.overview import Overview
from metering.app.reports.read import Read
from metering.app.reports.roll_up import RollUp
from metering.app.reports.unit_economics import UnitEconomics
from metering.app.reports.verify import Verify
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.expire_pending import ExpirePending
from metering.app.streams.join_usage import JoinUsage
from metering.app.streams.recover_usage import RecoverUsage
from metering.app.tenancy.audited import Audited
from metering.app.tenancy.callers import Callers
from metering.app.tenancy.tenancy import Tenancy
from metering.bootstrap.billing import Billing
from metering.bootstrap.progress import hub_progress
from metering.bootstrap.sign_in import SignIn
from metering.bootstrap.stores import Stores, stores_for
from metering.bootstrap.telemetry import telemetry_for
from metering.core.basics.errors import ConfigurationError
from metering.core.prices.price_book import NamedRow
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from metering.ports import (
    SILENT,
    Alerts,
    CaptureSource,
    Clock,
    DeploymentSource,
    HubProgress,
    LedgerStore,
    Notifier,
    SubscriptionGate,
    Telemetry,
    TokenVerifier,
    UsagePublisher,
)
from metering.settings.settings import Settings, read_settings


class App:
    """The use cases, over the adapters that the settings call for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._hub_publisher: Callable[[str], UsagePublisher] = self._event_hubs
        self._publishers: dict[str, UsagePublisher] = {}
        self._has_own_hubs = False
        self.closing: list[Callable[[], Awaitable[None]]] = []
        """What lets go of whatever was opened on the way."""

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock, or the standing one that METERING_NOW sets."""
        fixed = self.settings.fixed_now
        return SystemClock() if fixed is None else FixedClock(fixed)

    @cached_property
    def telemetry(self) -> Telemetry:
        """Where figures and traces go, as METERING_TELEMETRY says."""
        return telemetry_for(self.settings.telemetry)

    def be_silent(self) -> None:
        """Send no telemetry to Azure: the commands of a person are no part of the service."""
        if self.settings.telemetry != "console":
            self.telemetry = SILENT

    @cached_property
    def alerts(self) -> Alerts:
        """Where faults that a person must see are told."""
        return LogAlerts(self.telemetry)

    @cached_property
    def committed_prices(self) -> Sequence[NamedRow]:
        """The price data that comes with the package; the tenancy has what was published since."""
        return committed_prices()

    @cached_property
    def stores(self) -> Stores:
        """The store that METERING_STORE names, behind its ports."""
        return stores_for(self.settings.store, self.telemetry)

    @cached_property
    def ledgers(self) -> LedgerStore:
        """The ledgers."""
        return ObservedLedgers(self.stores.ledgers, self.telemetry)

    @cached_property
    def tenants_file(self) -> TenantsFile | None:
        """What METERING_TENANTS names; to be taken over once with `tenancy.take_over`."""
        path = self.settings.tenants_file
        return None if path is None else read_tenants_file(str(path), read_structured(path))

    @cached_property
    def tenancy(self) -> Tenancy:
        """Who pays."""
        return Tenancy(
            self.stores.registry,
            self.stores.prices,
            self.clock,
            committed=self.committed_prices,
            automatic=self.settings.automatic_tenants,
            file=self.tenants_file,
        )

    @cached_property
    def _committer(self) -> Committer:
        return Committer(
            self.ledgers,
            self.clock,
            periods=self.tenancy.directory.period_at,
            limits=self.tenancy.limits_of,
            checked_pages=self.stores.checked_pages,
            max_gaps=self.stores.max_gaps,
        )

    @cached_property
    def ingest(self) -> Ingest:
        """Ingest usage events."""
        return Ingest(
            tenancy=self.tenancy,
            committer=self._committer,
            dead_letters=self.stores.dead_letters,
            pending=self.stores.pending,
            streams=self._streams,
            clock=self.clock,
            alerts=self.alerts,
        )

    @cached_property
    def stream_publisher(self) -> UsagePublisher:
        """Where complete events of streams go: without a hub, straight into the ledgers."""
        if self.settings.hubs is None and not self._has_own_hubs:
            return DirectPublisher(lambda: self.ingest)
        return self.usage_publisher

    @cached_property
    def _streams(self) -> CompleteStreams:
        return CompleteStreams(self.stores.pending, self.stream_publisher, self.clock)

    @cached_property
    def join_usage(self) -> JoinUsage:
        """Join the counts in gateway logs to streams."""
        return JoinUsage(
            pending=self.stores.pending,
            streams=self._streams,
            publisher=self.stream_publisher,
            dead_letters=self.stores.dead_letters,
            clock=self.clock,
            alerts=self.alerts,
            recovery_delay=self.settings.recovery_delay,
        )

    @cached_property
    def recover_usage(self) -> RecoverUsage:
        """Publish from logs what no policy reported."""
        return RecoverUsage(
            pending=self.stores.pending,
            ledgers=self.ledgers,
            tenancy=self.tenancy,
            publisher=self.stream_publisher,
            dead_letters=self.stores.dead_letters,
            clock=self.clock,
            recovery_delay=self.settings.recovery_delay,
        )

    @cached_property
    def expire_pending(self) -> ExpirePending:
        """Give up waiting for counts."""
        return ExpirePending(
            pending=self.stores.pending,
            streams=self._streams,
            tenancy=self.tenancy,
            committer=self._committer,
            dead_letters=self.stores.dead_letters,
            clock=self.clock,
            alerts=self.alerts,
        )

    @cached_property
    def publish_prices(self) -> PublishPrices:
        """Publish versions of prices."""
        return PublishPrices(self.tenancy, self.clock)

    @cached_property
    def rerate(self) -> Rerate:
        """Rate usage again whose price was missing or has been superseded."""
        return Rerate(
            ledgers=self.ledgers,
            tenancy=self.tenancy,
            committer=self._committer,
            clock=self.clock,
        )

    @cached_property
    def price_unpriced(self) -> PriceUnpriced:
        """Price what waited for a price."""
        return PriceUnpriced(
            ledgers=self.ledgers, tenancy=self.tenancy, rerate=self.rerate, alerts=self.alerts
        )

    @cached_property
    def notifier(self) -> Notifier:
        """Who is told of effects: the webhook where one is set, or else the log."""
        webhook = self.settings.webhook
        if webhook is None:
            return LogNotifier()
        # An HTTP client takes a tenth of a second to import: only those who use it wait for it.
        from metering.adapters.telemetry.webhook import WebhookNotifier  # noqa: PLC0415

        notifier = WebhookNotifier(webhook.url, webhook.secrets, self.clock)
        self.closing.append(notifier.close)
        return notifier

    @cached_property
    def deliver_effects(self) -> DeliverEffects:
        """Tell the outside what commits asked for."""
        return DeliverEffects(
            effects=self.stores.effects,
            notifier=self.notifier,
            clock=self.clock,
            alerts=self.alerts,
            telemetry=self.telemetry,
        )

    @cached_property
    def subscription_gate(self) -> SubscriptionGate | None:
        """The subscriptions of METERING_APIM_SERVICE; None where suspension is off."""
        service = self.settings.apim_service
        if service is None:
            return None
        # The SDK takes half a second to import: only those who use it wait for it.
        from metering.adapters.azure.apim import ApimSubscriptions  # noqa: PLC0415
        from metering.adapters.azure.arm import Arm  # noqa: PLC0415

        gate = ApimSubscriptions(
            Arm(self.settings.arm_endpoint),
            subscription_id=service.subscription_id,
            resource_group=service.resource_group,
            service=service.name,
        )
        self.closing.append(gate.close)
        return gate

    @cached_property
    def reconcile_suspensions(self) -> ReconcileSuspensions | None:
        """Suspend and reactivate as quotas say; None where suspension is off."""
        if self.subscription_gate is None:
            return None
        return ReconcileSuspensions(
            gate=self.subscription_gate,
            suspensions=self.stores.suspensions,
            desired=QuotasWantSuspended(
                ledgers=self.ledgers,
                suspensions=self.stores.suspensions,
                tenancy=self.tenancy,
                alerts=self.alerts,
            ),
            clock=self.clock,
            alerts=self.alerts,
        )

    @cached_property
    def enforce_quotas(self) -> EnforceQuotas:
        """Bring the limits of every ledger up to date."""
        return EnforceQuotas(
            ledgers=self.ledgers, tenancy=self.tenancy, clock=self.clock, alerts=self.alerts
        )

    @cached_property
    def admission(self) -> ObservedAdmission:
        """Whether a subscription's requests may go on."""
        admission = Admission(self.ledgers, self.tenancy, self.credits, self.clock)
        return ObservedAdmission(admission, self.telemetry)

    @cached_property
    def take_stock(self) -> TakeStock:
        """Count what somebody should look at."""
        return TakeStock(
            ledgers=self.ledgers,
            pending=self.stores.pending,
            effects=self.stores.effects,
            clock=self.clock,
            telemetry=self.telemetry,
        )

    @cached_property
    def callers(self) -> Callers:
        """Which tenant a caller may read."""
        return Callers(self.tenancy, self.clock)

    @cached_property
    def audited(self) -> Audited:
        """Change something, with entries in the audit log."""
        return Audited(self.stores.audit, self.clock)

    @cached_property
    def tenant_alerts(self) -> TenantAlerts:
        """What a tenant was told."""
        return TenantAlerts(
            ledgers=self.ledgers,
            effects=self.stores.effects,
            tenancy=self.tenancy,
            clock=self.clock,
        )

    @cached_property
    def take_events(self) -> TakeEvents:
        """Take events from producers other than the gateway."""
        return TakeEvents(self.stream_publisher, self.clock)

    @cached_property
    def readiness(self) -> Readiness:
        """Whether this process can serve."""
        lags = HubLags(lambda: self.hub_progress, self.clock)
        # First of all: a look that goes on would keep the hubs from being let go.
        self.closing.insert(0, lags.close)
        return Readiness(
            tenancy=self.tenancy, effects=self.stores.effects, hub_lags=lags, clock=self.clock
        )

    @cached_property
    def sign_in(self) -> SignIn:
        """How callers prove who they are."""
        return SignIn(self.settings)

    @property
    def tokens(self) -> TokenVerifier:
        """What verifies bearer tokens; ConfigurationError where no issuer is set."""
        return self.sign_in.tokens

    @cached_property
    def forecasts(self) -> Forecasts:
        """Where periods and quotas go."""
        return Forecasts(self.ledgers, self.tenancy, self.clock)

    @cached_property
    def unit_economics(self) -> UnitEconomics:
        """What outcomes cost."""
        return UnitEconomics(self.read, self.tenancy, self.clock)

    @cached_property
    def read(self) -> Read:
        """Balances and breakdowns."""
        return Read(self.ledgers, self.stores.rollups, self.tenancy, self.clock)

    @cached_property
    def credits(self) -> Credits:
        """What tenants have to pay with."""
        return Credits(
            ledgers=self.ledgers,
            accounts=self.stores.accounts,
            tenancy=self.tenancy,
            clock=self.clock,
        )

    @cached_property
    def overview(self) -> Overview:
        """All tenants at a glance."""
        return Overview(
            ledgers=self.ledgers, tenancy=self.tenancy, credit=self.credits, clock=self.clock
        )

    @cached_property
    def hub_progress(self) -> HubProgress:
        """How far what was published has been counted; the system on one machine sets its own."""
        return hub_progress(self.settings, self.clock, self.closing)

    @cached_property
    def ingest_lag(self) -> IngestLag:
        """How far counting is behind."""
        return IngestLag(lambda: self.hub_progress, self.clock)

    @cached_property
    def billing(self) -> Billing:
        """What comes after usage: closing, statements, exports, reconciliation."""
        return Billing(self)

    @cached_property
    def verify(self) -> Verify:
        """Prove ledgers."""
        return Verify(self.ledgers, self.stores.rollups)

    @cached_property
    def roll_up(self) -> RollUp:
        """Keep usage by day and dimension at hand."""
        return RollUp(self.ledgers, self.stores.rollups, self.alerts)

    @cached_property
    def dead_letters(self) -> DeadLetters:
        """Look at what was set aside, send it again, or drop it."""
        return DeadLetters(self.stores.dead_letters, self.ingest, self.join_usage)

    def replay_capture(
        self, source: CaptureSource, hub: str | None, on_progress: Callable[[int, int], None]
    ) -> ReplayCapture:
        """Return one run over the files of Capture; the hubs have the names of the settings too."""
        usage, logs = self.ingest, self.join_usage
        hubs: dict[str, TakesBatches] = {USAGE_HUB: usage, LOGS_HUB: logs}
        hubs[self.settings.usage_hub] = usage
        return ReplayCapture(source, hubs, hub=hub, on_progress=on_progress)

    @cached_property
    def deployments(self) -> Deployments:
        """Fill the deployments registry."""
        return Deployments(self.ledgers, self.tenancy, self.clock)

    def azure_deployments(
        self, subscription_id: str, resource_group: str | None, account: str | None
    ) -> DeploymentSource:
        """Return Azure's own list of deployments, of a subscription or a part of it."""
        # The SDK takes a fifth of a second to import: only those who use it wait for it.
        from metering.adapters.azure.arm import Arm  # noqa: PLC0415
        from metering.adapters.azure.deployments import AzureDeployments  # noqa: PLC0415

        arm = Arm(self.settings.arm_endpoint)
        return AzureDeployments(
            arm, subscription_id, resource_group=resource_group, account=account
        )

    @property
    def usage_publisher(self) -> UsagePublisher:
        """Where usage events are published: the hub that `ingest_usage` reads."""
        return self.publisher(self.settings.usage_hub)

    def publisher(self, hub: str) -> UsagePublisher:
        """Return what publishes to a hub; ConfigurationError where no hubs are set."""
        if hub not in self._publishers:
            self._publishers[hub] = self._hub_publisher(hub)
        return self._publishers[hub]

    def publish_through(self, hub_publisher: Callable[[str], UsagePublisher]) -> None:
        """Publish to other hubs than the settings name: for the system on one machine."""
        self._hub_publisher = hub_publisher
        self._has_own_hubs = True
        self._publishers.clear()

    def _event_hubs(self, hub: str) -> UsagePublisher:
        hubs = self.settings.hubs
        if hubs is None:
            raise ConfigurationError(
                "UsageHub__fullyQualifiedNamespace: is not set: write it like"
                " contoso.servicebus.windows.net"
            )
        # The SDK takes a while to import: only those who use it wait for it.
        from metering.adapters.hubs.publisher import EventHubsPublisher  # noqa: PLC0415

        return EventHubsPublisher(hubs.host, hub, hubs.connection_string)

    async def close(self) -> None:
        """Let go of what was opened; it is opened again when it is used again."""
        for publisher in self._publishers.values():
            await publisher.close()
        if "stores" in self.__dict__:
            await self.stores.close()
        for close in self.closing:
            await close()


_current: list[App] = []


def use(app: App) -> None:
    """Make `app` the one that triggers use: for a host that lives in the same process."""
    _current[:] = [app]


def current() -> App:
    """Return the app of this process, built from the environment on first use."""
    if not _current:
        use(App(read_settings()))
    return _current[0]
