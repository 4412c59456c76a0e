"""The proof of entries against the terms: who pays for the subject, and what the price is.

An entry keeps the price of the day on which it was rated, and a later version of prices may have
another. So a rate holds if it is what today's terms give, or if it follows from a row that the
price versions have, of that model and place, under the plan of the entry's time.
"""

from collections.abc import Iterator

from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.ledger.names import without_name
from metering.core.ledger.rerating import as_usage
from metering.core.plans.plan import ONE, Plan
from metering.core.prices.price_book import NO_DEPLOYMENT, PriceBook, PriceRow
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import NO_UNITS, OF_THE_PLAN, PRIORITY, Rate, off_peak_of
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Assignment
from metering.core.tenancy.terms import RateCards, TermsBook
from metering.core.usage.buckets import BUCKETS
from metering.core.usage.event import OUTCOME

#: What rates name in the place of a price version: the plan itself, or registered capacity.
_PLAN = "plan:"
_CAPACITY = "deployments@"


class TermsProof:
    """Checks the entries of one ledger against the registry and the price versions."""

    def __init__(
        self,
        ledger: LedgerId,
        directory: Directory,
        prices: PriceBook,
        cards: RateCards | None = None,
    ) -> None:
        """Share `cards`, which are of the same prices, with proofs of other ledgers."""
        self._ledger = ledger
        self._directory = directory
        self._prices = prices
        self._book = TermsBook(directory, prices, cards=cards)
        self._assigned: dict[str, Assignment] = {}

    def wrong_with(self, entry: Entry) -> Iterator[str]:
        """Yield what is wrong with an entry; implements EntryCheck."""
        subject = entry.state.dimensions.subject
        found = self._assignment(subject, entry.time)
        if found is not None and found.tenant != self._ledger.tenant:
            yield f"tenant {found.tenant} pays for its subject {subject!r}"
        elif not self._directory.knows(subject):
            yield f"no tenant pays for its subject {subject!r}"
        elif entry.state.is_usage and not self._is_todays(entry):
            # Holds are estimates, and outcomes and withdrawals cost nothing.
            reason = self._wrong_with_rate(entry)
            if reason is not None:
                yield reason

    def _assignment(self, subject: str, at: Instant) -> Assignment | None:
        """Return the assignment of a subject; the last one while it lasts."""
        known = self._assigned.get(subject)
        if known is not None and known.start <= at < known.end:
            return known
        found = self._directory.assignment(subject, at)
        if found is not None:
            self._assigned[subject] = found
        return found

    def _is_todays(self, entry: Entry) -> bool:
        """Say whether today's terms give this rate: so it is with nearly every entry."""
        try:
            rate, _ = self._book.rate(as_usage(entry, entry.arrival), entry.time)
        except RejectedEvent:
            return False
        return entry.state.rate in (rate, without_name(rate))

    def _wrong_with_rate(self, entry: Entry) -> str | None:
        rate = entry.state.rate
        plan, _, _ = self._directory.plan_of(self._ledger.tenant, entry.time)
        if rate.version is None:
            wrong = rate.units != NO_UNITS or rate.row is not None
            return "it has unit prices and no price version" if wrong else None
        if rate.version == OUTCOME or rate.version.startswith(_CAPACITY):
            return f"its rate is not what {rate.version} gives"
        if rate.version == f"{_PLAN}{plan.id}":
            follows = rate.row == OF_THE_PLAN and _follows(rate, None, plan, entry)
            return None if follows else f"its unit prices are not those of plan {plan.id}"
        return self._wrong_with_row(entry, rate, plan)

    def _wrong_with_row(self, entry: Entry, rate: Rate, plan: Plan) -> str | None:
        named = f"row {rate.row!r} of price version {rate.version!r}"
        rows = self._prices.rows_named.get((rate.version or "", rate.row or ""), [])
        fitting = [row for row in rows if row.effective_from <= entry.time]
        if not fitting:
            return f"its rate names {named}, which no price version has at its time"
        if not any(self._is_for(row, entry, rate) for row in fitting):
            return f"its rate names {named}, which is for other requests"
        if not any(
            _follows(rate, row, plan, entry) for row in fitting if row.currency == plan.currency
        ):
            return f"its unit prices are not those of {named} under plan {plan.id}"
        return None

    def _is_for(self, row: PriceRow, entry: Entry, rate: Rate) -> bool:
        """Say whether a row prices requests like this one.

        A deployment may have been registered after the request was rated.
        """
        if (row.model, row.unit, row.channel) != (rate.model, rate.unit, rate.channel):
            return False
        keys = self._book.pricing_keys(entry.state.dimensions, entry.time)
        return any(self._fits(row, key) for key in keys)

    def _fits(self, row: PriceRow, key: PricingKey) -> bool:
        place = key.place
        # Long prompts of a deployment with priority processing are charged as standard.
        tiers = {place.service_tier, "standard" if place.service_tier == PRIORITY else None}
        return (
            key.model is not None
            and row.model == self._prices.canonical(key.model)
            and row.unit == place.unit
            and row.deployment_type in {place.deployment_type, NO_DEPLOYMENT}
            and row.service_tier in tiers
            and row.region in {place.region, None}
        )


def _follows(rate: Rate, row: PriceRow | None, plan: Plan, entry: Entry) -> bool:
    """Say whether a rate has the unit prices that a row gives under a plan."""
    off_peak = off_peak_of(plan, entry.time).multiplier
    listed = (None,) * len(BUCKETS) if row is None else row.prices
    units = tuple(
        plan.unit_price(rate.model, bucket, price, off_peak)
        for bucket, price in zip(BUCKETS, listed, strict=True)
    )
    return rate.units == units and rate.multiplier == plan.multiplier * off_peak // ONE
