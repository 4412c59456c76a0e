"""Terms: everything dated about a subject (tenant, plan, period, prices), resolved for a span."""

from bisect import bisect_right
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.calendars.periods import LedgerId, Period
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import Priced, Registered, priced_of
from metering.core.prices.rating import (
    Rate,
    RateCard,
    off_peak_of,
    outcome_card,
    rate_card,
    rate_usage,
)
from metering.core.tenancy.directory import Directory
from metering.core.usage.event import BUSINESS_OUTCOME
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Dimensions, Usage

_HELD: Final = Evidence.HELD
#: Kinds of requests whose rates are kept in memory.
_MAX_CARDS = 10_000
#: Subjects whose terms are kept in memory.
_MAX_SUBJECTS = 50_000


class Terms(NamedTuple):
    """What holds for a subject's requests of `[start, end)`; nothing dated changes inside."""

    start: Instant
    end: Instant
    plan: Plan
    ledger: LedgerId
    period: Period


class Alternative(NamedTuple):
    """What to rate under instead of what holds: for a question, never for an entry."""

    plan: Plan | None = None
    models: Mapping[str, str] = MappingProxyType({})
    """The model to price instead, by the name under which entries of a model are kept."""


class _KeptCard(NamedTuple):
    """The rates of requests of one kind in `[start, end)`.

    With their dimensions, so that the identity of those belongs to nobody else.
    """

    card: RateCard
    start: Instant
    end: Instant
    dimensions: Dimensions


class TermsBook:
    """Resolves terms from one state of the directory and the price book, and remembers them."""

    def __init__(
        self, directory: Directory, prices: PriceBook, instead: Alternative | None = None
    ) -> None:
        self._directory = directory
        self._prices = prices
        self._instead = instead or Alternative()
        self._terms: dict[str, Terms] = {}
        # By the identity of the dimensions, which equal requests share.
        self._cards: dict[int, _KeptCard] = {}

    def terms(self, subject: str, at: Instant) -> Terms:
        """Return the terms of `subject` at an instant.

        Raises RejectedEvent `unknown_subscription` for a subject that nobody pays for.
        """
        terms = self.known(subject, at)
        if terms is None:
            terms = self._resolve(subject, at)
            if len(self._terms) >= _MAX_SUBJECTS:
                self._terms.clear()
            self._terms[subject] = terms
        return terms

    def known(self, subject: str, at: Instant) -> Terms | None:
        """Return the terms of `subject` at an instant if they were resolved before."""
        terms = self._terms.get(subject)
        return terms if terms is not None and terms.start <= at < terms.end else None

    def _resolve(self, subject: str, at: Instant) -> Terms:
        found = self._directory.assignment(subject, at)
        if found is None:
            reason = f"subject: no tenant pays for {subject!r} at that time"
            raise RejectedEvent(Code.UNKNOWN_SUBSCRIPTION, reason)
        period = self._directory.period_at(found.tenant, at)
        price_start, price_end = self._price_span(at)
        peak = off_peak_of(self._instead.plan or found.plan, at)
        return Terms(
            max(found.start, period.start, price_start, peak.start),
            min(found.end, period.end, price_end, peak.end),
            self._instead.plan or found.plan,
            LedgerId(found.tenant, period.start),
            period,
        )

    def _price_span(self, at: Instant) -> tuple[Instant, Instant]:
        starts = self._prices.starts
        position = bisect_right(starts, at)
        start = starts[position - 1] if position else BEGINNING
        return start, starts[position] if position < len(starts) else FOREVER

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
            # Better counts for an entry of minutes before the subject's first mapping.
            terms = self.terms(dimensions.subject, usage.time)
        if usage.evidence is _HELD:
            # Which model serves a stream is known only at its end; its hold is an estimate anyway.
            priced, _, _ = self._priced(dimensions, at, by_request=True)
            return rate_card(self._prices, terms.plan, priced, at)
        priced, start, end = self._priced(dimensions, at)
        card = rate_card(self._prices, terms.plan, priced, at)
        if len(self._cards) >= _MAX_CARDS:
            self._cards.clear()
        span = max(start, terms.start), min(end, terms.end)
        self._cards[id(dimensions)] = _KeptCard(card, *span, dimensions)
        return card

    def _priced(
        self, dimensions: Dimensions, at: Instant, *, by_request: bool = False
    ) -> tuple[Priced, Instant, Instant]:
        """Return what prices such requests, and the span in which the registry says so."""
        name = dimensions.deployment
        if name is None and dimensions.model is None:
            # On /openai/v1 the deployment travels as the model asked for.
            name = dimensions.requested_model
        registered, start, end = None, BEGINNING, FOREVER
        if name is not None:
            known, start, end = self._directory.deployment(name, dimensions.backend, at)
            registered = None if known is None else Registered(known, start)
        priced = priced_of(dimensions, registered, by_request=by_request)
        return self._swapped(priced), start, end

    def _swapped(self, priced: Priced) -> Priced:
        """Return what is priced with the model that is asked about in the place of its own."""
        if not self._instead.models or priced.model is None:
            return priced
        kept_as = self._prices.canonical(priced.model) or priced.model
        return priced._replace(model=self._instead.models.get(kept_as, priced.model))
