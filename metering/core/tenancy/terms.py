"""Terms: tenant, plan, period and prices of a subject, resolved for a span of time."""

from bisect import bisect_right
from collections.abc import Hashable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.calendars.periods import LedgerId, Period
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import PricingKey, Registered, WhyUnpriced, priced_of
from metering.core.prices.quote import why_unpriced
from metering.core.prices.rating import (
    Rate,
    RateCard,
    off_peak_of,
    outcome_card,
    rate_card,
    rate_usage,
)
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.naming import Naming
from metering.core.usage.buckets import INPUT_BUCKETS
from metering.core.usage.event import BUSINESS_OUTCOME, LLM_USAGE
from metering.core.usage.evidence import Evidence
from metering.core.usage.meters import is_router
from metering.core.usage.usage import Dimensions, Usage

_HELD: Final = Evidence.HELD
#: Most kinds of requests whose rates are cached.
_MAX_CARDS = 10_000
#: Most subjects whose terms are cached.
_MAX_SUBJECTS = 50_000


class Terms(NamedTuple):
    """The terms of a subject's requests in `[start, end)`; nothing dated changes inside."""

    start: Instant
    end: Instant
    plan: Plan
    ledger: LedgerId
    period: Period


class Alternative(NamedTuple):
    """Terms to rate under instead of those in force: for a what-if, never for an entry."""

    plan: Plan | None = None
    models: Mapping[str, str] = MappingProxyType({})
    """The model to price instead, by canonical name of the actual model."""
    pay_as_you_go: bool = False
    """Whether usage of provisioned units has the price of their scope, as what spills over has."""


class _KeptCard(NamedTuple):
    """The rates of requests of one kind in `[start, end)`.

    The dimensions are kept too, so that their identity stays unique.
    """

    card: RateCard
    start: Instant
    end: Instant
    dimensions: Dimensions


class RateCards:
    """Rate cards by what they follow from: requests alike share one, whoever sends them.

    Between two starts of prices a card follows from the plan, the pricing key and the off-peak
    multiplier alone.
    """

    def __init__(self, prices: PriceBook) -> None:
        self._prices = prices
        # What is compared by identity is kept too, so that its identity stays unique.
        self._kept: dict[tuple[Hashable, ...], tuple[RateCard, Plan, Registered | None]] = {}

    def of(self, plan: Plan, priced: PricingKey, at: Instant) -> RateCard:
        """Return the rates of such requests under `plan` at `at`."""
        known = priced.registered
        key = (
            id(plan),
            id(None if known is None else known.deployment),
            None if known is None else known.since,
            priced._replace(registered=None),
            off_peak_of(plan, at).multiplier,
            self.price_span(at),
        )
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _MAX_CARDS:
                self._kept.clear()
            found = self._kept[key] = rate_card(self._prices, plan, priced, at), plan, known
        return found[0]

    def price_span(self, at: Instant) -> tuple[Instant, Instant]:
        """Return the span around an instant in which no price begins."""
        starts = self._prices.starts
        position = bisect_right(starts, at)
        start = starts[position - 1] if position else BEGINNING
        return start, starts[position] if position < len(starts) else FOREVER


class TermsBook:
    """Resolves terms from one state of the directory and the price book, and caches them."""

    def __init__(
        self,
        directory: Directory,
        prices: PriceBook,
        instead: Alternative | None = None,
        cards: RateCards | None = None,
    ) -> None:
        """Share `cards`, which are of the same prices, with other books."""
        self._directory = directory
        self._prices = prices
        self._instead = instead or Alternative()
        self.cards = cards or RateCards(prices)
        self.naming = Naming(directory, prices)
        self._terms: dict[str, Terms] = {}
        # Keyed by the identity of the dimensions, which equal requests share.
        self._cards: dict[int, _KeptCard] = {}

    def terms(self, subject: str, at: Instant) -> Terms:
        """Return the terms of `subject` at an instant.

        Raises RejectedEvent `unknown_subscription` for a subject without a tenant.
        """
        terms = self.known(subject, at)
        if terms is None:
            terms = self._resolve(subject, at)
            if len(self._terms) >= _MAX_SUBJECTS:
                self._terms.clear()
            self._terms[subject] = terms
        return terms

    def known(self, subject: str, at: Instant) -> Terms | None:
        """Return the cached terms of `subject` at an instant; None if not resolved yet."""
        terms = self._terms.get(subject)
        return terms if terms is not None and terms.start <= at < terms.end else None

    def _resolve(self, subject: str, at: Instant) -> Terms:
        found = self._directory.assignment(subject, at)
        if found is None:
            reason = f"subject: no tenant pays for {subject!r} at that time"
            raise RejectedEvent(Code.UNKNOWN_SUBSCRIPTION, reason)
        period = self._directory.period_at(found.tenant, at)
        price_start, price_end = self.cards.price_span(at)
        peak = off_peak_of(self._instead.plan or found.plan, at)
        return Terms(
            max(found.start, period.start, price_start, peak.start),
            min(found.end, period.end, price_end, peak.end),
            self._instead.plan or found.plan,
            LedgerId(found.tenant, period.start),
            period,
        )

    def rate(self, usage: Usage, at: Instant) -> tuple[Rate, Amount | None]:
        """Return the rate and amount of a usage under the terms of its subject at an instant."""
        dimensions = usage.dimensions
        kept = self._cards.get(id(dimensions))
        if kept is not None and kept.start <= at < kept.end and usage.evidence is not _HELD:
            return rate_usage(kept.card, usage.buckets)
        return rate_usage(self._card(usage, at), usage.buckets)

    def _card(self, usage: Usage, at: Instant) -> RateCard:
        dimensions = usage.dimensions
        if dimensions.type == BUSINESS_OUTCOME:
            return outcome_card(dimensions.model)
        try:
            terms = self.terms(dimensions.subject, at)
        except RejectedEvent:
            # Better counts for an entry from just before the subject's first mapping.
            terms = self.terms(dimensions.subject, usage.time)
        if usage.evidence is _HELD:
            # The model of a stream is known only at its end; its hold is an estimate anyway.
            priced, _, _ = self._priced(dimensions, at, by_request=True)
            return self.cards.of(terms.plan, priced, at)
        priced, start, end = self._priced(dimensions, at)
        card = self.cards.of(terms.plan, priced, at)
        if len(self._cards) >= _MAX_CARDS:
            self._cards.clear()
        span = max(start, terms.start), min(end, terms.end)
        self._cards[id(dimensions)] = _KeptCard(card, *span, dimensions)
        return card

    def _priced(
        self, dimensions: Dimensions, at: Instant, *, by_request: bool = False
    ) -> tuple[PricingKey, Instant, Instant]:
        """Return what prices such requests, and the span in which the registry says so.

        `by_request`: for an estimate, the model that is asked for stands in for the one to serve.
        """
        named = self.naming.of(dimensions, at)
        model = named.model
        if by_request and named.rated is None:
            model = named.first or dimensions.requested_model
        priced = priced_of(dimensions._replace(model=model), named.registered)
        if self._instead.pay_as_you_go and priced.is_provisioned:
            priced = priced._replace(is_spilled=True)
        return self._swapped(priced), named.start, named.end

    def pricing_keys(self, of: Dimensions, at: Instant) -> list[PricingKey]:
        """Return the pricing keys of a request under the registry as it is and as it was.

        The present one, that of each version of its alias, and the one without any registration.
        """
        return [
            self._priced(of, at)[0],
            *(
                priced_of(of._replace(model=named.model), named.registered)
                for named in self.naming.ever(of, at)
            ),
            priced_of(of, None),
        ]

    def earlier_rates(self, usage: Usage, at: Instant) -> Iterator[Rate]:
        """Yield the rates of a usage under other versions of its alias than the one in force."""
        plan = self.terms(usage.dimensions.subject, at).plan
        for named in self.naming.ever(usage.dimensions, at):
            priced = priced_of(usage.dimensions._replace(model=named.model), named.registered)
            yield rate_usage(self.cards.of(plan, priced, at), usage.buckets)[0]

    def why_unpriced(self, usage: Usage, at: Instant) -> str:
        """Return in words why a usage has no price under today's terms for its time."""
        plan = self.terms(usage.dimensions.subject, at).plan
        priced, _, _ = self._priced(usage.dimensions, at)
        if priced.model is None and priced.not_understood is None:
            return self._why_unresolved(usage.dimensions, at)
        reason = why_unpriced(self._prices, plan, priced, at, usage.buckets)
        return reason or "it has a price now, which `metering prices rerate` applies"

    def _why_unresolved(self, of: Dimensions, at: Instant) -> str:
        """Return in words why the names of a request lead to no model."""
        code = WhyUnpriced.ALIAS_UNRESOLVED
        name = of.deployment or of.requested_model or of.model
        if name is None:
            return f"{code}: neither the request nor its response names a model"
        goals = self.naming.goals(of, at)
        if not goals:
            return f"{code}: no response, deployment or alias says which model {name!r} is"
        targets = ", ".join(one.target for one in goals)
        return f"{code}: no response says which target of {name!r} served it: {targets}"

    def is_routed(self, usage: Usage) -> bool:
        """Say whether a model router passed a request on, so that its fee is charged too."""
        of = usage.dimensions
        if of.type != LLM_USAGE or of.unit is not None or not any(usage.buckets[INPUT_BUCKETS]):
            return False
        if usage.evidence is _HELD:
            return False
        name = of.deployment or of.requested_model
        if name is None:
            return is_router(of.model)
        known, _, _ = self._directory.deployment(name, of.backend, usage.time)
        if known is not None:
            return is_router(of.model) or is_router(known.model)
        goals = self.naming.goals(of, usage.time)
        is_by_alias = bool(goals) and all(is_router(one.model) for one in goals)
        return is_router(of.model) or is_router(name) or is_by_alias

    def _swapped(self, priced: PricingKey) -> PricingKey:
        """Return what is priced with the model that is asked about in the place of its own."""
        if not self._instead.models or priced.model is None:
            return priced
        kept_as = self._prices.canonical(priced.model) or priced.model
        return priced._replace(model=self._instead.models.get(kept_as, priced.model))
