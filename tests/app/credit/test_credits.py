"""What a tenant has to pay with: never more than there is, whatever is not settled yet."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.credit import credits as credits_module
from metering.app.ingest.ingest import Message
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError, HeadMovedError, LedgerBroken
from metering.core.basics.instants import DAY, HOUR, MINUTE, format_instant, parse_instant
from metering.core.basics.money import parse_amount
from metering.core.calendars.periods import LedgerId
from metering.core.credit.account import Account, settle
from metering.core.credit.credit import Bounds
from metering.core.credit.grant import Burnt, Revocation
from metering.core.plans.plan import Plan
from metering.core.tenancy.decisions import assign_plan, define_plan
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import AT, NOW, body, recorded

type System = Any

NOVEMBER = parse_instant("2026-11-01T00:00:00Z")
OCTOBER = parse_instant("2026-10-01T00:00:00Z")
#: What one request costs: 1,000 x 2.50 + 100 x 10 per million.
ONE = parse_amount("0.0035")


async def use(system: System, name: str, at: int = AT, subject: str = "acme") -> None:
    made = body(id=name, time=format_instant(at), subject=subject)
    assert (await system.ingest.batch([Message(made, "0", 0)])).accepted == 1


async def give(system: System, amount: str, **terms: Any) -> str:
    grant, _ = await system.tenancy.add_grant(GrantOffer("acme", amount, **terms))
    return str(grant.id)


async def left(system: System) -> Bounds:
    return Bounds(*(await system.credits.of("acme")).remaining)


def exactly(units: int) -> Bounds:
    return Bounds(units, units)


async def test_a_tenant_without_grants_has_nothing_and_costs_no_look(system: System) -> None:
    await use(system, "a")
    found = await system.credits.of("acme")
    assert (found.grants, found.granted, found.remaining, found.open_spend) == ((), 0, (0, 0), 0)


async def test_what_was_used_is_taken_off_the_grants(system: System) -> None:
    await give(system, "0.01", start=NOVEMBER)
    await use(system, "a")
    await use(system, "b")
    # 0.01 - 2 x 0.0035.
    assert await left(system) == exactly(parse_amount("0.003"))
    await use(system, "c")
    assert await left(system) == exactly(0)


async def test_a_fee_of_the_period_is_taken_off_too(system: System) -> None:
    await system.tenancy.define_plan(Plan(id="fee", base_fee="5"), None)
    await system.tenancy.assign_plan("acme", "fee", None)
    await system.tenancy.map_subject("acme", "acme", None)
    await give(system, "10", start=NOVEMBER)
    await use(system, "a")
    # 10 - 5 - 0.0035.
    assert await left(system) == exactly(parse_amount("4.9965"))


async def test_what_a_closed_period_took_is_gone_and_its_ledger_counts_no_more(
    system: System,
) -> None:
    system.clock.set(NOVEMBER - DAY)
    name = await give(system, "0.01", start=OCTOBER)
    await use(system, "a", NOVEMBER - 2 * DAY)
    system.clock.set(NOW)
    await use(system, "b")
    # Both are open: 0.01 - 2 x 0.0035.
    assert await left(system) == exactly(parse_amount("0.003"))
    account = settle(Account("acme"), LedgerId("acme", OCTOBER), Burnt({name: ONE}, 0))
    await system.accounts.replace_account(account, None)
    assert await left(system) == exactly(parse_amount("0.003"))
    (found,) = (await system.credits.of("acme")).grants
    assert (found.settled, found.state) == (ONE, "current")


async def test_usage_from_before_a_grant_takes_nothing_of_it(system: System) -> None:
    await use(system, "old", NOVEMBER - DAY)
    await use(system, "before", AT - HOUR)
    await give(system, "0.01", start=AT)
    # Within November only the pages can tell that it was before.
    assert await left(system) == exactly(parse_amount("0.01"))
    await use(system, "after", AT)
    assert await left(system) == exactly(parse_amount("0.0065"))


async def test_what_an_expired_grant_paid_is_not_asked_of_the_next_one(system: System) -> None:
    system.clock.set(AT - DAY)
    await give(system, "100", start=NOVEMBER, expiry=AT)
    await give(system, "0.005", start=NOVEMBER)
    await use(system, "a", AT - DAY)
    await use(system, "b", AT - DAY)
    system.clock.set(NOW)
    assert await left(system) == exactly(parse_amount("0.005"))
    await use(system, "c", AT)
    assert await left(system) == exactly(parse_amount("0.0015"))


async def test_an_event_from_a_clock_that_is_ahead_may_be_too_late_for_a_grant_that_ends_first(
    system: System,
) -> None:
    await give(system, "1", start=NOVEMBER, expiry=NOW + MINUTE)
    await give(system, "1", start=NOVEMBER)
    await use(system, "ahead", NOW + 2 * MINUTE)
    by_id = {one.grant.id: one.remaining for one in (await system.credits.of("acme")).grants}
    # The first one never paid for it, though it is valid now; the pages say so.
    assert by_id == {"grant-001": exactly(10**18), "grant-002": exactly(10**18 - ONE)}


async def test_pages_are_read_once_and_only_where_heads_leave_a_doubt(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    pages = system.store.pages

    def noted(ledger: LedgerId, *, after: int = 0) -> Any:
        read.append(after)
        return pages(ledger, after=after)

    monkeypatch.setattr(system.store, "pages", noted)
    await give(system, "1", start=NOVEMBER)
    await use(system, "a", AT - DAY)
    await left(system)
    assert read == []
    # It expires earlier, so it pays first: for a, if a was not before it.
    await give(system, "1", start=AT, expiry=NOW + DAY)
    for _ in range(2):
        assert await left(system) == exactly(2 * parse_amount("1") - ONE)
    assert read == [0]
    await use(system, "b", AT)
    await left(system)
    assert read == [0, 1]


async def test_a_ledger_that_goes_on_while_it_is_read_is_counted_up_to_its_head(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_system()
    await give(system, "1", start=NOVEMBER, expiry=NOW + DAY)
    await give(system, "1", start=AT - HOUR, expiry=NOW + HOUR)
    await use(system, "a", AT)
    head = system.store.read_head

    async def read_then_moved_on(ledger: LedgerId) -> Any:
        found = await head(ledger)
        await use(other, "b", AT - 2 * HOUR)
        return found

    monkeypatch.setattr(system.store, "read_head", read_then_moved_on)
    found = await system.credits.of("acme")
    assert found.open_spend == ONE
    # Only a is there yet, and the second grant pays for it; b would be for the first one.
    assert {one.grant.id: one.remaining for one in found.grants} == {
        "grant-001": exactly(10**18),
        "grant-002": exactly(10**18 - ONE),
    }


async def test_what_is_remembered_of_a_ledger_ends_with_other_grants_or_another_ledger(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credits_module, "_MAX_REMEMBERED", 0)
    await give(system, "1", start=NOVEMBER)
    await give(system, "1", start=AT, expiry=NOW + DAY)
    await use(system, "a", AT)
    for _ in range(2):
        assert await left(system) == exactly(2 * parse_amount("1") - ONE)
    monkeypatch.undo()
    await left(system)
    await give(system, "1", start=AT - DAY, expiry=NOW + 2 * DAY)
    assert await left(system) == exactly(3 * parse_amount("1") - ONE)


async def test_a_ledger_that_has_lost_its_head_leaves_no_credit_to_trust(system: System) -> None:
    await give(system, "1", start=NOVEMBER)
    await use(system, "a")
    await system.database.write(lambda connection: connection.execute("DELETE FROM heads"))
    with pytest.raises(LedgerBroken, match="it has pages and no head"):
        await left(system)


async def test_grants_for_a_channel_are_told_apart_from_others(system: System) -> None:
    await give(system, "0.003", start=NOVEMBER, channel="microsoft")
    await give(system, "1", start=NOVEMBER, channel="marketplace")
    await use(system, "a")
    found = await system.credits.of("acme")
    assert found.by_channel == {"microsoft": 0, "marketplace": parse_amount("1"), None: 0}


async def test_usage_in_another_currency_than_the_grants_is_left_out(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await give(system, "1", start=NOVEMBER)
    await use(system, "a")
    eur = Plan(id="eur", currency="EUR")
    directory = system.tenancy.directory
    directory.apply([recorded(define_plan(directory, eur, NOW, 0))])
    december = parse_instant("2026-12-01T00:00:00Z")
    directory.apply([recorded(assign_plan(directory, "acme", "eur", NOW, december))])
    monkeypatch.setattr(Tenancy, "refresh", _nothing)
    system.clock.set(december)
    found = await system.credits.of("acme")
    assert (found.currency, found.grants, found.remaining) == ("EUR", (), (0, 0))


async def _nothing(_: Tenancy) -> None:
    """Replace the refresh: these records are in this process only."""


async def test_a_revoked_grant_pays_for_nothing_more(system: System) -> None:
    name = await give(system, "1", start=NOVEMBER)
    for _ in range(2):
        revoked = await system.tenancy.revoke_grant("acme", Revocation(id=name))
        assert revoked.revoked == NOW + 5 * MINUTE
    assert await left(system) == exactly(parse_amount("1"))
    system.clock.set(NOW + 5 * MINUTE)
    assert await left(system) == exactly(0)
    (found,) = (await system.credits.of("acme")).grants
    assert found.state == "revoked"


async def test_a_grant_under_an_id_is_given_once_by_whatever_process(
    system: System, make_system: Callable[..., System]
) -> None:
    offer = GrantOffer("acme", "1", id="g")
    first, is_news = await system.tenancy.add_grant(offer)
    again, is_news_again = await make_system().tenancy.add_grant(offer)
    assert (first, is_news, is_news_again) == (again, True, False)
    assert await system.read.knows("acme")


async def test_a_tenant_that_no_event_can_make_gets_no_grant(
    make_system: Callable[..., System],
) -> None:
    system = make_system(automatic=False)
    with pytest.raises(ConfigurationError, match="unknown tenant 'acme'"):
        await give(system, "1")
    await system.tenancy.assign_plan("acme", "default", None)
    assert await give(system, "1") == "grant-001"


async def test_two_who_close_a_period_at_once_settle_it_once(
    system: System, make_system: Callable[..., System]
) -> None:
    """Both have burnt the same; the second one's write is refused, and looking again settles it."""
    other, ledger = make_system(), LedgerId("acme", OCTOBER)
    burnt = Burnt({"g": 7}, 0)
    await system.accounts.replace_account(settle(Account("acme"), ledger, burnt), None)
    with pytest.raises(HeadMovedError):
        await other.accounts.replace_account(settle(Account("acme"), ledger, burnt), None)
    stored = await other.accounts.read_account("acme")
    assert settle(stored.account, ledger, burnt) == stored.account
    assert stored.account.settled == {"g": 7}


async def test_a_crash_after_the_settlement_leaves_what_it_took_to_be_read_again(
    system: System, make_system: Callable[..., System]
) -> None:
    """Whoever goes on with the close finds the same figures, for the statement and the account."""
    ledger = LedgerId("acme", OCTOBER)
    account = settle(Account("acme"), ledger, Burnt({"g": 7}, 0))
    await system.accounts.replace_account(account, None)
    stored = await make_system().accounts.read_account("acme")
    again = settle(stored.account, ledger, Burnt({"g": 1}, 6))
    assert again.burnt[ledger] == {"g": 7}
