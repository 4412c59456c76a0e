"""The use cases of operators: readiness, gauges, deliveries, audit and deployments."""

from functools import cached_property
from time import monotonic

from metering.app.billing.close_periods import ClosePeriods
from metering.app.deployments.deployments import Deployments
from metering.app.hubs.hub_lag import COMMAND_WAIT_S, WAIT_S, HubLags, WatchHubs
from metering.app.installation.collect_gauges import CollectGauges
from metering.app.installation.glance import Glance
from metering.app.installation.readiness import Readiness
from metering.app.installation.smoke_test import SmokeTest
from metering.app.installation.status import Status
from metering.app.ledger.deliver_effects import DeliverEffects
from metering.app.reports.tenant_board import TenantBoard
from metering.app.tenancy.audited import Audited
from metering.app.tenancy.callers import Callers
from metering.bootstrap.base import Base
from metering.ports import DeploymentSource, ModelCaller


class Installation:
    """Operate an installation."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def deliver_effects(self) -> DeliverEffects:
        """Deliver notifications."""
        return DeliverEffects(
            effects=self._base.stores.effects,
            notifier=self._base.notifier,
            clock=self._base.clock,
            alerts=self._base.alerts,
            currency_of=self._base.tenancy.currency_of,
            telemetry=self._base.telemetry,
        )

    @cached_property
    def collect_gauges(self) -> CollectGauges:
        """Set the gauges."""
        return CollectGauges(
            tenancy=self._base.tenancy,
            ledgers=self._base.ledgers,
            effects=self._base.stores.effects,
            clock=self._base.clock,
            telemetry=self._base.telemetry,
        )

    @cached_property
    def watch_hubs(self) -> WatchHubs:
        """Record the lag of each hub."""
        return WatchHubs(lambda: self._base.hub_progress, self._base.clock, self._base.telemetry)

    @cached_property
    def _hub_lags(self) -> HubLags:
        return self._lags(WAIT_S)

    def _lags(self, wait_s: float) -> HubLags:
        base = self._base
        lags = HubLags(progress=lambda: base.hub_progress, clock=base.clock, wait_s=wait_s)
        # First of all: a look that goes on would keep the hubs from being let go.
        self._base.closing.insert(0, lags.close)
        return lags

    @cached_property
    def readiness(self) -> Readiness:
        """The readiness of this process."""
        return Readiness(
            tenancy=self._base.tenancy,
            effects=self._base.stores.effects,
            hub_lags=self._hub_lags,
            clock=self._base.clock,
        )

    def smoke_test(self, caller: ModelCaller) -> SmokeTest:
        """Send a request through a gateway and find it in the ledger."""
        return SmokeTest(
            ledgers=self._base.ledgers,
            dead_letters=self._base.stores.dead_letters,
            tenancy=self._base.tenancy,
            hub_lags=self._lags(COMMAND_WAIT_S),
            caller=caller,
            clock=self._base.clock,
        )

    def status(self, closing: ClosePeriods) -> Status:
        """Answer what an operator asks first."""
        return self._status(closing, self._lags(COMMAND_WAIT_S))

    def glance(self, closing: ClosePeriods, board: TenantBoard) -> Glance:
        """Answer the same from memory."""
        status = self._status(closing, self._hub_lags)
        made = Glance(status=status, board=board, elapsed_s=monotonic)
        self._base.closing.insert(0, made.close)
        return made

    def _status(self, closing: ClosePeriods, hub_lags: HubLags) -> Status:
        return Status(
            ledgers=self._base.ledgers,
            dead_letters=self._base.stores.dead_letters,
            effects=self._base.stores.effects,
            closing=closing,
            accruals=self._base.accruals,
            tenancy=self._base.tenancy,
            hub_lags=hub_lags,
            clock=self._base.clock,
        )

    @cached_property
    def callers(self) -> Callers:
        """Authorises callers for tenants."""
        return Callers(tenancy=self._base.tenancy, clock=self._base.clock)

    @cached_property
    def audited(self) -> Audited:
        """Change something, with entries in the audit log."""
        return Audited(log=self._base.stores.audit, clock=self._base.clock)

    @cached_property
    def deployments(self) -> Deployments:
        """Fill the deployments registry."""
        return Deployments(self._base.ledgers, self._base.tenancy, self._base.clock)

    def azure_deployments(
        self, subscription_id: str, resource_group: str | None, account: str | None
    ) -> DeploymentSource:
        """Return Azure's own list of deployments, of a subscription or a part of it."""
        # The SDK takes a fifth of a second to import: only those who use it wait for it.
        from metering.adapters.azure.arm import Arm
        from metering.adapters.azure.deployments import AzureDeployments

        arm = Arm(self._base.settings.arm_endpoint)
        return AzureDeployments(
            arm, subscription_id, resource_group=resource_group, account=account
        )
