"""Decisions on grants: a grant is given once, revoked at most once, and never edited."""

from itertools import count
from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.validation import validated
from metering.core.calendars.dated import soonest
from metering.core.credit.grant import Channel, Grant, Revocation
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision, Record, check_tenant_id


class GrantOffer(NamedTuple):
    """A request for a grant. Omitted fields take defaults from the tenant's plan and period."""

    tenant: str
    amount: str
    """A decimal string in currency units, above zero."""
    expiry: Instant | None = None
    """None: never."""
    id: str | None = None
    """None: `grant-001`, `grant-002` … With an id the request is safe to repeat."""
    start: Instant | None = None
    """None: the start of the present period, or unchanged if the id exists already."""
    currency: str | None = None
    """None: the currency of the tenant's plan at the start."""
    priority: int = 0
    channel: Channel | None = None
    reason: str = ""
    author: str = ""


def give_grant(directory: Directory, offer: GrantOffer, now: Instant) -> Decision[Grant]:
    """Give a grant. It may start no earlier than the present period: earlier ones are billed."""
    check_tenant_id(offer.tenant)
    known = {grant.id: grant for grant in directory.grants(offer.tenant)}
    same = known.get(offer.id or "")
    present = directory.period_at(offer.tenant, now).start
    start = offer.start if offer.start is not None else same.start if same else present
    plan, _, _ = directory.plan_of(offer.tenant, start)
    name = offer.id or _free_name(known)
    what = f"grant {name!r} of {offer.tenant}"
    content = {
        **offer._asdict(),
        "id": name,
        "start": start,
        "currency": plan.currency if offer.currency is None else offer.currency,
    }
    grant = validated(Grant, what, content)
    if same is not None:
        _refuse_an_edit(what, same.model_copy(update={"revoked": None}), grant)
        return Decision(same, None)
    if grant.currency != plan.currency:
        raise ConfigurationError(
            f"{what}: currency: plan {plan.id!r} is in {plan.currency}, not in {grant.currency}"
        )
    _refuse_the_past(what, grant, present, now)
    value = grant.model_dump_json(exclude_defaults=True)
    return Decision(grant, Record("grant", grant.tenant, value, grant.start, now))


def _free_name(known: dict[str, Grant]) -> str:
    """Return a name that sorts after all earlier ones: older grants are used up first."""
    names = (f"grant-{number:03d}" for number in count(len(known) + 1))
    return next(name for name in names if name not in known)


def _refuse_an_edit(what: str, before: Grant, after: Grant) -> None:
    for name in Grant.model_fields:
        old, new = (_format(name, getattr(grant, name)) for grant in (before, after))
        if old != new:
            raise ConfigurationError(
                f"{what}: exists with {name} {old}, not {new}: a grant is never edited;"
                " revoke it and give another one"
            )


def _format(name: str, value: object) -> str:
    if isinstance(value, int) and name != "priority":
        return format_instant(value)
    return "none" if value is None else str(value)


def _refuse_the_past(what: str, grant: Grant, earliest: Instant, now: Instant) -> None:
    if grant.expiry is not None and grant.expiry <= now:
        raise ConfigurationError(
            f"{what}: expiry: {format_instant(grant.expiry)} is past: it would pay for nothing"
        )
    if grant.start < earliest:
        raise ConfigurationError(
            f"{what}: start: {format_instant(grant.start)} is before"
            f" {format_instant(earliest)}: no grant pays for a period that is over"
        )


def revoke_grant(
    directory: Directory, tenant: str, revocation: Revocation, now: Instant
) -> Decision[Grant]:
    """End a grant at the soonest instant; usage it has paid for until then stays paid."""
    what = f"grant {revocation.id!r} of {tenant}"
    found = next((one for one in directory.grants(tenant) if one.id == revocation.id), None)
    if found is None:
        raise ConfigurationError(f"{what}: does not exist: see `metering grants list {tenant}`")
    if found.revoked is not None:
        return Decision(found, None)
    at = soonest(now)
    if found.end <= at:
        raise ConfigurationError(f"{what}: has expired by {format_instant(at)} anyway")
    record = Record("revocation", tenant, revocation.model_dump_json(), at, now)
    return Decision(found.model_copy(update={"revoked": at}), record)
