"""Price a tenant's real usage under another model, plan or price list, without writing anything."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrued import Accrued
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import format_instant
from metering.core.basics.money import Amount, format_read
from metering.core.basics.suggestions import hint, unknown
from metering.core.billing.charge import Charge, charge
from metering.core.billing.what_if import Comparison, WhatIf
from metering.core.calendars.periods import LedgerId, Period
from metering.core.calendars.windows import Window
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
    accrued: Accrued
    """The tenant's share of deployments paid by the hour in the period, beside the charge."""
    share: Amount
    other_share: Amount
    """The share under the other terms: without provisioned units, if these are pay-as-you-go."""
    left_out: tuple[str, ...]
    """Costs that the comparison does not know or count, in words."""


@dataclass(slots=True)
class AskWhatIf:
    """The use case behind `metering whatif`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    clock: Clock
    accruals: Accruals

    async def ask(
        self,
        tenant: str,
        period: Period,
        *,
        models: Mapping[str, str],
        plan_id: str | None,
        rows: Sequence[NamedRow],
        pay_as_you_go: bool = False,
    ) -> Answer:
        """Return a period's usage as priced and under other terms.

        `models` maps each model to its replacement; `rows` are prices that override all published
        ones. `pay_as_you_go` prices usage of provisioned units by the token. Raises
        ConfigurationError for an unknown model or plan.
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
        alternative = Alternative(None if plan_id is None else plan, swapped, pay_as_you_go)
        terms = TermsBook(directory, prices, alternative)
        what_if = WhatIf(terms.rate, self.clock.now())
        async for page in pages(self.ledgers, LedgerId(tenant, period.start)):
            what_if.add(page)
        actual, other = what_if.totals()
        accrued = await self.accruals.in_period(tenant, period)
        window = Window(period.start, period.end)
        provisioned = self._units() if pay_as_you_go else set()
        stays = [one for one in accrued.billable if one.deployment.casefold() not in provisioned]
        is_same = plan.currency == own.currency
        return Answer(
            own.currency,
            plan.currency,
            tuple(what_if.comparisons()),
            charge(actual, own),
            charge(other, plan),
            accrued,
            accrued.within(window),
            sum(one.within(window) for one in stays) if is_same else 0,
            tuple(_left_out(accrued, provisioned, is_same=is_same)),
        )

    def _units(self) -> set[str]:
        """Return the deployments with provisioned units, in lower case; hosted ones have none."""
        return {
            one.place
            for one in self.tenancy.directory.capacities()
            if any(version and version.provisioned for version in one.records.values())
        }

    def _plan(self, plan_id: str) -> Plan:
        found = self.tenancy.directory.plan(plan_id, self.clock.now())
        if found is None:
            raise unknown("plan", plan_id, self.tenancy.directory.plan_ids(), "plans list")
        return found


def _left_out(accrued: Accrued, provisioned: set[str], *, is_same: bool) -> Iterator[str]:
    """Yield in words what a comparison leaves out."""
    if accrued.at is not None:
        yield f"hours and usage of provisioned capacity after {format_instant(accrued.at)}"
    if not accrued.is_complete:
        yield "usage of provisioned capacity that cannot be read at present"
    if accrued.unknown:
        yield f"deployments whose hours were not worked out yet: {', '.join(accrued.unknown)}"
    for one in accrued.shares:
        if one not in accrued.billable:
            amount = format_read(one.amount, one.currency)
            yield f"{amount} {one.currency} for {one.deployment}: the plan is in another currency"
    if accrued.billable and not is_same:
        yield "the share of provisioned capacity: the other plan is in another currency"
    if not provisioned:
        return
    for one in accrued.billable:
        if one.deployment.casefold() in provisioned and one.cost > one.amount:
            rest = format_read(one.cost - one.amount, one.currency)
            yield f"{rest} {one.currency} for {one.deployment} that other tenants or nobody pays"
    yield "reservations and discounts beyond the recorded price of an hour"
    yield "rate limits of pay-as-you-go deployments: every request is priced as if it was served"
