"""The use cases of quotas: admission, enforcement and forecasts."""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from metering.app.quotas.admission import Admission, ObservedAdmission
from metering.app.quotas.alerts import TenantAlerts
from metering.app.quotas.desired_states import QuotasWantSuspended
from metering.app.quotas.forecast import Forecasts
from metering.app.quotas.reconcile_suspensions import ReconcileSuspensions
from metering.bootstrap.base import Base
from metering.core.quotas.facts import UnknownDeployments
from metering.ports import SubscriptionGate

if TYPE_CHECKING:
    from metering.app.quotas.enforce_quotas import EnforceQuotas
    from metering.bootstrap.reports import Reading


class Quotas:
    """Enforce quotas and answer where they stand."""

    def __init__(self, base: Base, reports: "Callable[[], Reading]") -> None:
        """Admission needs no reports: they are built with the first use case that does."""
        self._base = base
        self._reports = reports

    @cached_property
    def subscription_gate(self) -> SubscriptionGate | None:
        """The subscriptions of METERING_APIM_SERVICE; None where suspension is off."""
        service = self._base.settings.apim_service
        if service is None:
            return None
        # The SDK takes half a second to import: only those who use it wait for it.
        from metering.adapters.azure.apim import ApimSubscriptions
        from metering.adapters.azure.arm import Arm

        gate = ApimSubscriptions(
            Arm(self._base.settings.arm_endpoint),
            subscription_id=service.subscription_id,
            resource_group=service.resource_group,
            service=service.name,
        )
        self._base.closing.append(gate.close)
        return gate

    @cached_property
    def reconcile_suspensions(self) -> ReconcileSuspensions | None:
        """Suspend and reactivate as quotas say; None where suspension is off."""
        if self.subscription_gate is None:
            return None
        return ReconcileSuspensions(
            gate=self.subscription_gate,
            suspensions=self._base.stores.suspensions,
            desired=QuotasWantSuspended(
                ledgers=self._base.ledgers,
                suspensions=self._base.stores.suspensions,
                accruals=self._base.accruals,
                before=self._base.ledgers_before,
                tenancy=self._base.tenancy,
                alerts=self._base.alerts,
            ),
            clock=self._base.clock,
            alerts=self._base.alerts,
        )

    @cached_property
    def enforce_quotas(self) -> "EnforceQuotas":
        """Bring the limits of every ledger up to date."""
        # Admission, which is asked most, needs none of it.
        from metering.app.quotas.enforce_quotas import EnforceQuotas

        return EnforceQuotas(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            credit=self._base.credits,
            accruals=self._base.accruals,
            unit_economics=self._reports().unit_economics,
            clock=self._base.clock,
            alerts=self._base.alerts,
        )

    @cached_property
    def admission(self) -> ObservedAdmission:
        """The admission of requests."""
        admission = Admission(
            ledgers=self._base.ledgers,
            credit=self._base.credits,
            accruals=self._base.accruals,
            before=self._base.ledgers_before,
            tenancy=self._base.tenancy,
            clock=self._base.clock,
            unknown_deployments=UnknownDeployments(self._base.settings.unknown_deployments),
        )
        return ObservedAdmission(admission=admission, telemetry=self._base.telemetry)

    @cached_property
    def tenant_alerts(self) -> TenantAlerts:
        """The alerts of a tenant."""
        return TenantAlerts(
            ledgers=self._base.ledgers,
            effects=self._base.stores.effects,
            accruals=self._base.accruals,
            before=self._base.ledgers_before,
            tenancy=self._base.tenancy,
            clock=self._base.clock,
        )

    @cached_property
    def forecasts(self) -> Forecasts:
        """Forecasts of periods and quotas."""
        return Forecasts(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            credit=self._base.credits,
            accruals=self._base.accruals,
            before=self._base.ledgers_before,
            clock=self._base.clock,
        )
