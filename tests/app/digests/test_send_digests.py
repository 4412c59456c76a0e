"""Digests: figures of a week, sent once whatever crashes; a broken ledger keeps no other's."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from metering.adapters.mail.digest_mail import digest_mail
from metering.adapters.sqlite.database import Database
from metering.app.digests.send_digests import SendDigests
from metering.app.ingest.ingest import Message
from metering.bootstrap import sqlite_stores
from metering.core.basics.errors import InvariantBroken, RetryableError
from metering.core.basics.instants import DAY, parse_instant
from metering.core.basics.money import parse_amount
from metering.core.digests.digest import detail_of
from metering.core.ledger.effect import EffectKind, describe
from metering.core.plans.plan import read_plan
from metering.core.tenancy.customers import Customer
from metering.core.tenancy.grant_records import GrantOffer
from metering.ports import Mail
from tests.builders import body
from tests.systems import System

MONDAY = parse_instant("2026-11-16T06:00:00Z")
#: In the week before, and in the one before that, which began in October.
LAST, FORMER = "2026-11-10T12:00:00Z", "2026-11-03T12:00:00Z"


class Mailbox:
    """A service that keeps mails, unless a test lets it fail."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, tuple[str, ...], str]] = []
        self.faults: list[BaseException] = []

    async def send(self, mail: Mail, recipients: Sequence[str], key: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((mail.subject, tuple(recipients), key))


class Running:
    """A system with usage of two tenants in two weeks."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)
        self.system = System(sqlite_stores(self.database))
        self.system.clock.set(MONDAY)
        self.mailbox = Mailbox()
        self.sending = self.process()

    def process(self) -> SendDigests:
        app = self.system.app
        return SendDigests(
            read=app.read,
            overview=app.overview,
            tenancy=app.tenancy,
            register=app.stores.register,
            notifier=self.system.notifier,
            mailer=self.mailbox,
            render=lambda digest: digest_mail(digest, "Contoso"),
            operators=("ops@example.com",),
            clock=self.system.clock,
            alerts=self.system.alerts,
        )

    async def use(self) -> None:
        tenancy = self.system.tenancy
        for number, tenant in enumerate(("acme", "beta", "idle"), 1):
            await tenancy.map_subject(f"sub-{number}", tenant, None)
        await tenancy.set_customer("acme", Customer(recipients=("ada@example.com",)))
        events = [
            *(body(id=f"a{n}", time=LAST) for n in range(3)),
            body(id="a9", time=FORMER),
            body(id="b1", time=LAST, subject="sub-2"),
            body(id="b2", time=LAST, subject="sub-2", data__model="unheard-of"),
        ]
        await self.system.ingest.batch([Message(one, "0", n) for n, one in enumerate(events)])


type Make = Callable[[str], Running]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    made: list[Running] = []

    def run(name: str) -> Running:
        made.append(Running(tmp_path / name))
        return made[-1]

    yield run
    for one in made:
        await one.database.close()


@pytest.fixture
async def running(make: Make) -> Running:
    made = make("store.db")
    await made.use()
    return made


async def test_a_digest_has_the_week_and_its_change(running: Running) -> None:
    found = await running.sending.of("acme")
    # 1,000 x 2.50 + 100 x 10.00 of a million are 0.0035; three of them 0.0105.
    assert [(one.spend, one.before) for one in found.totals] == [
        (parse_amount("0.0105"), parse_amount("0.0035"))
    ]
    assert [one.name for one in found.movers] == ["gpt-4o"]
    assert found.forecasts == ["2026-11 is expected to come to 0.03 USD"]
    assert (found.unpriced, found.near) == (0, [])
    everyone = running.sending.of_operators(*await running.sending.all())
    # Of all tenants 0.014 and 0.0035; of beta one request has no price.
    assert [(one.spend, one.before) for one in everyone.totals] == [
        (parse_amount("0.014"), parse_amount("0.0035"))
    ]
    assert [one.name for one in everyone.movers] == ["acme", "beta"]
    assert everyone.unpriced == 1
    # acme: 0.0140 in 15.25 days, beta: 0.0035; to the cent 0.03 and 0.01 for 30 days.
    assert everyone.forecasts == [
        "2 tenants: 0.03 USD expected in the present periods",
        "acme: 2026-11 is expected to come to 0.03 USD",
        "beta: 2026-11 is expected to come to 0.01 USD",
    ]
    assert json.loads(detail_of(everyone))["forecasts"] == everyone.forecasts


async def test_limits_that_are_near_are_named(running: Running) -> None:
    plan = read_plan(
        "plan",
        {
            "id": "tight",
            "quotas": [
                {"metric": "requests", "window": "period", "action": "notify", "limit": "4"}
            ],
        },
    )
    tenancy = running.system.tenancy
    await tenancy.define_plan(plan, None)
    await tenancy.assign_plan("acme", "tight", None)
    running.system.clock.set(MONDAY + DAY)
    await tenancy.add_grant(GrantOffer("acme", "0.001"))
    found = await running.sending.of("acme")
    assert found.near[0] == "credit is used up"
    assert found.near[1].startswith("100 % of requests")
    everyone = running.sending.of_operators([found], [])
    assert everyone.near[0] == "acme: credit is used up"


async def test_each_digest_is_sent_once_by_each_way(running: Running) -> None:
    # By webhook of acme, beta and operators; by mail of acme and operators. `idle` used nothing.
    assert await running.sending.run() == 5
    assert await running.process().run() == 0
    sent = running.system.notifier.effects
    assert [one.ledger.tenant for one in sent] == ["acme", "beta", "(operators)"]
    assert {one.kind for one in sent} == {EffectKind.DIGEST}
    assert describe(sent[0]).endswith("week 2026-W46 of acme: 0.01 USD (+200 %)")
    assert json.loads(sent[2].detail)["unpriced"] == 1
    assert [(to, key) for _, to, key in running.mailbox.sent] == [
        (("ada@example.com",), "digest/tenant/acme/2026-W46"),
        (("ops@example.com",), "digest/operators/2026-W46"),
    ]
    running.system.clock.set(MONDAY + 7 * DAY)
    assert await running.sending.run() == 5


async def test_a_crash_sends_nobody_twice_and_a_refusal_is_tried_again(running: Running) -> None:
    running.mailbox.faults = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await running.sending.run()
    # The mail of acme may have gone: it is not sent again. The others are.
    running.mailbox.faults = [RetryableError("busy")]
    assert await running.process().run() == 1
    assert running.system.alerts.messages == ["digest/operators/2026-W46 by mail: busy"]
    assert [to for _, to, _ in running.mailbox.sent] == []
    assert await running.process().run() == 1
    assert [to for _, to, _ in running.mailbox.sent] == [("ops@example.com",)]
    assert len(running.system.notifier.effects) == 3


async def test_one_broken_ledger_keeps_no_others_digest(running: Running, make: Make) -> None:
    await running.database.change("UPDATE heads SET document = '{}' WHERE tenant = 'acme'")
    process = make("store.db")
    with pytest.raises(InvariantBroken):
        await process.sending.of("acme")
    assert await process.sending.run() == 3
    told = [one.ledger.tenant for one in process.system.notifier.effects]
    assert told == ["beta", "(operators)"]
    assert json.loads(process.system.notifier.effects[1].detail)["unreadable"] == 1


async def test_without_tenants_and_without_mail_operators_are_told_of_nothing(make: Make) -> None:
    empty = make("empty.db")
    empty.sending.mailer = None
    assert await empty.sending.run() == 1
    (told,) = empty.system.notifier.effects
    assert describe(told).endswith("week 2026-W46 of all tenants: no usage")
