"""The directory: the state that registry records add up to, dated, for one process.

A request's tenant and plan follow from its own subject and time alone, so a re-delivery a month
later finds the same ledger.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from metering.core.basics.errors import StaleRevisionError
from metering.core.basics.instants import Instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.calendars import Calendars
from metering.core.calendars.dated import BEGINNING, Dated
from metering.core.calendars.periods import LedgerId, Period
from metering.core.credit.adjustment import Adjustment, MadeAdjustment
from metering.core.credit.grant import Grant, Revocation
from metering.core.deployments.capacity import Capacity
from metering.core.deployments.deployment import Deployment
from metering.core.plans.changes import Timeline
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.prices.discount import Discount, Discounts
from metering.core.tenancy.customers import Customers
from metering.core.tenancy.exporters import Exporters
from metering.core.tenancy.increases import Increases
from metering.core.tenancy.known_deployments import KnownDeployments, ListedDeployment
from metering.core.tenancy.members import Members
from metering.core.tenancy.producers import Producers
from metering.core.tenancy.record import GENESIS, PRICELESS, Assignment, Record, RecordKind, chained
from metering.core.tenancy.stops import Stops

_NO_CALENDARS: Final = Calendars()
_NO_MOVES: Final = Dated[str]()


class Directory:
    """All records read so far, and the terms they resolve to. core/tenancy/decisions changes it."""

    def __init__(self) -> None:
        self._tenant_of: dict[str, Dated[str]] = {}
        # By tenant: the subjects that it pays for at any time.
        self._subjects_of: defaultdict[str, set[str]] = defaultdict(set)
        self._plan_of: dict[str, Dated[str]] = {}
        self._calendars: dict[str, Calendars] = {}
        self._since: dict[str, Instant] = {}
        self._paying: set[str] = set()
        self._plans: dict[str, Dated[Plan]] = {}
        self._deployments = KnownDeployments()
        self._grants: dict[str, dict[str, Grant]] = {}
        self._adjustments: dict[str, list[MadeAdjustment]] = {}
        self.version = 0
        """The number of records applied so far."""
        self.hash = GENESIS
        """The hash of the last record, as all records so far give it."""
        self.pricing_version = 0
        """The version as of the last record that can change a price."""
        self.members = Members()
        self.increases = Increases()
        self.stops = Stops()
        self.producers = Producers()
        self.exporters = Exporters()
        self.customers = Customers()
        self.discounts = Discounts()
        self._changed_by: dict[tuple[RecordKind, str], int] = {}
        self.price_versions: list[Record] = []
        """Records of price versions, in the order of publication."""
        self.add_plan(DEFAULT_PLAN, BEGINNING)

    def add_plan(self, plan: Plan, effective: Instant) -> None:
        """Put a plan in force without a record: the built-in plan has none."""
        self._plans.setdefault(plan.id, Dated()).add(effective, plan)

    def apply(self, records: Iterable[Record]) -> None:
        """Take further records into account, in the order they were recorded."""
        for record in records:
            self.version += 1
            self.hash = chained(record, self.version, self.hash).hash
            self._changed_by[record.kind, record.key] = self.version
            if record.kind not in PRICELESS:
                self.pricing_version = self.version
            match record.kind:
                case "subject" | "tenant_plan" | "calendar":
                    self._apply_tenant(record)
                case "plan":
                    self.add_plan(Plan.model_validate_json(record.value), record.effective)
                case "deployment":
                    self._deployments.add(record)
                case "member":
                    self.members.add(record.key, record.value, record.effective)
                case "increase" | "stop" | "producer" | "exporter" | "discount" | "customer":
                    self._apply_at_once(record)
                case "prices":
                    self.price_versions.append(record)
                case _:
                    self._apply_money(record)

    def _apply_tenant(self, record: Record) -> None:
        """Apply a record about what a tenant pays for, under which plan and in which periods."""
        tenant = record.value if record.kind == "subject" else record.key
        self._since.setdefault(tenant, record.recorded)
        if record.kind == "calendar":
            calendar = Calendar.model_validate_json(record.value)
            calendars = self._calendars.get(tenant, _NO_CALENDARS)
            self._calendars[tenant] = calendars.plus(record.effective, calendar)
            return
        self._paying.add(tenant)
        dated = self._tenant_of if record.kind == "subject" else self._plan_of
        dated.setdefault(record.key, Dated()).add(record.effective, record.value)
        if record.kind == "subject":
            self._subjects_of[record.value].add(record.key)

    def _apply_at_once(self, record: Record) -> None:
        """Apply a record that changes no charge."""
        match record.kind:
            case "increase":
                self.increases.add(record)
            case "stop":
                self.stops.add(record)
            case "customer":
                self.customers.add(record)
            case "discount":
                discount = Discount.model_validate_json(record.value)
                self.discounts.add(discount, record.effective)
            case "exporter":
                self.exporters.add(record)
            case _:
                self.producers.add(record)

    def _apply_money(self, record: Record) -> None:
        """Apply a record about credit or an adjustment."""
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
        """Return the number of the last record about a resource; 0 if it has no records.

        Equal revisions mean equal decisions, future-dated ones included.
        """
        return self._changed_by.get((kind, key), 0)

    def must_be(self, kind: RecordKind, key: str, expected: int | None) -> None:
        """Raise StaleRevisionError if a resource is not at the expected revision."""
        found = self.revision(kind, key)
        if expected is not None and found != expected:
            raise StaleRevisionError(f"{key}: has changed since you read it: fetch it again")

    def assignment(self, subject: str, at: Instant) -> Assignment | None:
        """Return the assignment of `subject` at an instant; None for an unknown subject."""
        if subject not in self._tenant_of:
            return None
        tenant, start, end = self._tenant_of[subject].at(at)
        if tenant is None:
            return None
        plan, plan_start, plan_end = self.plan_of(tenant, at)
        return Assignment(tenant, plan, max(start, plan_start), min(end, plan_end))

    def plan_of(self, tenant: str, at: Instant) -> tuple[Plan, Instant, Instant]:
        """Return a tenant's plan at an instant, and the span in which it holds."""
        return self.timeline(tenant).plan_at(at)

    def timeline(self, tenant: str) -> Timeline:
        """Return everything dated about a tenant's plan and calendar."""
        moves = self._plan_of.get(tenant, _NO_MOVES)
        return Timeline(moves, self._plans, self._calendars.get(tenant, _NO_CALENDARS))

    def timeline_of_new_tenant(self, plan_id: str) -> Timeline:
        """Return the timeline of a tenant that is on one plan from the beginning."""
        return Timeline(_NO_MOVES.plus(BEGINNING, plan_id), self._plans)

    def plans_with(self, plan: Plan, effective: Instant) -> Mapping[str, Dated[Plan]]:
        """Return the versions of all plans, one version added."""
        return {**self._plans, plan.id: self._plans[plan.id].plus(effective, plan)}

    def plan_for(self, ledger: LedgerId) -> Plan:
        """Return the plan a ledger is charged under: the plan in force at its start."""
        return self.plan_of(ledger.tenant, ledger.start)[0]

    def calendar_of(self, tenant: str, at: Instant) -> tuple[Calendar, Instant, Instant]:
        """Return a tenant's calendar at an instant, and the span in which it holds."""
        return self._calendars.get(tenant, _NO_CALENDARS).at(at)

    def period_at(self, tenant: str, at: Instant) -> Period:
        """Return the period of a tenant's calendar that contains an instant."""
        return self._calendars.get(tenant, _NO_CALENDARS).period_at(at)

    def period_of(self, ledger: LedgerId) -> Period:
        """Return a ledger's period."""
        return self.period_at(ledger.tenant, ledger.start)

    def find_period(self, tenant: str, name: str) -> Period | None:
        """Return a tenant's period by its name or start instant; None if it has no such period.

        ValueError for a text that is not a period name of any calendar.
        """
        return self._calendars.get(tenant, _NO_CALENDARS).find(name)

    def since(self, tenant: str) -> Instant | None:
        """Return the time of a tenant's first record; None for an unknown tenant."""
        return self._since.get(tenant)

    def is_paying(self, tenant: str) -> bool:
        """Return whether a tenant has been assigned a plan or a subject."""
        return tenant in self._paying

    def may_reach_back(self, tenant: str, now: Instant) -> bool:
        """Return whether a tenant's plan and calendar may start in the past.

        They may while its ledgers are empty and no period of it can have been closed.
        """
        since = self.since(tenant)
        return tenant not in self._paying and (
            since is None or now < self.period_at(tenant, since).end
        )

    def knows(self, subject: str) -> bool:
        """Return whether a subject has any mapping."""
        return subject in self._tenant_of

    def plan(self, plan_id: str, at: Instant) -> Plan | None:
        """Return the version of a plan in force at an instant; None if there is no version yet."""
        return self._plans.get(plan_id, Dated[Plan]()).at(at)[0]

    def plan_ids(self) -> list[str]:
        """Return every plan's id, also of plans that begin later."""
        return [plan_id for plan_id, _ in self.plan_versions()]

    def knows_plan(self, plan_id: str) -> bool:
        """Return whether a plan has any version, at any time."""
        return plan_id in self._plans

    def tenants(self) -> list[str]:
        """Return every tenant's id, sorted."""
        return sorted(self._since)

    def payers(self, tenant: str) -> list[tuple[str, Dated[str]]]:
        """Return who pays, dated, for each subject that a tenant ever pays for, by subject."""
        return [(name, self._tenant_of[name]) for name in sorted(self._of(tenant))]

    def _of(self, tenant: str) -> Collection[str]:
        return self._subjects_of.get(tenant, ())

    def plan_versions(self) -> list[tuple[str, Dated[Plan]]]:
        """Return the versions of each plan, by id."""
        return sorted(self._plans.items())

    def subjects(self, tenant: str, at: Instant) -> list[str]:
        """Return the subjects a tenant pays for at an instant, sorted."""
        tenant_of = self._tenant_of
        return sorted(name for name in self._of(tenant) if tenant_of[name].at(at)[0] == tenant)

    def plans(self, at: Instant) -> list[Plan]:
        """Return the plans in force at an instant, by id."""
        found = (self._plans[name].at(at)[0] for name in sorted(self._plans))
        return [plan for plan in found if plan is not None]

    def deployment(
        self, name: str, backend: str | None, at: Instant
    ) -> tuple[Deployment | None, Instant, Instant]:
        """Return a deployment at an instant, and the span in which it holds; None if unknown."""
        return self._deployments.at(name, backend, at)

    def knows_deployment(self, name: str, backend: str | None) -> bool:
        """Return whether a deployment has any version, at any time."""
        return self._deployments.knows(name, backend)

    def versions(self, place: tuple[str | None, str]) -> Dated[Deployment]:
        """Return all versions of the deployment at a place."""
        return self._deployments.versions(place)

    def deployments(self, at: Instant) -> list[Deployment]:
        """Return the deployments in force at an instant, by key."""
        return [one.deployment for one in self.deployments_listed(at) if one.is_in_force]

    def deployments_listed(self, at: Instant) -> list[ListedDeployment]:
        """Return the deployments in force at an instant and those to come, by key."""
        return self._deployments.listed(at)

    def capacities(self) -> list[Capacity]:
        """Return the deployments that are paid by the hour at any time, by key."""
        return self._deployments.capacities()

    def grants(self, tenant: str) -> list[Grant]:
        """Return all grants of a tenant, in the order they were recorded."""
        return list(self._grants.get(tenant, {}).values())

    def adjustments(self, tenant: str) -> list[MadeAdjustment]:
        """Return all adjustments of a tenant, in the order they were recorded."""
        return list(self._adjustments.get(tenant, ()))

    def adjusted(self, tenant: str, period: Period) -> list[MadeAdjustment]:
        """Return the adjustments that go on the statement of a period."""
        made = self._adjustments.get(tenant, ())
        return [one for one in made if period.start <= one.at < period.end]
