"""Decisions on increases: higher limits of a tenant's quotas that end by themselves."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.validation import validated
from metering.core.plans.increases import Increase
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Quota
from metering.core.tenancy.record import Record

#: Most increases of a tenant at a time: each is in the head, and in the page that brings it.
MAX_INCREASES: Final = 100
#: What is to last longer is a change of the plan.
_LONGEST: Final = 400 * DAY


class Increases:
    """The increases of all tenants, in the order they were recorded."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[Instant, Increase]]] = {}

    def add(self, record: Record) -> None:
        """Add the increase that a record of kind `increase` holds."""
        increase = Increase.model_validate_json(record.value)
        self._of.setdefault(record.key, []).append((record.effective, increase))

    def of(self, tenant: str, plan: Plan, at: Instant) -> tuple[Increase, ...]:
        """Return the increases of a tenant's quotas under a plan that hold at an instant.

        A later one for the same values takes the place of an earlier one.
        """
        quotas = {quota.key for quota in plan.quotas}
        found = {
            (one.quota, one.values): one
            for start, one in self._of.get(tenant, ())
            if one.quota in quotas and start <= at < one.until
        }
        return tuple(found.values())


class IncreaseOffer(NamedTuple):
    """A request for an increase."""

    tenant: str
    quota: str
    """The key of a quota in the tenant's plan, or the first characters of it."""
    limit: str
    until: Instant
    reason: str
    author: str
    values: Mapping[str, str] = {}
    """For one value of each attribute that the quota is split by; empty for all values."""


def make_increase(
    offer: IncreaseOffer, plan: Plan, known: tuple[Increase, ...], now: Instant
) -> Increase:
    """Return an increase of a quota in a plan, beside those that hold.

    ConfigurationError if there is no such quota, or the limit is below the plan's.
    """
    quota = _named(offer.quota, plan)
    what = f"quota {quota.key} of {offer.tenant}"
    split = quota.scope.split_by
    if offer.values and set(offer.values) != set(split):
        raise ConfigurationError(f"{what}: values: {_expected(split)}")
    content = {
        **{name: value for name, value in offer._asdict().items() if name != "tenant"},
        "quota": quota.key,
        "values": [offer.values[name] for name in split] if offer.values else [],
    }
    increase = validated(Increase, what, content)
    if not now < increase.until <= now + _LONGEST:
        raise ConfigurationError(f"{what}: until: must be within the next 400 days")
    if quota.metric != "amount" and "." in increase.limit:
        raise ConfigurationError(f"{what}: limit: {increase.limit!r} is not a whole number")
    least = quota.limit_of(increase.values)
    if quota.units(increase.limit) < least:
        raise ConfigurationError(
            f"{what}: limit: {increase.limit} is below the plan's {quota.show(least)}"
        )
    others = [one for one in known if (one.quota, one.values) != (quota.key, increase.values)]
    if len(others) >= MAX_INCREASES:
        raise ConfigurationError(f"{what}: {MAX_INCREASES} increases hold: change the plan instead")
    return increase


def _named(name: str, plan: Plan) -> Quota:
    found = [quota for quota in plan.quotas if name and quota.key.startswith(name)]
    if len(found) != 1:
        many = "several quotas" if found else "no quota"
        raise ConfigurationError(
            f"quota {name!r}: plan {plan.id!r} has {many} of this id: see `metering quotas list`"
        )
    return found[0]


def _expected(split: tuple[str, ...]) -> str:
    if not split:
        return "the quota is for all its requests together"
    return f"give one of each: {', '.join(split)}"
