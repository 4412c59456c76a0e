"""Acts of operators and who they are, below HTTP."""

import json

import pytest

from metering.app.tenancy.audited import MAX_STATE_CHARACTERS, Act, Audited
from metering.app.tenancy.callers import Callers
from metering.bootstrap import Stores, sqlite_stores
from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.access import Caller, Identity
from metering.core.tenancy.audit import Outcome, day_of
from tests.builders import NOW
from tests.conftest import LocalSystem


@pytest.fixture
def stores(system: LocalSystem) -> Stores:
    return sqlite_stores(system.database)


async def test_a_state_that_is_too_long_is_told_by_its_beginning(
    system: LocalSystem, stores: Stores
) -> None:
    audited = Audited(log=stores.audit, clock=system.clock)
    large = {"text": "x" * MAX_STATE_CHARACTERS}

    async def work() -> int:
        return 7

    assert await audited.do(Act("1", "me", "a.b", "c"), lambda: large, work) == 7
    done, asked = await audited.entries(day_of(NOW), None, 9)
    assert (asked.outcome, done.outcome) == (Outcome.ASKED, Outcome.DONE)
    assert asked.after is None
    assert done.before is not None
    told = json.loads(done.before)
    assert told["characters"] > MAX_STATE_CHARACTERS
    assert len(told["begins"]) == 1_000


async def test_what_is_refused_says_why_and_raises(system: LocalSystem, stores: Stores) -> None:
    audited = Audited(log=stores.audit, clock=system.clock)

    async def work() -> None:
        raise ConfigurationError("no")

    with pytest.raises(ConfigurationError):
        await audited.do(Act("1", "me", "a.b", "c"), lambda: None, work)
    refused, _ = await audited.entries(day_of(NOW), None, 9)
    assert (refused.outcome, refused.after) == (Outcome.REFUSED, '{"reason": "no"}')


async def test_a_tenant_that_the_issuer_names_is_taken_at_its_word(system: LocalSystem) -> None:
    callers = Callers(tenancy=system.tenancy, clock=system.clock)
    made = await callers.caller(Identity("development:acme", tenant="acme"))
    assert made == Caller("development:acme", frozenset(), "acme")
