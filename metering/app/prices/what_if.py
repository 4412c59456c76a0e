"""Price a tenant's real usage under another model, plan or price list, without writing anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.suggestions import hint, unknown
from metering.core.billing.charge import Charge, charge
from metering.core.billing.what_if import Comparison, WhatIf
from metering.core.calendars.periods import LedgerId, Period
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import NamedRow
from metering.core.tenancy.terms import Alternative, TermsBook
from metering.ports import Clock, LedgerStore


class Answer(NamedTuple):
    """Both sides by model, and the charge of the period under each plan."""

    currency: str
    other_currency: str
    comparisons: tuple[Comparison, ...]
    actual: Charge
    other: Charge


@dataclass(slots=True)
class AskWhatIf:
    """The use case behind `metering whatif`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    clock: Clock

    async def ask(
        self,
        tenant: str,
        period: Period,
        *,
        models: Mapping[str, str],
        plan_id: str | None,
        rows: Sequence[NamedRow],
    ) -> Answer:
        """Return a period's usage as priced and under other terms.

        `models` maps each model to its replacement; `rows` are prices that override all published
        ones. Raises ConfigurationError for an unknown model or plan.
        """
        await self.tenancy.refresh()
        directory = self.tenancy.directory
        prices = self.tenancy.prices.with_version(rows) if rows else self.tenancy.prices
        swapped: dict[str, str] = {}
        for model, instead in models.items():
            for name in (model, instead):
                if not prices.knows(name):
                    raise ConfigurationError(
                        f"--map: the price book has no model {name!r}:"
                        f" {hint(name, prices.models(), 'prices list')}"
                    )
            swapped[prices.canonical(model) or model] = instead
        own, _, _ = directory.plan_of(tenant, period.start)
        plan = own if plan_id is None else self._plan(plan_id)
        alternative = Alternative(None if plan_id is None else plan, swapped)
        terms = TermsBook(directory, prices, alternative)
        what_if = WhatIf(terms.rate, self.clock.now())
        async for page in pages(self.ledgers, LedgerId(tenant, period.start)):
            what_if.add(page)
        actual, other = what_if.totals()
        return Answer(
            own.currency,
            plan.currency,
            tuple(what_if.comparisons()),
            charge(actual, own),
            charge(other, plan),
        )

    def _plan(self, plan_id: str) -> Plan:
        found = self.tenancy.directory.plan(plan_id, self.clock.now())
        if found is None:
            raise unknown("plan", plan_id, self.tenancy.directory.plan_ids(), "plans list")
        return found
