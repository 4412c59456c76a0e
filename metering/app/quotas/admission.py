"""Admission: verdicts for the requests of a subscription, by model, in one document."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.credit.credits import Credits
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import MINUTE, SECOND, Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.counts import Counts
from metering.core.ledger.head import Head
from metering.core.plans.named_models import steps
from metering.core.plans.scope import UNKNOWN, Attributes
from metering.core.prices.price_book import PriceBook
from metering.core.quotas.admission import Admitted, admit
from metering.core.quotas.facts import ALL_PAID, Facts, UnknownDeployments, Unpaid
from metering.core.quotas.ladder import NO_LADDER, Ladder, ladder_of
from metering.core.quotas.stopped import stopped
from metering.core.tenancy.record import Assignment
from metering.ports import Clock, LedgerStore, Telemetry

#: How long this process answers from its cache: commits take effect that much later.
MEMORY: Final[Instant] = SECOND
#: How long the order of models by price is kept: prices start to hold at times of their own.
LADDER_MEMORY: Final[Instant] = 5 * MINUTE
#: Most subscriptions cached.
_MAX_REMEMBERED: Final = 10_000


class _KeptLadder(NamedTuple):
    """A ladder of one state of the price book, until the next start of a price may have come."""

    prices: PriceBook
    since: Instant
    until: Instant
    ladder: Ladder


class _Remembered(NamedTuple):
    answer: Admitted
    since: Instant


@dataclass(slots=True, kw_only=True)
class Admission:
    """The use case behind `GET /api/admission/{subscription}` and `metering admission`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    credit: Credits
    accruals: Accruals
    before: LedgersBefore
    clock: Clock
    unknown_deployments: UnknownDeployments = UnknownDeployments.BY_PLAN
    _remembered: OrderedDict[tuple[str, Attributes], _Remembered] = field(
        init=False, default_factory=OrderedDict
    )
    _ladders: dict[str, _KeptLadder] = field(init=False, default_factory=dict)

    async def of(self, subscription: str, about: Attributes = UNKNOWN) -> Admitted:
        """Return the verdicts for a subscription as of now, cached for a second at most.

        `about`: known attributes of the requests; its model and subscription are ignored.

        Raises RejectedEvent `unknown_subscription` if no tenant pays for it. Raises RetryableError
        if the store is unavailable; the gateway's own setting decides then.
        """
        now = self.clock.now()
        key = subscription, about._replace(model=None)
        known = self._remembered.get(key)
        # An answer from the future is stale too: the clock has been set back.
        if known is not None and known.since <= now < known.since + MEMORY:
            return known.answer
        answer = await self._look(subscription, about, now)
        self._remembered[key] = _Remembered(answer, now)
        self._remembered.move_to_end(key)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
        return answer

    async def _look(self, subscription: str, about: Attributes, now: Instant) -> Admitted:
        await self.tenancy.refresh_if_due()
        found = self.tenancy.directory.assignment(subscription, now)
        if found is None:
            raise RejectedEvent(
                Code.UNKNOWN_SUBSCRIPTION, f"no tenant pays for {subscription!r} now"
            )
        stop = self.tenancy.directory.stops.of(found.tenant, subscription)
        if stop is not None:
            # Nothing else is read: a stop holds whatever state the ledger is in.
            return stopped(subscription, found.tenant, now, stop.reason)
        period = self.tenancy.directory.period_at(found.tenant, now)
        ledger = LedgerId(found.tenant, period.start)
        stored = await self.ledgers.read_head(ledger)
        head = Head(ledger) if stored is None else stored.head
        counts = await self.before.counts(head, self.tenancy.limits(found.tenant, now), now)
        return admit(
            subscription,
            found,
            counts,
            now=now,
            period=period,
            facts=Facts(
                frozenset(self._known(found)),
                self._deployments(now),
                self._learnt(counts),
                self.unknown_deployments,
                self._ladder(found, now),
                await self._unpaid(found),
                await self.accruals.for_quotas(found.tenant, counts.limits.quotas, period),
            ),
            about=about,
        )

    async def _unpaid(self, found: Assignment) -> Unpaid:
        """Return the models for which a prepaid tenant has no credit left.

        A grant for one channel pays for models of that channel only.
        """
        if found.plan.billing != "prepaid":
            return ALL_PAID
        left = (await self.credit.of(found.tenant)).by_channel
        models = frozenset(
            row.model
            for row in self.tenancy.prices.rows.values()
            if left.get(row.channel, left.get(None, 0)) <= 0
        )
        return Unpaid(max(left.values(), default=0) <= 0, models)

    def _known(self, found: Assignment) -> Iterator[str]:
        """Yield the models with a price, if it matters which these are."""
        plan, prices = found.plan, self.tenancy.prices
        is_allow = self.unknown_deployments is UnknownDeployments.ALLOW
        if plan.unpriced == "block" or (is_allow and plan.allowed_models is not None):
            yield from (row.model for row in prices.rows.values())
            yield from (override.model for override in plan.overrides if override.model)

    def _learnt(self, counts: Counts) -> dict[str, str]:
        """Return the models that deployments turned out to serve, under their canonical names."""
        prices, past = self.tenancy.prices, counts.past
        served = {} if past is None else past.served
        return {name: prices.canonical(model) or model for name, model in served.items()}

    def _ladder(self, found: Assignment, now: Instant) -> Ladder:
        """Return what is known of the models that a plan may send requests down to."""
        if not any(steps(found.plan)):
            return NO_LADDER
        prices = self.tenancy.prices
        known = self._ladders.get(found.plan.currency)
        if known is None or known.prices is not prices or not known.since <= now < known.until:
            ladder = ladder_of(prices, found.plan.currency, now)
            known = _KeptLadder(prices, now, now + LADDER_MEMORY, ladder)
            self._ladders[found.plan.currency] = known
        return known.ladder

    def _deployments(self, now: Instant) -> dict[str, str]:
        """Return the model of every registered deployment, under its canonical name."""
        prices = self.tenancy.prices
        return {
            one.name: prices.canonical(one.model) or one.model
            for one in self.tenancy.directory.deployments(now)
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedAdmission:
    """The use case `Admission` with metrics."""

    admission: Admission
    telemetry: Telemetry

    async def of(self, subscription: str, about: Attributes = UNKNOWN) -> Admitted:
        """Return the verdicts for a subscription, with the errors of `Admission.of`."""
        began = perf_counter()
        verdict = "unavailable"
        try:
            found = await self.admission.of(subscription, about)
            verdict = found.of(about.model).verdict
        except RejectedEvent:
            verdict = "unknown"
            raise
        else:
            return found
        finally:
            self.telemetry.add("metering.admission.verdicts", 1, {"verdict": str(verdict)})
            taken = (perf_counter() - began) * 1_000
            self.telemetry.record("metering.admission.latency_ms", taken)
