"""Decisions on adjustments: made once and never edited; another adjustment corrects a wrong one."""

from itertools import count
from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.validation import validated
from metering.core.credit.adjustment import Adjustment
from metering.core.tenancy.decisions import check_exists
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision, Record


class AdjustmentOffer(NamedTuple):
    """A request for an adjustment. Omitted fields take defaults from the tenant's plan."""

    tenant: str
    amount: str
    reason: str
    author: str
    charge_period: str | None = None
    """The name of one of the tenant's periods."""
    id: str | None = None
    """None: `adjustment-001`, … With an id the request is safe to repeat."""
    currency: str | None = None
    """None: the currency of the tenant's plan."""


def make_adjustment(
    directory: Directory, offer: AdjustmentOffer, now: Instant
) -> Decision[Adjustment]:
    """Make an adjustment, in the currency of the plan in force at the present period's start.

    The period that it is about must be one of the tenant's and have begun.
    """
    check_exists(directory, offer.tenant)
    known = {made.adjustment.id: made.adjustment for made in directory.adjustments(offer.tenant)}
    name = offer.id or _free_name(known)
    what = f"adjustment {name!r} of {offer.tenant}"
    plan, _, _ = directory.plan_of(offer.tenant, directory.period_at(offer.tenant, now).start)
    same = known.get(name)
    currency = offer.currency or (same.currency if same else plan.currency)
    found = validated(Adjustment, what, {**offer._asdict(), "id": name, "currency": currency})
    if same is not None:
        if same != found:
            raise ConfigurationError(
                f"{what}: exists with other content: an adjustment is never edited; make another"
            )
        return Decision(same, None)
    if found.charge_period is not None:
        _check_period(directory, f"{what}: about", offer.tenant, found.charge_period, now)
    if found.currency != plan.currency:
        raise ConfigurationError(
            f"{what}: currency: plan {plan.id!r} is in {plan.currency}, not in {found.currency}"
        )
    value = found.model_dump_json(exclude_none=True)
    return Decision(found, Record("adjustment", found.tenant, value, now, now))


def _check_period(directory: Directory, what: str, tenant: str, name: str, now: Instant) -> None:
    try:
        period = directory.find_period(tenant, name)
    except ValueError as fault:
        raise ConfigurationError(f"{what}: {fault}") from None
    if period is None:
        raise ConfigurationError(f"{what}: {tenant!r} has no period {name!r}")
    if period.start > now:
        raise ConfigurationError(
            f"{what}: period {name!r} begins {format_instant(period.start)}: it cannot be about"
            " the future"
        )


def _free_name(known: dict[str, Adjustment]) -> str:
    names = (f"adjustment-{number:03d}" for number in count(len(known) + 1))
    return next(name for name in names if name not in known)
