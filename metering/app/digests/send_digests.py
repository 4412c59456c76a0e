"""Make the digests of a week, and send each once: by the notifier, and by mail where it is set.

A mark is written before a digest is handed over, so that a crash sends nothing twice. If the
receiver refuses it, the mark is taken back, and the next run tries again under the same key.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from metering.app.reports.overview import NEAR_PERCENT, Overview, TenantNow
from metering.app.reports.read import Read
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import InvariantBroken, LedgerLagError, RetryableError
from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import Days, LedgerId
from metering.core.digests.digest import (
    MAX_NAMED,
    Digest,
    Expected,
    Mover,
    Week,
    detail_of,
    forecasts_of,
    movers_of,
    short,
    summed,
    week_before,
)
from metering.core.ledger.effect import Effect, EffectKind
from metering.ports import Alerts, Clock, Mail, Mailer, Notifier, RegisterStore

type Way = Literal["webhook", "mail"]
_Spend = Counter[tuple[str, str]]

#: The name under which operators' digests are notified: no tenant can have it.
OPERATORS: Final = "(operators)"
_RUN: Final = "digest-run"


@dataclass(slots=True, kw_only=True)
class SendDigests:
    """The use case behind the timer `send_digests` and `metering digest`."""

    read: Read
    overview: Overview
    tenancy: Tenancy
    register: RegisterStore
    notifier: Notifier
    mailer: Mailer | None
    """None: no mail is sent."""
    render: Callable[[Digest], Mail]
    operators: Sequence[str]
    clock: Clock
    alerts: Alerts

    async def of(self, tenant: str, week: Week | None = None) -> Digest:
        """Return the digest of a tenant. Raises InvariantBroken if its ledger cannot be read."""
        await self.tenancy.refresh_if_due()
        week = week or week_before(self.clock.now())
        (now,) = await self.overview.of([tenant])
        if now.fault is not None:
            raise InvariantBroken(now.fault)
        currency = now.balance.currency
        spend, before = _Spend(), _Spend()
        unpriced = 0
        for days, into in ((_days(week), spend), (Days(week.before, week.first), before)):
            rows, _ = await self.read.usage_of_days(tenant, days, ("model",))
            for row in rows:
                into[row.group[0] or "(not named)", currency] += row.amount or 0
                unpriced += row.line.unpriced if into is spend else 0
        expected = _expected(now)
        return Digest(
            tenant,
            week,
            [_total(spend, before, currency)] if spend or before else [],
            movers_of(spend, before),
            [] if expected is None else [expected.text],
            _near(now),
            unpriced,
            expected=expected,
        )

    def of_operators(self, digests: Sequence[Digest], faults: Sequence[str]) -> Digest:
        """Return the operators' digest from those of tenants and what could not be read."""
        week = digests[0].week if digests else week_before(self.clock.now())
        totals = [one._replace(name=of.tenant or "") for of in digests for one in of.totals]
        spend = {(one.name, one.currency): one.spend for one in totals}
        before = {(one.name, one.currency): one.before for one in totals}
        near = [short(f"{of.tenant}: {text}") for of in digests for text in of.near]
        return Digest(
            None,
            week,
            summed(totals),
            movers_of(spend, before),
            forecasts_of(of.expected for of in digests if of.expected is not None),
            near[:MAX_NAMED],
            sum(of.unpriced for of in digests),
            list(faults)[:MAX_NAMED],
        )

    async def all(self) -> tuple[list[Digest], list[str]]:
        """Return the digests of all tenants, and the faults of those that cannot be read."""
        await self.tenancy.refresh()
        digests, faults = list[Digest](), list[str]()
        for tenant in self.tenancy.directory.tenants():
            try:
                digests.append(await self.of(tenant))
            except (InvariantBroken, LedgerLagError) as fault:
                faults.append(short(f"{tenant}: {fault}"))
        return digests, faults

    async def run(self) -> int:
        """Send the digests of the last week that have not been sent; return their number.

        Safe to repeat and to cut off anywhere. What one receiver refuses keeps no other's digest.
        """
        week = week_before(self.clock.now())
        done = await self.register.read_mark(_RUN)
        if done is not None and done["week"] >= week.name:
            return 0
        digests, faults = await self.all()
        found = [*digests, self.of_operators(digests, faults)]
        results = [await self._send(one) for one in found]
        if None not in results:
            await self.register.write_mark(_RUN, {"week": week.name})
        return sum(one or 0 for one in results)

    async def _send(self, digest: Digest) -> int | None:
        """Send a digest every way; return the number sent, or None if a receiver refused it."""
        if digest.tenant is not None and not digest.totals:
            # A tenant without usage for two weeks is told nothing.
            return 0
        ways: list[tuple[Way, Callable[[], Awaitable[None]]]] = [
            ("webhook", lambda: self.notifier.notify(effect_of(digest)))
        ]
        mailer, recipients = self.mailer, self._recipients(digest)
        if mailer is not None and recipients:
            mail = self.render(digest)
            ways.append(("mail", lambda: mailer.send(mail, recipients, digest.key)))
        sent, is_whole = 0, True
        for way, send in ways:
            try:
                sent += await self._once(way, digest, send)
            except RetryableError as fault:
                is_whole = False
                self.alerts.alert(f"{digest.key} by {way}: {fault}", "effect")
        return sent if is_whole else None

    def _recipients(self, digest: Digest) -> Sequence[str]:
        if digest.tenant is None:
            return self.operators
        return self.tenancy.directory.customers.of(digest.tenant).recipients

    async def _once(self, way: Way, digest: Digest, send: Callable[[], Awaitable[None]]) -> int:
        """Send unless the mark of this audience says that this week was sent."""
        name = f"digest-{way}-{digest.tenant or OPERATORS}"
        mark = await self.register.read_mark(name)
        if mark is not None and mark["week"] >= digest.week.name:
            return 0
        await self.register.write_mark(name, {"week": digest.week.name})
        try:
            await send()
        except RetryableError:
            await self.register.write_mark(name, mark or {"week": ""})
            raise
        return 1


def effect_of(digest: Digest) -> Effect:
    """Return the notification of a digest: its key is the same at every attempt."""
    start = parse_instant(f"{digest.week.first}T00:00:00Z")
    end = parse_instant(f"{digest.week.end}T00:00:00Z")
    ledger = LedgerId(digest.tenant or OPERATORS, start)
    # Pages count from 1: no commit has this key.
    return Effect(ledger, 0, 0, EffectKind.DIGEST, detail_of(digest), end)


def _days(week: Week) -> Days:
    return Days(week.first, week.end)


def _total(spend: _Spend, before: _Spend, currency: str) -> Mover:
    return Mover("", currency, sum(spend.values()), sum(before.values()))


def _expected(now: TenantNow) -> Expected | None:
    if not now.trend.projected:
        return None
    return Expected(now.tenant, now.period.name, now.balance.currency, now.trend.projected)


def _near(now: TenantNow) -> list[str]:
    quotas = sorted(now.quotas, key=lambda one: -one.percent)
    near = [
        short(f"{one.percent} % of {one.label}") for one in quotas if one.percent >= NEAR_PERCENT
    ]
    if now.credit is not None and now.credit.remaining.at_most <= 0:
        near.insert(0, "credit is used up")
    return near[:MAX_NAMED]
