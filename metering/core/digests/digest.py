"""The digest: what a week came to for one audience, as figures and short texts."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant, to_datetime
from metering.core.basics.money import Amount, format_amount, rounded
from metering.core.basics.wording import plural

#: Movers, limits and faults that a digest names.
MAX_NAMED: Final = 10
#: Those that a notification repeats: an effect has a few thousand bytes.
_MAX_TOLD: Final = 4
#: Characters of a name in a digest: producers choose names.
MAX_NAME: Final = 64


class Week(NamedTuple):
    """A week in UTC: its name, and its days from Monday on, before `end`."""

    name: str
    first: str
    end: str
    before: str
    """The Monday of the week before."""


class Mover(NamedTuple):
    """The spend of a model or tenant in a week, and in the one before."""

    name: str
    currency: str
    spend: Amount
    before: Amount

    @property
    def change(self) -> Amount:
        """The difference."""
        return self.spend - self.before


class Expected(NamedTuple):
    """The amount expected of a tenant's present period."""

    tenant: str
    period: str
    currency: str
    amount: Amount

    @property
    def text(self) -> str:
        """The forecast of the tenant for itself."""
        return f"{self.period} is expected to come to {_paid(self.amount, self.currency)}"


class Digest(NamedTuple):
    """The digest of one audience."""

    tenant: str | None
    """None: the operators'."""
    week: Week
    totals: Sequence[Mover]
    """The spend of the week by currency."""
    movers: Sequence[Mover]
    forecasts: Sequence[str]
    near: Sequence[str]
    """Limits that are reached or nearly so."""
    unpriced: int
    """Requests of the week without a price."""
    faults: Sequence[str] = ()
    """Sources that could not be read, and are in no figure."""
    expected: Expected | None = None
    """Of a tenant, the figure behind its forecast."""

    @property
    def audience(self) -> str:
        """The tenant, or `operators`, for people."""
        return "all tenants" if self.tenant is None else self.tenant

    @property
    def key(self) -> str:
        """The same for every attempt to send this digest."""
        of = "operators" if self.tenant is None else f"tenant/{self.tenant}"
        return f"digest/{of}/{self.week.name}"


def week_before(at: Instant) -> Week:
    """Return the last week that has ended at an instant."""
    day = to_datetime(at)
    monday = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=day.weekday())
    first = monday - timedelta(days=7)
    return Week(
        f"{first:%G-W%V}",
        f"{first:%Y-%m-%d}",
        f"{monday:%Y-%m-%d}",
        f"{first - timedelta(days=7):%Y-%m-%d}",
    )


def short(name: str) -> str:
    """Return a name as a digest has it: printable, on one line, not longer than it may be."""
    plain = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)
    return plain if len(plain) <= MAX_NAME else f"{plain[: MAX_NAME - 1]}…"


def movers_of(
    spend: Mapping[tuple[str, str], Amount], before: Mapping[tuple[str, str], Amount]
) -> list[Mover]:
    """Return what changed most between two weeks, by name and currency."""
    every = [
        Mover(short(of[0]), of[1], spend.get(of, 0), before.get(of, 0))
        for of in sorted({*spend, *before})
    ]
    changed = [one for one in every if one.change]
    return sorted(changed, key=lambda one: -abs(one.change))[:MAX_NAMED]


def summed(movers: Iterable[Mover]) -> list[Mover]:
    """Return the sums by currency."""
    found: dict[str, Mover] = {}
    for one in movers:
        have = found.get(one.currency, Mover("", one.currency, 0, 0))
        found[one.currency] = have._replace(
            spend=have.spend + one.spend, before=have.before + one.before
        )
    return [found[currency] for currency in sorted(found)]


def forecasts_of(every: Iterable[Expected]) -> list[str]:
    """Return the forecasts of all tenants: the sums by currency, then the largest tenants."""
    found = sorted(every, key=lambda one: (-one.amount, one.tenant))
    sums: dict[str, list[Amount]] = {}
    for one in found:
        sums.setdefault(one.currency, []).append(one.amount)
    texts = [
        f"{plural(len(of), 'tenant')}: {_paid(sum(of), currency)} expected in the present"
        f" {'period' if len(of) == 1 else 'periods'}"
        for currency, of in sorted(sums.items())
    ]
    largest = [short(f"{one.tenant}: {one.text}") for one in found]
    return [*texts, *largest[: max(0, MAX_NAMED - len(texts))]]


def _paid(amount: Amount, currency: str) -> str:
    return f"{format_amount(rounded(amount, currency))} {currency}"


def percent_text(one: Mover) -> str:
    """Return a change in per cent for people: `+12 %`, `-100 %`, `new`, `unchanged`."""
    if not one.change:
        return "unchanged"
    if one.before <= 0:
        return "new"
    share = abs(one.change) * 100 // one.before
    return f"{'+' if one.change > 0 else '-'}{share:,} %"


def digest_json(digest: Digest) -> dict[str, object]:
    """Return a digest for machines, with exact amounts."""
    return {
        "tenant": digest.tenant,
        "week": digest.week.name,
        "first": digest.week.first,
        "end": digest.week.end,
        "totals": [_mover(one) for one in digest.totals],
        "movers": [_mover(one) for one in digest.movers],
        "forecasts": list(digest.forecasts),
        "near": list(digest.near),
        "unpriced": digest.unpriced,
        "faults": list(digest.faults),
        "key": digest.key,
    }


def _mover(one: Mover) -> dict[str, object]:
    return {
        "name": one.name,
        "currency": one.currency,
        "spend": format_amount(one.spend),
        "before": format_amount(one.before),
        "change": format_amount(one.change),
    }


def detail_of(digest: Digest) -> str:
    """Return the detail of a digest's notification: JSON, with amounts to the minor unit."""
    detail = {
        "audience": digest.audience,
        "week": digest.week.name,
        "totals": [_told(one) for one in digest.totals[:_MAX_TOLD]],
        "movers": [_told(one) for one in digest.movers[:_MAX_TOLD]],
        "forecasts": [short(one) for one in digest.forecasts[:_MAX_TOLD]],
        "near": [short(one) for one in digest.near[:_MAX_TOLD]],
        "unpriced": digest.unpriced,
        "unreadable": len(digest.faults),
    }
    return json.dumps(detail, sort_keys=True)


def _told(one: Mover) -> dict[str, str]:
    spend = format_amount(rounded(one.spend, one.currency))
    return {"name": one.name, "spend": f"{spend} {one.currency}", "change": percent_text(one)}
