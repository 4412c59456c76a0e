"""Who pays what: the registry and the published prices read up to date, resolved into terms."""

import hashlib
from collections.abc import Callable, Iterable
from functools import cached_property, reduce
from typing import Final

from metering.core.basics.errors import (
    Code,
    ConfigurationError,
    InvariantBroken,
    RejectedEvent,
    RetryableError,
)
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId
from metering.core.credit.adjustment import Adjustment
from metering.core.credit.grant import Grant, Revocation
from metering.core.deployments.deployment import Deployment
from metering.core.ledger.counts import Limits
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import NamedRow, PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.quotas.admission import refuse_impossible
from metering.core.tenancy.adjustment_records import AdjustmentOffer, adjustment_record
from metering.core.tenancy.directory import BEGINNING, Directory, Record, soonest
from metering.core.tenancy.grant_records import GrantOffer, grant_record, revocation_record
from metering.core.tenancy.members import NOBODY, check_member
from metering.core.tenancy.tenants_file import TenantsFile
from metering.core.tenancy.terms import Terms, TermsBook
from metering.ports import Clock, PriceStore, RegistryStore

#: Appends lost in a row to other writers before it is called a fault.
_MAX_RACES: Final = 20


class Tenancy:
    """The directory of one process. `refresh` before a batch makes it as new as the store."""

    def __init__(
        self,
        registry: RegistryStore,
        price_store: PriceStore,
        clock: Clock,
        *,
        committed: Iterable[NamedRow],
        automatic: bool,
        file: TenantsFile | None = None,
    ) -> None:
        """Take `committed`: the prices that come with the package, below all that are published.

        They are read when a price is first asked for: most commands ask for none.

        `automatic`: an unknown subject gets a tenant of its own on the default plan.

        `file`: taken over before anything else is answered.
        """
        self._registry = registry
        self._price_store = price_store
        self._committed = committed
        self._clock = clock
        self._automatic = automatic
        self._file = file
        self.directory = Directory()

    @cached_property
    def prices(self) -> PriceBook:
        """The prices in force: those of the package, and the versions published above them."""
        return PriceBook(self._committed)

    @cached_property
    def terms_book(self) -> TermsBook:
        """The terms of every subject, as of the last `refresh`."""
        return TermsBook(self.directory, self.prices)

    async def refresh(self) -> None:
        """Take over what was recorded since."""
        records = await self._registry.read_records(self.directory.version)
        if records:
            await self._apply(*records)
        if self._file is not None:
            file, self._file = self._file, None
            await self.take_over(file, changes=False)

    async def take_over(self, file: TenantsFile, *, changes: bool = True) -> None:
        """Record what a tenants file says beyond what already holds. Safe to repeat.

        Without `changes` it only adds: what was decided since the file was written stays.
        """
        paying = {one.id for one in file.tenants if self.directory.is_paying(one.id)}
        for plan in file.plans:
            if changes or self.directory.plan(plan.id, soonest(self._clock.now())) is None:
                await self.define_plan(plan, None)
        for tenant in file.tenants:
            if changes or tenant.id not in paying:
                # Before anything else: then it is a new tenant's, and may reach back.
                if tenant.calendar is not None:
                    await self.set_calendar(tenant.id, tenant.calendar, None)
                await self.assign_plan(tenant.id, tenant.plan, None)
            for subscription in tenant.subscriptions:
                if changes or not self.directory.knows(subscription):
                    await self.map_subject(subscription, tenant.id, None)
        for deployment in file.deployments:
            name, account = deployment.name, deployment.account
            if changes or not self.directory.knows_deployment(name, account):
                await self.define_deployment(deployment, None)

    async def _apply(self, *records: Record) -> None:
        """Take records over with the prices that they publish: all of it, or nothing."""
        published = [await self._published(one) for one in records if one.kind == "prices"]
        if published:
            self.prices = reduce(PriceBook.with_version, published, self.prices)
        self.directory.apply(records)
        # Resolved again from the new state when it is next asked for.
        self.__dict__.pop("terms_book", None)

    async def _published(self, record: Record) -> list[NamedRow]:
        content = await self._price_store.read_version(record.key)
        if content is None:
            raise RetryableError(f"prices {record.key}: are announced and not there yet")
        if hashlib.sha256(content).hexdigest() != record.value:
            raise InvariantBroken(f"prices {record.key}: are not as they were published")
        return read_price_file(f"prices {record.key}", content)

    async def publish_prices(self, version: str, content: bytes) -> None:
        """Put a version of prices above all earlier ones, for every process of the store.

        The content is kept first and announced after, so that whoever reads the announcement finds
        it. Safe to repeat. ConfigurationError for a name that has other content already.
        """
        rows = read_price_file(f"prices {version}", content)
        if any(row.version == version for row in self.prices.rows.values()):
            if self.has_published(version, content):
                return
            raise ConfigurationError(
                f"prices {version}: a version of this name is in force: it is never edited, publish"
                " under another name"
            )
        if not await self._price_store.put_version(version, content):
            raise ConfigurationError(
                f"prices {version}: another content was stored under this name: publish under"
                " another one"
            )
        digest = hashlib.sha256(content).hexdigest()

        def decide() -> Record | None:
            if self.has_published(version, content):
                return None
            # What cannot be taken over must not be announced: it would stop every process.
            self.prices.with_version(rows)
            now = self._clock.now()
            return Record("prices", version, digest, now, now)

        await self._record(decide)

    def limits_of(self, ledger: LedgerId, at: Instant) -> Limits | None:
        """Return the limits that hold for a ledger; None unless its period is the present one."""
        is_present = self.directory.period_at(ledger.tenant, at).start == ledger.start
        return self.limits(ledger.tenant, at) if is_present else None

    def limits(self, tenant: str, at: Instant) -> Limits:
        """Return the limits that hold for a tenant at an instant."""
        plan, _, _ = self.directory.plan_of(tenant, at)
        end = self.directory.period_at(tenant, at).end if plan.quotas else 0
        return Limits(plan.time_zone, plan.quotas, plan.spike, end)

    def has_published(self, version: str, content: bytes) -> bool:
        """Say whether just this content was published as this version."""
        digest = hashlib.sha256(content).hexdigest()
        return any(
            (record.key, record.value) == (version, digest)
            for record in self.directory.price_versions
        )

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

    async def map_subject(
        self, subject: str, tenant: str, effective: Instant | None, *, expected: int | None = None
    ) -> None:
        """Make `tenant` pay for `subject` from an instant on.

        Without one: from the beginning for a new subject; for a known one as soon as no event of a
        later time can have been accepted. Saying what already holds records nothing.

        `expected`, here and below: StaleRevisionError, and nothing is recorded, unless this is the
        revision of what is changed (Directory.revision).
        """

        def decide() -> Record | None:
            self.directory.must_be("subject", subject, expected)
            now = self._clock.now()
            start = effective if effective is not None else self._start(subject, now)
            found = self.directory.assignment(subject, start)
            if found is not None and found.tenant == tenant:
                return None
            return self.directory.map_subject(subject, tenant, now, start)

        await self._record(decide)

    def _start(self, subject: str, now: Instant) -> Instant:
        return soonest(now) if self.directory.knows(subject) else BEGINNING

    async def assign_plan(
        self, tenant: str, plan_id: str, effective: Instant | None, *, expected: int | None = None
    ) -> None:
        """Put a tenant on a plan: a new one from the beginning, another as soon as it may be."""

        def decide() -> Record | None:
            self.directory.must_be("tenant_plan", tenant, expected)
            now = self._clock.now()
            new = self.directory.may_reach_back(tenant, now)
            start = effective if effective is not None else (BEGINNING if new else soonest(now))
            if not new and self.directory.plan_of(tenant, start)[0].id == plan_id:
                return None
            return self.directory.assign_plan(tenant, plan_id, now, start)

        await self._record(decide)

    async def set_calendar(
        self, tenant: str, calendar: Calendar, effective: Instant | None
    ) -> Instant:
        """Give a tenant a calendar and return from when on it has it.

        Without an instant: a new tenant from the beginning, another from its next period that may
        still change. Saying what already holds records nothing.
        """
        started: list[Instant] = []

        def decide() -> Record | None:
            now = self._clock.now()
            start = self._calendar_start(tenant, now) if effective is None else effective
            known, since, _ = self.directory.calendar_of(tenant, start)
            if known == calendar:
                started[:] = [since]
                return None
            started[:] = [start]
            return self.directory.set_calendar(tenant, calendar, now, start)

        await self._record(decide)
        return started[0]

    def _calendar_start(self, tenant: str, now: Instant) -> Instant:
        if self.directory.may_reach_back(tenant, now):
            return BEGINNING
        period = self.directory.period_at(tenant, soonest(now))
        return period.start if period.start == soonest(now) else period.end

    async def define_plan(
        self, plan: Plan, effective: Instant | None, *, expected: int | None = None
    ) -> None:
        """Put a version of a plan in force; the same content again records nothing."""

        def decide() -> Record | None:
            self.directory.must_be("plan", plan.id, expected)
            now = self._clock.now()
            known = self.directory.plan(plan.id, effective or soonest(now))
            if known == plan:
                return None
            start = effective if effective is not None else (soonest(now) if known else BEGINNING)
            self._refuse_unknown(plan)
            return self.directory.define_plan(plan, now, start)

        await self._record(decide)

    async def define_deployment(
        self, deployment: Deployment, effective: Instant | None, *, expected: int | None = None
    ) -> bool:
        """Say what a deployment is from an instant on, and return whether that was news.

        Without one: from the beginning where nothing was known of it, else as soon as it may be.
        """

        def decide() -> Record | None:
            self.directory.must_be("deployment", deployment.key, expected)
            now = self._clock.now()
            name, account = deployment.name, deployment.account
            known = self.directory.knows_deployment(name, account)
            start = effective if effective is not None else (soonest(now) if known else BEGINNING)
            if self.directory.deployment(name, account, start)[0] == deployment:
                return None
            return self.directory.define_deployment(deployment, now, start)

        return await self._record(decide) is not None

    async def set_member(
        self, member: str, tenant: str | None, *, expected: int | None = None
    ) -> None:
        """Let a person or an app read `tenant` from now on; None: nothing any more.

        ConfigurationError for a tenant that there is not. What already holds records nothing.
        """
        check_member(member)

        def decide() -> Record | None:
            self.directory.must_be("member", member, expected)
            now = self._clock.now()
            if self.directory.members.tenant_of(member, now) == tenant:
                return None
            if tenant is not None and tenant not in self.directory.tenants():
                raise ConfigurationError(
                    f"tenant {tenant!r}: there is none: see `metering tenants list`"
                )
            return Record("member", member, tenant or NOBODY, now, now)

        await self._record(decide)

    async def add_grant(self, offer: GrantOffer) -> tuple[Grant, bool]:
        """Give a tenant credit; return the grant and whether it is news.

        Safe to repeat with an id; other content under it is refused. A tenant that there is not
        may get it only where its first event makes it one.
        """
        made: list[Grant] = []

        def decide() -> Record | None:
            if not self._automatic and self.directory.since(offer.tenant) is None:
                raise ConfigurationError(
                    f"tenant {offer.tenant!r}: there is none: see `metering tenants list`"
                )
            grant, record = grant_record(self.directory, offer, self._clock.now())
            made[:] = [grant]
            return record

        is_news = await self._record(decide) is not None
        return made[0], is_news

    async def adjust(self, offer: AdjustmentOffer) -> tuple[Adjustment, bool]:
        """Make an adjustment and return it, and whether it is new. With an id safe to repeat.

        ConfigurationError for a tenant that there is not, and for another content under its id.
        """
        made: list[Adjustment] = []

        def decide() -> Record | None:
            if self.directory.since(offer.tenant) is None:
                raise ConfigurationError(
                    f"tenant {offer.tenant!r}: there is none: see `metering tenants list`"
                )
            adjustment, record = adjustment_record(self.directory, offer, self._clock.now())
            made[:] = [adjustment]
            return record

        is_news = await self._record(decide) is not None
        return made[0], is_news

    async def revoke_grant(self, tenant: str, revocation: Revocation) -> Grant:
        """End a grant as soon as may be and return it; once it is revoked nothing changes."""
        await self._record(
            lambda: revocation_record(self.directory, tenant, revocation, self._clock.now())
        )
        return next(one for one in self.directory.grants(tenant) if one.id == revocation.id)

    def _refuse_unknown(self, plan: Plan) -> None:
        """Refuse a plan about what the price book has never heard of: a name mistyped."""
        if plan.currency not in self.prices.currencies:
            raise ConfigurationError(
                f"plan {plan.id!r}: currency: the price book has no prices in {plan.currency}"
            )
        for place, model in plan.named_models():
            kept_as = self.prices.canonical(model)
            if kept_as is None:
                raise ConfigurationError(
                    f"plan {plan.id!r}: {place}: the price book knows no model {model!r}"
                )
            if kept_as != model:
                raise ConfigurationError(
                    f"plan {plan.id!r}: {place}: {model!r} is kept as {kept_as!r}: name that"
                )
        refuse_impossible(plan, self.prices.providers)

    async def _record(self, decide: Callable[[], Record | None]) -> Record | None:
        """Append what `decide` makes of the present state; decide anew when that has moved on."""
        for _ in range(_MAX_RACES):
            await self.refresh()
            record = decide()
            if record is None:
                return None
            if await self._registry.append_record(record, self.directory.version):
                await self._apply(record)
                return record
        raise RetryableError("registry: too many others are changing it at the same time")
