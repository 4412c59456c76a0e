"""AccountStore: one account a tenant, replaced by whoever read it last and by nobody else."""

from collections.abc import Callable

import pytest

from metering.bootstrap import Stores
from metering.core.basics.errors import HeadMovedError
from metering.core.basics.instants import parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.credit.account import Account, settle
from metering.core.credit.grant import Burnt

OCTOBER = LedgerId("acme", parse_instant("2026-10-01T00:00:00Z"))
NOVEMBER = LedgerId("acme", parse_instant("2026-11-01T00:00:00Z"))
#: Far above what a double holds exactly.
MUCH = 12_345_678_901_234_567_890_123

FIRST = settle(Account("acme"), OCTOBER, Burnt({"a": MUCH, "b": 1}, 0))
SECOND = settle(FIRST, NOVEMBER, Burnt({}, 5))


async def test_a_tenant_without_an_account_has_none(stores: Stores) -> None:
    assert await stores.accounts.read_account("acme") is None


async def test_an_account_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    etag = await stores.accounts.replace_account(FIRST, None)
    other = make_stores().accounts
    assert await other.read_account("acme") == (FIRST, etag)
    newer = await other.replace_account(SECOND, etag)
    assert newer != etag
    assert await stores.accounts.read_account("acme") == (SECOND, newer)


async def test_a_replacement_of_an_account_that_has_moved_writes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    etag = await stores.accounts.replace_account(FIRST, None)
    newer = await make_stores().accounts.replace_account(SECOND, etag)
    for stale in (etag, None):
        with pytest.raises(HeadMovedError):
            await stores.accounts.replace_account(Account("acme"), stale)
    assert await stores.accounts.read_account("acme") == (SECOND, newer)


async def test_an_account_that_is_not_there_cannot_be_replaced(stores: Stores) -> None:
    with pytest.raises(HeadMovedError):
        await stores.accounts.replace_account(FIRST, '"7"')


async def test_the_accounts_of_tenants_are_apart(stores: Stores) -> None:
    one = await stores.accounts.replace_account(FIRST, None)
    two = await stores.accounts.replace_account(Account("acme.b"), None)
    assert await stores.accounts.read_account("acme") == (FIRST, one)
    assert await stores.accounts.read_account("acme.b") == (Account("acme.b"), two)
