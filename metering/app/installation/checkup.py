"""Check the data of an installation: prices, plans and tenants."""

from dataclasses import dataclass

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import MeteringError
from metering.core.basics.wording import plural
from metering.core.installation.finding import Finding, fail, ok, warn
from metering.core.prices.coverage import SourceAge, age_text, source_ages
from metering.ports import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The use case behind `metering doctor`, for a store that can be read."""

    tenancy: Tenancy
    clock: Clock
    automatic: bool
    """Whether an unknown subscription gets a tenant of its own."""

    async def run(self) -> list[Finding]:
        """Return the findings. Reads only."""
        try:
            await self.tenancy.refresh()
        except MeteringError as error:
            remedy = "fix the store first; if a file or version is named, correct that one"
            return [fail("registry and prices", str(error), remedy)]
        return [*self._prices(), *self._currencies(), self._tenants()]

    def _prices(self) -> list[Finding]:
        """Return one finding for each source: a fresh list of one seller hides no old one."""
        ages = source_ages(self.tenancy.prices, self.clock.now())
        if not ages:
            return [fail("prices", "no prices in force", "run `metering prices import`")]
        return [_source(age) for age in ages]

    def _currencies(self) -> list[Finding]:
        known = self.tenancy.prices.currencies
        plans = self.tenancy.directory.plans(self.clock.now())
        wrong = [plan for plan in plans if plan.currency not in known]
        if not wrong:
            return [
                ok("currencies", f"{plural(len(plans), 'plan')}, all in {', '.join(sorted(known))}")
            ]
        return [
            fail(
                f"plan {plan.id}",
                f"is in {plan.currency}, a currency without prices in the price book",
                f"import prices in {plan.currency}, or change the plan's currency",
            )
            for plan in wrong
        ]

    def _tenants(self) -> Finding:
        tenants = len(self.tenancy.directory.tenants())
        if tenants or self.automatic:
            return ok("tenants", f"{tenants} known")
        return warn(
            "tenants",
            "no tenants, and unknown subscriptions are rejected",
            "add one with `metering tenants set`, or set METERING_UNKNOWN_SUBSCRIPTION=auto",
        )


def _source(age: SourceAge) -> Finding:
    check = f"prices of {age.name}"
    if age.is_old:
        remedy = "read them again: `metering prices refresh`, or `metering prices diff`"
        return warn(check, age_text(age), remedy)
    return ok(check, age_text(age))
