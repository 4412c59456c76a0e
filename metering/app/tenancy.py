"""Who pays: the registry read up to date, changed by append only, and resolved into terms."""

from collections.abc import Callable
from typing import Final

from metering.core.directory import BEGINNING, Directory, Record, soonest
from metering.core.errors import Code, ConfigurationError, RejectedEvent, RetryableError
from metering.core.instants import Instant
from metering.core.plan import Plan
from metering.core.price_book import PriceBook
from metering.core.tenants_file import TenantsFile
from metering.core.terms import Terms, TermsBook
from metering.ports import Clock, RegistryStore

#: Appends lost in a row to other writers before it is called a fault.
_MAX_RACES: Final = 20


class Tenancy:
    """The directory of one process. `refresh` before a batch makes it as new as the store."""

    def __init__(
        self,
        registry: RegistryStore,
        prices: PriceBook,
        clock: Clock,
        *,
        automatic: bool,
        file: TenantsFile | None = None,
    ) -> None:
        """`automatic`: an unknown subject gets a tenant of its own on the default plan.

        `file`: taken over before anything else is answered.
        """
        self._registry = registry
        self._prices = prices
        self._clock = clock
        self._automatic = automatic
        self._file = file
        self.directory = Directory()
        self.terms_book = TermsBook(self.directory, prices)

    async def refresh(self) -> None:
        """Take over what was recorded since."""
        records = await self._registry.read_records(self.directory.version)
        if records:
            self._apply(*records)
        if self._file is not None:
            file, self._file = self._file, None
            await self.take_over(file, changes=False)

    async def take_over(self, file: TenantsFile, *, changes: bool = True) -> None:
        """Record what a tenants file says beyond what already holds. Safe to repeat.

        Without `changes` it only adds: what was decided since the file was written stays.
        """
        known = set(self.directory.tenants())
        for plan in file.plans:
            if changes or self.directory.plan(plan.id, soonest(self._clock.now())) is None:
                await self.define_plan(plan, None)
        for tenant in file.tenants:
            if changes or tenant.id not in known:
                await self.assign_plan(tenant.id, tenant.plan, None)
            for subscription in tenant.subscriptions:
                if changes or not self.directory.knows(subscription):
                    await self.map_subject(subscription, tenant.id, None)

    def _apply(self, *records: Record) -> None:
        self.directory.apply(records)
        self.terms_book = TermsBook(self.directory, self._prices)

    async def terms(self, subject: str, at: Instant) -> Terms:
        """Return the terms of a subject, known or made known; RejectedEvent if it stays unknown."""
        try:
            return self.terms_book.terms(subject, at)
        except RejectedEvent as rejected:
            if not self._automatic or rejected.code is not Code.UNKNOWN_SUBSCRIPTION:
                raise
        await self._record(lambda: self._first_mapping(subject))
        return self.terms_book.terms(subject, at)

    def _first_mapping(self, subject: str) -> Record | None:
        if self.directory.knows(subject):
            return None
        tenant = self.directory.automatic_tenant(subject)
        return self.directory.map_subject(subject, tenant, self._clock.now(), BEGINNING)

    async def map_subject(self, subject: str, tenant: str, effective: Instant | None) -> None:
        """Make `tenant` pay for `subject` from an instant on.

        Without one: from the beginning for a new subject; for a known one as soon as no event of a
        later time can have been accepted. Saying what already holds records nothing.
        """

        def decide() -> Record | None:
            now = self._clock.now()
            start = effective if effective is not None else self._start(subject, now)
            found = self.directory.assignment(subject, start)
            if found is not None and found.tenant == tenant:
                return None
            return self.directory.map_subject(subject, tenant, now, start)

        await self._record(decide)

    def _start(self, subject: str, now: Instant) -> Instant:
        return soonest(now) if self.directory.knows(subject) else BEGINNING

    async def assign_plan(self, tenant: str, plan_id: str, effective: Instant | None) -> None:
        """Put a tenant on a plan: a new one from the beginning, another as soon as it may be."""

        def decide() -> Record | None:
            now = self._clock.now()
            new = tenant not in self.directory.tenants()
            start = effective if effective is not None else (BEGINNING if new else soonest(now))
            if not new and self.directory.plan_of(tenant, start)[0].id == plan_id:
                return None
            return self.directory.assign_plan(tenant, plan_id, now, start)

        await self._record(decide)

    async def define_plan(self, plan: Plan, effective: Instant | None) -> None:
        """Put a version of a plan in force; the same content again records nothing."""

        def decide() -> Record | None:
            now = self._clock.now()
            known = self.directory.plan(plan.id, effective or soonest(now))
            if known == plan:
                return None
            start = effective if effective is not None else (soonest(now) if known else BEGINNING)
            self._refuse_unknown(plan)
            return self.directory.define_plan(plan, now, start)

        await self._record(decide)

    def _refuse_unknown(self, plan: Plan) -> None:
        """Refuse a plan about what the price book has never heard of: a name mistyped."""
        if plan.currency not in self._prices.currencies:
            raise ConfigurationError(
                f"plan {plan.id!r}: currency: the price book has no prices in {plan.currency}"
            )
        for place, model in plan.named_models():
            if not self._prices.knows(model):
                raise ConfigurationError(
                    f"plan {plan.id!r}: {place}: the price book knows no model {model!r}"
                )

    async def _record(self, decide: Callable[[], Record | None]) -> Record | None:
        """Append what `decide` makes of the present state; decide anew when that has moved on."""
        for _ in range(_MAX_RACES):
            await self.refresh()
            record = decide()
            if record is None:
                return None
            if await self._registry.append_record(record, self.directory.version):
                self._apply(record)
                return record
        raise RetryableError("registry: too many others are changing it at the same time")
