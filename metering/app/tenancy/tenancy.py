"""Tenancy: the registry and the published prices, kept up to date and resolved into terms."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from time import monotonic
from typing import Final

from metering.app.tenancy.published_prices import put_published, read_published
from metering.app.tenancy.taking_over import taken_over
from metering.core.basics.errors import Code, ConfigurationError, RejectedEvent, RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId
from metering.core.credit.adjustment import Adjustment
from metering.core.credit.grant import Grant, Revocation
from metering.core.deployments.deployment import Deployment
from metering.core.ledger.limits import Limits
from metering.core.plans.increases import Increase
from metering.core.plans.plan import Plan
from metering.core.prices.discount import Discount
from metering.core.prices.price_book import NamedRow, PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.quotas.plan_check import check_plan
from metering.core.tenancy import decisions
from metering.core.tenancy.adjustment_records import AdjustmentOffer, make_adjustment
from metering.core.tenancy.customers import Customer, set_customer
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.discount_records import set_discount
from metering.core.tenancy.exporters import Reports, add_key, revoke_keys, set_exporter
from metering.core.tenancy.grant_records import GrantOffer, give_grant, revoke_grant
from metering.core.tenancy.increases import IncreaseOffer, make_increase
from metering.core.tenancy.moves import refuse_moves
from metering.core.tenancy.producers import Binding, bind_producer
from metering.core.tenancy.record import Decision, Record, RecordKind, chained, check_size
from metering.core.tenancy.stop_records import set_stop
from metering.core.tenancy.stops import Target
from metering.core.tenancy.tenants_file import TenantsFile
from metering.core.tenancy.terms import Terms, TermsBook
from metering.ports import Clock, PriceStore, RegistryStore

#: How long hot paths go on with the directory as last read, in seconds. A change of what holds
#: starts no earlier than five minutes after it is recorded (core/calendars/dated.py), so no event
#: is priced or billed differently for it. Members, grants and first mappings, which hold at once,
#: are seen by other processes that much later.
MEMORY_S: Final = 3.0
#: Appends lost in a row to other writers before the change fails.
_MAX_RACES: Final = 20

type _Decide[T] = Callable[[Instant], Decision[T]]
type _Expected = tuple[RecordKind, str, int | None]


@dataclass(kw_only=True)
class Tenancy:
    """The directory of one process. `refresh` brings it up to date with the store.

    Changes, commands and timers call `refresh`. What runs for each request or batch calls
    `refresh_if_due`, which reads the store every few seconds.

    Every change is a decision of core/tenancy, appended unless another process appended a record
    first; then it is decided again. `expected` is the `Directory.revision` the caller has read:
    StaleRevisionError, and nothing recorded, if the resource has changed since.
    """

    registry: RegistryStore
    price_store: PriceStore
    clock: Clock
    committed: Iterable[NamedRow]
    """The prices in the package; every published version takes precedence over them. They are read
    when a price is first asked for: most commands ask for none."""
    automatic: bool
    """Whether an unknown subject gets a tenant of its own on the default plan."""
    file: TenantsFile | None = None
    """Taken over before the first answer."""
    elapsed_s: Callable[[], float] = monotonic
    directory: Directory = field(init=False, default_factory=Directory)
    _read_s: float | None = field(init=False, default=None)
    """When the store was last read."""
    _reading: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    @cached_property
    def prices(self) -> PriceBook:
        """The prices in force: those of the package, and the published versions above them."""
        return PriceBook(self.committed)

    @cached_property
    def terms_book(self) -> TermsBook:
        """The terms of every subject, as of the last `refresh`."""
        return TermsBook(self.directory, self.prices)

    async def refresh_if_due(self) -> None:
        """Refresh unless that was done in the last `MEMORY_S` seconds; concurrent callers share it.

        A subject, member or tenant that the directory does not have may have been added since.
        """
        if self._is_recent():
            return
        async with self._reading:
            if not self._is_recent():
                await self._read_new()
        await self._take_over_file()

    async def refresh(self) -> None:
        """Apply the records that were appended since the last call."""
        # One at a time: a record that two callers read would be applied twice.
        async with self._reading:
            await self._read_new()
        await self._take_over_file()

    def _is_recent(self) -> bool:
        return self._read_s is not None and self.elapsed_s() - self._read_s < MEMORY_S

    async def _read_new(self) -> None:
        began_s = self.elapsed_s()
        records = await self.registry.read_records(self.directory.version)
        if records:
            await self._apply(*records)
        self._read_s = began_s

    async def _take_over_file(self) -> None:
        if self.file is not None:
            file, self.file = self.file, None
            await self.take_over(file, changes=False)

    async def take_over(
        self, file: TenantsFile, *, changes: bool = True, move: bool = False
    ) -> list[Decision[Instant]]:
        """Record everything in a tenants file that does not hold already. Safe to repeat.

        Without `changes` it only adds: decisions made since the file was written stand. What
        belongs to others is moved only if told to; otherwise nothing of the file is recorded.
        """
        if changes and not move:
            refuse_moves(self.directory, file, self.clock.now())
        return [one async for one in taken_over(self, file, changes=changes, move=move)]

    async def _apply(self, *records: Record) -> None:
        """Apply records together with the prices that they announce: all of them, or none."""
        announced = [one for one in records if one.kind == "prices"]
        versions = [await read_published(self.price_store, one) for one in announced]
        if versions:
            self.prices = reduce(PriceBook.with_version, versions, self.prices)
        self.directory.apply(records)
        # Resolved again from the new state when it is next asked for.
        self.__dict__.pop("terms_book", None)

    async def currency_of(self, ledger: LedgerId) -> str:
        """Return the currency in which a ledger is charged."""
        await self.refresh_if_due()
        return self.directory.plan_for(ledger).currency

    def limits_of(self, ledger: LedgerId, at: Instant) -> Limits | None:
        """Return the limits in force for a ledger; None for a ledger of another period."""
        is_present = self.directory.period_at(ledger.tenant, at).start == ledger.start
        return self.limits(ledger.tenant, at) if is_present else None

    def limits(self, tenant: str, at: Instant) -> Limits:
        """Return the limits in force for a tenant at an instant."""
        plan, _, _ = self.directory.plan_of(tenant, at)
        end = self.directory.period_at(tenant, at).end if plan.quotas else 0
        increases = self.directory.increases.of(tenant, plan, at)
        limits = Limits(plan.time_zone, plan.quotas, plan.spike, end, increases)
        if not limits.long:
            return limits
        calendar, _, _ = self.directory.calendar_of(tenant, at)
        return limits._replace(calendar=calendar)

    async def terms(self, subject: str, at: Instant) -> Terms:
        """Return the terms of a subject; RejectedEvent if it is, and stays, unknown."""
        try:
            return self.terms_book.terms(subject, at)
        except RejectedEvent as rejected:
            if not self.automatic or rejected.code is not Code.UNKNOWN_SUBSCRIPTION:
                raise
        await self._record(lambda now: decisions.map_unknown_subject(self.directory, subject, now))
        return self.terms_book.terms(subject, at)

    async def map_subject(
        self,
        subject: str,
        tenant: str,
        effective: Instant | None,
        *,
        move: bool = False,
        expected: int | None = None,
    ) -> Decision[Instant]:
        """Make `tenant` pay for `subject`."""
        return await self._record(
            lambda now: decisions.map_subject(
                self.directory, subject, tenant, now, effective, move=move
            ),
            ("subject", subject, expected),
        )

    async def assign_plan(
        self, tenant: str, plan_id: str, effective: Instant | None, *, expected: int | None = None
    ) -> Decision[Instant]:
        """Put a tenant on a plan."""
        return await self._record(
            lambda now: decisions.assign_plan(self.directory, tenant, plan_id, now, effective),
            ("tenant_plan", tenant, expected),
        )

    async def set_calendar(
        self, tenant: str, calendar: Calendar, effective: Instant | None
    ) -> Instant:
        """Give a tenant a calendar and return the instant from which it holds."""
        decision = await self._record(
            lambda now: decisions.set_calendar(self.directory, tenant, calendar, now, effective)
        )
        return decision.outcome

    async def define_plan(
        self, plan: Plan, effective: Instant | None, *, expected: int | None = None
    ) -> Decision[Instant]:
        """Put a version of a plan in force."""

        def decide(now: Instant) -> Decision[Instant]:
            decision = decisions.define_plan(self.directory, plan, now, effective)
            if decision.record is not None:
                check_plan(plan, self.prices, now)
            return decision

        return await self._record(decide, ("plan", plan.id, expected))

    async def define_deployment(
        self,
        deployment: Deployment,
        effective: Instant | None,
        *,
        move: bool = False,
        expected: int | None = None,
    ) -> Decision[Instant]:
        """Define a deployment."""
        return await self._record(
            lambda now: decisions.define_deployment(
                self.directory, deployment, now, effective, move=move
            ),
            ("deployment", deployment.key, expected),
        )

    async def set_member(
        self,
        member: str,
        tenant: str | None,
        *,
        move: bool = False,
        expected: int | None = None,
    ) -> Decision[Instant]:
        """Let a person or an app read `tenant` from now on; None takes the right away."""
        return await self._record(
            lambda now: decisions.set_member(self.directory, member, tenant, now, move=move),
            ("member", member, expected),
        )

    async def bind_producer(
        self, name: str, binding: Binding, *, expected: int | None = None
    ) -> Decision[Instant]:
        """Let a producer speak for these subjects and sources from now on, and no others."""
        return await self._record(
            lambda now: bind_producer(self.directory.producers, name, binding, now),
            ("producer", name, expected),
        )

    async def set_exporter(
        self, name: str, *, reports: Reports | None = None, identity: str | None = None
    ) -> Decision[Instant]:
        """Let an exporter report aggregates or requests from now on; None leaves it as it is."""
        return await self._record(
            lambda now: set_exporter(
                self.directory.exporters, name, now, reports=reports, identity=identity
            )
        )

    async def add_exporter_key(self, name: str, key: str, overlap: Instant) -> Decision[Instant]:
        """Give an exporter a key; its former one is valid for `overlap` from now on."""
        return await self._record(
            lambda now: add_key(self.directory.exporters, name, key, overlap, now)
        )

    async def revoke_exporter_keys(self, name: str) -> Decision[Instant]:
        """Let no key of an exporter be valid any longer."""
        return await self._record(lambda now: revoke_keys(self.directory.exporters, name, now))

    async def set_customer(
        self, tenant: str, customer: Customer, *, expected: int | None = None
    ) -> Decision[Instant]:
        """Give a tenant these details on paper, and these recipients of its digest, from now on."""
        return await self._record(
            lambda now: set_customer(self.directory.customers, tenant, customer, now),
            ("customer", tenant, expected),
        )

    async def set_discount(
        self, discount: Discount, effective: Instant | None, *, expected: int | None = None
    ) -> Decision[Instant]:
        """Let a discount that the company has agreed hold from a UTC day on."""
        return await self._record(
            lambda now: set_discount(self.directory, self.prices, discount, now, effective),
            ("discount", discount.key, expected),
        )

    async def set_stop(self, target: Target, reason: str, *, is_stopped: bool) -> Decision[Instant]:
        """Stop a tenant or one of its subscriptions from now on, or resume it."""
        return await self._record(
            lambda now: set_stop(self.directory, target, reason, now, is_stopped=is_stopped)
        )

    async def add_grant(self, offer: GrantOffer) -> tuple[Grant, bool]:
        """Give a tenant credit; return the grant and whether it is new. Safe to repeat with an id.

        An unknown tenant is refused unless unknown subjects get tenants of their own.
        """

        def decide(now: Instant) -> Decision[Grant]:
            if not self.automatic:
                decisions.check_exists(self.directory, offer.tenant)
            return give_grant(self.directory, offer, now)

        decision = await self._record(decide)
        return decision.outcome, decision.record is not None

    async def revoke_grant(self, tenant: str, revocation: Revocation) -> Grant:
        """End a grant at the soonest instant and return it."""
        return (
            await self._record(lambda now: revoke_grant(self.directory, tenant, revocation, now))
        ).outcome

    async def adjust(self, offer: AdjustmentOffer) -> tuple[Adjustment, bool]:
        """Make an adjustment; return it and whether it is new. Safe to repeat with an id."""
        decision = await self._record(lambda now: make_adjustment(self.directory, offer, now))
        return decision.outcome, decision.record is not None

    async def raise_quota(self, offer: IncreaseOffer) -> Increase:
        """Raise the limit of a tenant's quota until an instant. Every call is an increase."""

        def decide(now: Instant) -> Decision[Increase]:
            decisions.check_exists(self.directory, offer.tenant)
            plan, _, _ = self.directory.plan_of(offer.tenant, now)
            known = self.directory.increases.of(offer.tenant, plan, now)
            increase = make_increase(offer, plan, known, now)
            value = increase.model_dump_json()
            return Decision(increase, Record("increase", offer.tenant, value, now, now))

        return (await self._record(decide)).outcome

    async def publish_prices(self, version: str, content: bytes) -> None:
        """Put a version of prices above all earlier ones, for every process of the store.

        The content is stored first and announced after, so that every reader of the announcement
        finds it. ConfigurationError if the name has other content already.
        """
        rows = read_price_file(f"prices {version}", content)
        taken = self.taken_version(version)
        if taken is not None:
            if self.has_published(version, content):
                return
            raise ConfigurationError(taken)
        await put_published(self.price_store, version, content)

        def decide(now: Instant) -> Decision[Instant]:
            decision = decisions.publish_prices(self.directory, version, content, now)
            if decision.record is not None:
                # Announcing rows that the book refuses would stop every process.
                self.prices.with_version(rows)
            return decision

        await self._record(decide)

    def taken_version(self, version: str) -> str | None:
        """Return the reason to refuse the name of a version in force; None if it is free."""
        if not any(row.version == version for row in self.prices.rows.values()):
            return None
        return (
            f"prices {version}: a version of this name is in force: it is never edited, publish"
            " under another name"
        )

    def has_published(self, version: str, content: bytes) -> bool:
        """Return whether exactly this content is published as this version."""
        return decisions.publish_prices(self.directory, version, content, 0).record is None

    async def _record[T](
        self, decide: _Decide[T], expected: _Expected | None = None
    ) -> Decision[T]:
        """Append the record of a decision; decide again if another process appended one first."""
        for _ in range(_MAX_RACES):
            await self.refresh()
            if expected is not None:
                self.directory.must_be(*expected)
            decision = decide(self.clock.now())
            if decision.record is None:
                return decision
            check_size(decision.record)
            version = self.directory.version
            record = chained(decision.record, version + 1, self.directory.hash)
            if await self.registry.append_record(record, version):
                async with self._reading:
                    # A concurrent caller may have read it already.
                    if self.directory.version == version:
                        await self._apply(record)
                return decision
        raise RetryableError("registry: too many concurrent changes: try again")
