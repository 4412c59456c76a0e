"""The directory: dated mappings of subjects to tenants, tenants to plans, and of deployments.

Built from append-only records, each effective from an instant on. A request's tenant and plan
follow from its own subject and time alone, so a re-delivery a month later finds the same ledger.
"""

import hashlib
import re
from collections.abc import Iterable
from itertools import count
from typing import Final, Literal, NamedTuple

from metering.core.basics.errors import ConfigurationError, StaleRevisionError
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.calendars import Calendars
from metering.core.calendars.dated import BEGINNING, FOREVER, Dated, refuse_the_past, soonest
from metering.core.calendars.periods import LedgerId, Period
from metering.core.credit.adjustment import Adjustment, MadeAdjustment
from metering.core.credit.grant import Grant, Revocation
from metering.core.deployments.capacity import Capacity, refuse_mixed_currencies
from metering.core.deployments.deployment import Deployment, place_of
from metering.core.plans.changes import Timeline, refuse_uneven
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.tenancy.members import Members

__all__ = [
    "BEGINNING",
    "FOREVER",
    "TENANT_ID",
    "Assignment",
    "Directory",
    "Record",
    "RecordKind",
    "soonest",
]

TENANT_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: Of a name, where a hash must tell two subjects apart: 64 less the hash and its dash.
_NAME_LENGTH = 51
_HASH_BYTES = 6

type RecordKind = Literal[
    "subject",
    "tenant_plan",
    "calendar",
    "plan",
    "prices",
    "deployment",
    "grant",
    "revocation",
    "adjustment",
    "member",
]
#: Kinds that no price depends on.
_PRICELESS: Final = frozenset(
    {"subject", "calendar", "grant", "revocation", "adjustment", "member"}
)
_NO_CALENDARS: Final = Calendars()
_NO_MOVES: Final = Dated[str]()


class Record(NamedTuple):
    """One decision: from `effective` on, `key` means `value`. Never edited, never removed."""

    kind: RecordKind
    key: str
    value: str
    """A tenant id (subject, member), a plan id (tenant_plan), the SHA-256 of a price version's file
    (prices), and for every other kind what it is called after, as JSON."""
    effective: Instant
    recorded: Instant


class Assignment(NamedTuple):
    """Who pays for a subject, under which plan, and the span in which that holds."""

    tenant: str
    plan: Plan
    start: Instant
    end: Instant


class Directory:
    """All records read so far, and what they answer."""

    def __init__(self) -> None:
        self._tenant_of: dict[str, Dated[str]] = {}
        self._plan_of: dict[str, Dated[str]] = {}
        self._calendars: dict[str, Calendars] = {}
        self._since: dict[str, Instant] = {}
        self._paying: set[str] = set()
        self._plans: dict[str, Dated[Plan]] = {}
        self._deployments: dict[tuple[str | None, str], Dated[Deployment]] = {}
        self._first_records: dict[tuple[str | None, str], Record] = {}
        self._grants: dict[str, dict[str, Grant]] = {}
        self._adjustments: dict[str, list[MadeAdjustment]] = {}
        self.version = 0
        """How many records this was built from."""
        self.pricing_version = 0
        """The same, up to the last record that can change a price."""
        self.members = Members()
        self._changed_by: dict[tuple[RecordKind, str], int] = {}
        self.price_versions: list[Record] = []
        """Price versions in the order they were published."""
        self.add_plan(DEFAULT_PLAN, BEGINNING)

    def add_plan(self, plan: Plan, effective: Instant) -> None:
        """Take a plan into force without a record: for the built-in one."""
        self._plans.setdefault(plan.id, Dated()).add(effective, plan)

    def apply(self, records: Iterable[Record]) -> None:
        """Take further records into account, in the order they were recorded."""
        for record in records:
            self.version += 1
            self._changed_by[record.kind, record.key] = self.version
            if record.kind not in _PRICELESS:
                self.pricing_version = self.version
            match record.kind:
                case "subject":
                    self._since.setdefault(record.value, record.recorded)
                    self._paying.add(record.value)
                    self._tenant_of.setdefault(record.key, Dated()).add(
                        record.effective, record.value
                    )
                case "tenant_plan":
                    self._since.setdefault(record.key, record.recorded)
                    self._paying.add(record.key)
                    self._plan_of.setdefault(record.key, Dated()).add(
                        record.effective, record.value
                    )
                case "calendar":
                    self._since.setdefault(record.key, record.recorded)
                    calendars = self._calendars.get(record.key, _NO_CALENDARS)
                    self._calendars[record.key] = calendars.plus(
                        record.effective, Calendar.model_validate_json(record.value)
                    )
                case "plan":
                    self.add_plan(Plan.model_validate_json(record.value), record.effective)
                case "deployment":
                    deployment = Deployment.model_validate_json(record.value)
                    places = self._deployments.setdefault(deployment.place, Dated())
                    places.add(record.effective, deployment)
                    self._first_records.setdefault(deployment.place, record)
                case "member":
                    self.members.add(record.key, record.value, record.effective)
                case "prices":
                    self.price_versions.append(record)
                case _:
                    self._apply_money(record)

    def _apply_money(self, record: Record) -> None:
        """Take what a tenant was given or charged by a person into account."""
        match record.kind:
            case "grant":
                grant = Grant.model_validate_json(record.value)
                self._grants.setdefault(grant.tenant, {})[grant.id] = grant
            case "revocation":
                name = Revocation.model_validate_json(record.value).id
                grants = self._grants[record.key]
                grants[name] = grants[name].model_copy(update={"revoked": record.effective})
            case _:
                adjustment = Adjustment.model_validate_json(record.value)
                made = MadeAdjustment(record.effective, adjustment)
                self._adjustments.setdefault(record.key, []).append(made)

    def revision(self, kind: RecordKind, key: str) -> int:
        """Return the number of the last record on a thing; 0 where there is none.

        Two that read the same number have seen the same decisions, those of the future included.
        """
        return self._changed_by.get((kind, key), 0)

    def must_be(self, kind: RecordKind, key: str, expected: int | None) -> None:
        """Raise StaleRevisionError unless a thing is at the revision that somebody expects."""
        found = self.revision(kind, key)
        if expected is not None and found != expected:
            raise StaleRevisionError(f"{key}: has been changed since you looked")

    def assignment(self, subject: str, at: Instant) -> Assignment | None:
        """Return who pays for `subject` at an instant; None for an unknown subject."""
        if subject not in self._tenant_of:
            return None
        tenant, start, end = self._tenant_of[subject].at(at)
        if tenant is None:
            return None
        plan, plan_start, plan_end = self.plan_of(tenant, at)
        return Assignment(tenant, plan, max(start, plan_start), min(end, plan_end))

    def plan_of(self, tenant: str, at: Instant) -> tuple[Plan, Instant, Instant]:
        """Return a tenant's plan at an instant and the span in which it is that."""
        return self._timeline(tenant).plan_at(at)

    def _timeline(self, tenant: str) -> Timeline:
        moves = self._plan_of.get(tenant, _NO_MOVES)
        return Timeline(moves, self._plans, self._calendars.get(tenant, _NO_CALENDARS))

    def plan_for(self, ledger: LedgerId) -> Plan:
        """Return the plan that a ledger is charged under: the one in force at its start."""
        return self.plan_of(ledger.tenant, ledger.start)[0]

    def calendar_of(self, tenant: str, at: Instant) -> tuple[Calendar, Instant, Instant]:
        """Return a tenant's calendar at an instant and the span in which it is that."""
        return self._calendars.get(tenant, _NO_CALENDARS).at(at)

    def period_at(self, tenant: str, at: Instant) -> Period:
        """Return the period of a tenant's calendar that owns an instant."""
        return self._calendars.get(tenant, _NO_CALENDARS).period_at(at)

    def period_of(self, ledger: LedgerId) -> Period:
        """Return the period that a ledger is of."""
        return self.period_at(ledger.tenant, ledger.start)

    def find_period(self, tenant: str, name: str) -> Period | None:
        """Return a tenant's period by its name or start instant; None where it has no such one.

        ValueError for a text that names no period of any calendar.
        """
        return self._calendars.get(tenant, _NO_CALENDARS).find(name)

    def since(self, tenant: str) -> Instant | None:
        """Return when the first record that names a tenant was made; None for an unknown one."""
        return self._since.get(tenant)

    def is_paying(self, tenant: str) -> bool:
        """Say whether a tenant was put on a plan or made to pay for anything."""
        return tenant in self._paying

    def may_reach_back(self, tenant: str, now: Instant) -> bool:
        """Say whether a tenant's plan and calendar may be decided for the past.

        There is nothing in its ledgers, and no period of it can have been closed.
        """
        since = self.since(tenant)
        return tenant not in self._paying and (
            since is None or now < self.period_at(tenant, since).end
        )

    def knows(self, subject: str) -> bool:
        """Say whether a subject has any mapping."""
        return subject in self._tenant_of

    def plan(self, plan_id: str, at: Instant) -> Plan | None:
        """Return a plan as it is at an instant; None where there is none."""
        return self._plans.get(plan_id, Dated[Plan]()).at(at)[0]

    def tenants(self) -> list[str]:
        """Return every tenant's id, sorted."""
        return sorted(self._since)

    def subjects(self, tenant: str, at: Instant) -> list[str]:
        """Return the subjects that a tenant pays for at an instant, sorted."""
        found = (name for name, dated in self._tenant_of.items() if dated.at(at)[0] == tenant)
        return sorted(found)

    def plans(self, at: Instant) -> list[Plan]:
        """Return the plans in force at an instant, by id."""
        found = (self._plans[name].at(at)[0] for name in sorted(self._plans))
        return [plan for plan in found if plan is not None]

    def deployment(
        self, name: str, backend: str | None, at: Instant
    ) -> tuple[Deployment | None, Instant, Instant]:
        """Return what is known of a deployment at an instant, and the span in which it is that.

        The one of the account that `backend` names comes before the one of any account. None: it
        is unknown.
        """
        start, end = BEGINNING, FOREVER
        for place in dict.fromkeys((place_of(backend, name), place_of(None, name))):
            found, since, until = self._deployments.get(place, Dated[Deployment]()).at(at)
            start, end = max(start, since), min(end, until)
            if found is not None:
                return found, start, end
        return None, start, end

    def knows_deployment(self, name: str, backend: str | None) -> bool:
        """Say whether there ever is an answer for a deployment."""
        places = (place_of(backend, name), place_of(None, name))
        return any(place in self._deployments for place in places)

    def deployments(self, at: Instant) -> list[Deployment]:
        """Return the deployments in force at an instant, by key."""
        found = (dated.at(at)[0] for dated in self._deployments.values())
        return sorted((one for one in found if one is not None), key=lambda one: one.key)

    def capacities(self) -> list[Capacity]:
        """Return the deployments that have provisioned units at some time, by key."""
        found = (
            Capacity(first.key, self._deployments[place], first.recorded)
            for place, first in self._first_records.items()
        )
        return sorted((one for one in found if one.ever_costs), key=lambda one: one.place)

    def grants(self, tenant: str) -> list[Grant]:
        """Return every grant that a tenant was ever given, in the order they were recorded."""
        return list(self._grants.get(tenant, {}).values())

    def adjustments(self, tenant: str) -> list[MadeAdjustment]:
        """Return every adjustment that was made for a tenant, in the order they were recorded."""
        return list(self._adjustments.get(tenant, ()))

    def map_subject(self, subject: str, tenant: str, now: Instant, effective: Instant) -> Record:
        """Return the record that makes `tenant` pay for `subject` from `effective` on.

        The first mapping of a subject may reach back, so that its dead letters replay. Every
        further one starts at the `soonest`. ConfigurationError says what is refused.
        """
        _refuse_tenant_id(tenant)
        if not subject:
            raise ConfigurationError("subscription: is empty")
        if subject in self._tenant_of:
            refuse_the_past(f"subscription {subject!r}", now, effective)
        return Record("subject", subject, tenant, effective, now)

    def assign_plan(self, tenant: str, plan_id: str, now: Instant, effective: Instant) -> Record:
        """Return the record that puts `tenant` on a plan; the first may reach back."""
        _refuse_tenant_id(tenant)
        if self.plan(plan_id, max(now, effective)) is None:
            raise ConfigurationError(f"plan {plan_id!r} does not exist: see `metering plans list`")
        if not self.may_reach_back(tenant, now):
            refuse_the_past(f"the plan of tenant {tenant!r}", now, effective)
        known = self._timeline(tenant)
        moved = known._replace(moves=known.moves.plus(effective, plan_id))
        refuse_uneven(f"tenant {tenant!r}", moved, effective, soonest(now))
        return Record("tenant_plan", tenant, plan_id, effective, now)

    def set_calendar(
        self, tenant: str, calendar: Calendar, now: Instant, effective: Instant
    ) -> Record:
        """Return the record that gives `tenant` a calendar; the first of a new one may reach back.

        Any other begins with a period of the calendar before it, so that no period is ever cut
        that has begun. ConfigurationError says what is refused.
        """
        _refuse_tenant_id(tenant)
        if not self.may_reach_back(tenant, now):
            refuse_the_past(f"the calendar of tenant {tenant!r}", now, effective)
        known = self._timeline(tenant)
        changed = known._replace(calendars=known.calendars.plus(effective, calendar))
        refuse_uneven(f"tenant {tenant!r}", changed, effective, soonest(now))
        return Record("calendar", tenant, calendar.model_dump_json(), effective, now)

    def define_plan(self, plan: Plan, now: Instant, effective: Instant) -> Record:
        """Return the record that puts this version of a plan in force; the first may reach back."""
        if plan.id in self._plans:
            refuse_the_past(f"plan {plan.id!r}", now, effective)
            plans = {**self._plans, plan.id: self._plans[plan.id].plus(effective, plan)}
            lines = [(name, self._timeline(name)) for name in self.tenants()]
            on_it = [one for one in lines if one[1].is_ever_on(plan.id, effective)]
            for tenant, line in on_it:
                who = f"plan {plan.id!r} of tenant {tenant!r}"
                refuse_uneven(who, line._replace(plans=plans), effective, soonest(now))
            if not on_it or plan.id == DEFAULT_PLAN.id:
                # Those to come: on the default plan they are there before anybody decides.
                nobody = Timeline(_NO_MOVES.plus(BEGINNING, plan.id), plans)
                refuse_uneven(f"plan {plan.id!r}", nobody, effective, soonest(now))
        return Record("plan", plan.id, plan.model_dump_json(), effective, now)

    def define_deployment(self, deployment: Deployment, now: Instant, effective: Instant) -> Record:
        """Return the record that says what a deployment is from `effective` on.

        It may reach back where nothing was known, not even of that name in any account.
        """
        if self.knows_deployment(deployment.name, deployment.account):
            refuse_the_past(f"deployment {deployment.key!r}", now, effective)
            known = self._deployments.get(deployment.place, Dated[Deployment]())
            refuse_mixed_currencies(known, deployment, effective)
        value = deployment.model_dump_json(exclude_none=True)
        return Record("deployment", deployment.key, value, effective, now)

    def automatic_tenant(self, subject: str) -> str:
        """Return the id of the tenant to make for an unknown subject: its own name where it can be.

        A name that is no tenant id, or that another tenant has already, gets a hash of the subject,
        so that no two subjects ever share a tenant by accident.
        """
        if TENANT_ID.fullmatch(subject) and subject not in self._since:
            return subject
        name = re.sub(r"[^A-Za-z0-9._-]", "-", subject)[:_NAME_LENGTH]
        candidates = (f"{name}-{_hash(subject, salt)}" for salt in count())
        return next(candidate for candidate in candidates if candidate not in self._since)


def _refuse_tenant_id(tenant: str) -> None:
    """Raise ConfigurationError for a text that could not name a ledger."""
    if not TENANT_ID.fullmatch(tenant):
        raise ConfigurationError(f"tenant {tenant!r}: use 1 to 64 of A-Z a-z 0-9 . _ -")


def _hash(subject: str, salt: int) -> str:
    content = f"{subject}\0{salt}".encode()
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()
