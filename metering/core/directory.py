"""The directory: dated mappings of subjects to tenants, tenants to plans, and of deployments.

Built from append-only records, each effective from an instant on. A request's tenant and plan
follow from its own subject and time alone, so a re-delivery a month later finds the same ledger.
"""

import hashlib
import re
from collections.abc import Iterable
from itertools import count
from typing import Final, Literal, NamedTuple

from metering.core.adjustment import Adjustment, MadeAdjustment
from metering.core.capacity import Capacity, refuse_mixed_currencies
from metering.core.dated import BEGINNING, FOREVER, Dated, refuse_the_past, soonest
from metering.core.deployment import Deployment, place_of
from metering.core.errors import ConfigurationError, StaleRevisionError
from metering.core.grant import Grant, Revocation
from metering.core.instants import Instant
from metering.core.members import Members
from metering.core.periods import LedgerId, Period, month_of
from metering.core.plan import DEFAULT_PLAN, Plan
from metering.core.plan_changes import refuse_mid_period

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
    "plan",
    "prices",
    "deployment",
    "grant",
    "revocation",
    "adjustment",
    "member",
]
#: Kinds that no price depends on.
_PRICELESS: Final = frozenset({"subject", "grant", "revocation", "adjustment", "member"})


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
        self._plans: dict[str, Dated[Plan]] = {}
        self._deployments: dict[tuple[str | None, str], Dated[Deployment]] = {}
        self._first_records: dict[tuple[str | None, str], Record] = {}
        self._grants: dict[str, dict[str, Grant]] = {}
        self._since: dict[str, Instant] = {}
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
            self._note_tenant(record)
            if record.kind not in _PRICELESS:
                self.pricing_version = self.version
            match record.kind:
                case "subject":
                    self._tenant_of.setdefault(record.key, Dated()).add(
                        record.effective, record.value
                    )
                case "tenant_plan":
                    self._plan_of.setdefault(record.key, Dated()).add(
                        record.effective, record.value
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
                case "grant" | "revocation" | "adjustment":
                    self._take_credit(record)
                case _:
                    self.price_versions.append(record)

    def _take_credit(self, record: Record) -> None:
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

    def _note_tenant(self, record: Record) -> None:
        named = {"subject": record.value, "tenant_plan": record.key}.get(record.kind)
        if named is not None:
            self._since.setdefault(named, record.recorded)

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
        plan_id, start, end = self._plan_of.get(tenant, Dated[str]()).at(at)
        versions = self._plans[plan_id or DEFAULT_PLAN.id]
        plan, plan_start, plan_end = versions.at(at)
        # The first version of a plan reaches back: no event may be left without terms.
        return plan or versions.values()[0], max(start, plan_start), min(end, plan_end)

    def plan_for(self, ledger: LedgerId) -> Plan:
        """Return the plan that a ledger is charged under: the one in force at its start."""
        return self.plan_of(ledger.tenant, ledger.start)[0]

    def period_at(self, tenant: str, at: Instant) -> Period:  # noqa: ARG002, calendars are dated
        """Return the period of a tenant's calendar that owns an instant."""
        return month_of(at)

    def period_of(self, ledger: LedgerId) -> Period:
        """Return the period that a ledger is of."""
        return self.period_at(ledger.tenant, ledger.start)

    def since(self, tenant: str) -> Instant | None:
        """Return when the first record that names a tenant was recorded; None without one."""
        return self._since.get(tenant)

    def knows(self, subject: str) -> bool:
        """Say whether a subject has any mapping."""
        return subject in self._tenant_of

    def plan(self, plan_id: str, at: Instant) -> Plan | None:
        """Return a plan as it is at an instant; None where there is none."""
        return self._plans.get(plan_id, Dated[Plan]()).at(at)[0]

    def tenants(self) -> list[str]:
        """Return every tenant's id, sorted."""
        named = {tenant for dated in self._tenant_of.values() for tenant in dated.values()}
        return sorted(named | set(self._plan_of))

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
        if not TENANT_ID.fullmatch(tenant):
            raise ConfigurationError(f"tenant {tenant!r}: use 1 to 64 of A-Z a-z 0-9 . _ -")
        if not subject:
            raise ConfigurationError("subscription: is empty")
        if subject in self._tenant_of:
            refuse_the_past(f"subscription {subject!r}", now, effective)
        return Record("subject", subject, tenant, effective, now)

    def assign_plan(self, tenant: str, plan_id: str, now: Instant, effective: Instant) -> Record:
        """Return the record that puts `tenant` on a plan; the first may reach back."""
        if not TENANT_ID.fullmatch(tenant):
            raise ConfigurationError(f"tenant {tenant!r}: use 1 to 64 of A-Z a-z 0-9 . _ -")
        new = self.plan(plan_id, max(now, effective))
        if new is None:
            raise ConfigurationError(f"plan {plan_id!r} does not exist: see `metering plans list`")
        if tenant in self.tenants():
            refuse_the_past(f"the plan of tenant {tenant!r}", now, effective)
            old, _, _ = self.plan_of(tenant, effective - 1)
            refuse_mid_period(f"tenant {tenant!r}", old, new, effective)
            _, _, end = self._plan_of.get(tenant, Dated[str]()).at(effective)
            if end != FOREVER:
                new = self.plan(plan_id, end - 1) or new
                following, _, _ = self.plan_of(tenant, end)
                refuse_mid_period(f"tenant {tenant!r}, then", new, following, end)
        return Record("tenant_plan", tenant, plan_id, effective, now)

    def define_plan(self, plan: Plan, now: Instant, effective: Instant) -> Record:
        """Return the record that puts this version of a plan in force; the first may reach back."""
        if plan.id in self._plans:
            refuse_the_past(f"plan {plan.id!r}", now, effective)
            versions = self._plans[plan.id]
            old, _, end = versions.at(effective)
            if old is not None:
                refuse_mid_period(f"plan {plan.id!r}", old, plan, effective)
            following = versions.at(end)[0]
            if following is not None and end != FOREVER:
                refuse_mid_period(f"plan {plan.id!r}, then", plan, following, end)
            self._refuse_uneven_moves(plan, effective, end)
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

    def _refuse_uneven_moves(self, plan: Plan, start: Instant, end: Instant) -> None:
        """Refuse a version that would make a move decided earlier change terms inside a period."""
        for tenant, dated in self._plan_of.items():
            for move in dated.starts():
                if start <= move < end:
                    around = self.plan_of(tenant, move - 1)[0], self.plan_of(tenant, move)[0]
                    old, new = (plan if found.id == plan.id else found for found in around)
                    refuse_mid_period(f"tenant {tenant!r}, then", old, new, move)

    def automatic_tenant(self, subject: str) -> str:
        """Return the id of the tenant to make for an unknown subject: its own name where it can be.

        A name that is no tenant id, or that another tenant has already, gets a hash of the subject,
        so that no two subjects ever share a tenant by accident.
        """
        if TENANT_ID.fullmatch(subject) and subject not in self.tenants():
            return subject
        taken = set(self.tenants())
        name = re.sub(r"[^A-Za-z0-9._-]", "-", subject)[:_NAME_LENGTH]
        candidates = (f"{name}-{_hash(subject, salt)}" for salt in count())
        return next(candidate for candidate in candidates if candidate not in taken)


def _hash(subject: str, salt: int) -> str:
    content = f"{subject}\0{salt}".encode()
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()
