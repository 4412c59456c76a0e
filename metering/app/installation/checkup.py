"""Check what an installation needs beyond its services: prices, plans and tenants."""

from dataclasses import dataclass
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.installation.finding import Finding, fail, ok, warn
from metering.ports import Clock

#: Prices of Azure begin on the first of a month; after so long there is likely to be a newer list.
OLD_PRICES: Final[Instant] = 120 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkup:
    """The use case behind `metering doctor`, where the store can be read."""

    tenancy: Tenancy
    clock: Clock
    automatic: bool
    """Whether an unknown subscription gets a tenant of its own."""

    async def run(self) -> list[Finding]:
        """Look, and return what was found. Reads only."""
        try:
            await self.tenancy.refresh()
        except MeteringError as error:
            remedy = "see what is said of the store; a wrong file or version is named here"
            return [fail("registry and prices", str(error), remedy)]
        return [self._prices(), *self._currencies(), self._tenants()]

    def _prices(self) -> Finding:
        now = self.clock.now()
        book = self.tenancy.prices
        starts = [row.effective_from for row in book.rows.values() if row.effective_from <= now]
        if not starts:
            return fail("prices", "none is in force", "run `metering prices import`")
        newest = max(starts)
        detail = f"{len(starts)} in force, the newest since {format_instant(newest)[:10]}"
        if now - newest > OLD_PRICES:
            return warn("prices", detail, "look for a newer list: `metering prices diff`")
        return ok("prices", detail)

    def _currencies(self) -> list[Finding]:
        known = self.tenancy.prices.currencies
        plans = self.tenancy.directory.plans(self.clock.now())
        wrong = [plan for plan in plans if plan.currency not in known]
        if not wrong:
            return [ok("currencies", f"{len(plans)} plans, all in {', '.join(sorted(known))}")]
        return [
            fail(
                f"plan {plan.id}",
                f"is in {plan.currency}, which no price is in",
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
            "none, and unknown subscriptions are refused",
            "add one with `metering tenants set`, or set METERING_UNKNOWN_SUBSCRIPTION=auto",
        )
