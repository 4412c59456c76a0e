"""Readers of all ledgers: one of ten that cannot be read is named, and the others are answered."""

from metering.app.ledger.one_by_one import OneByOne
from metering.app.reconciliation.reconcile import Asked
from tests.app.bounds.ten import LEDGERS, REFUSED, SICK, TENANTS
from tests.app.reconciliation.test_reconcile import bill
from tests.gateway_logs import llm_record, log
from tests.systems import System


def sound(harm: str) -> int:
    """Return how many ledgers can be read: a store that refuses writes answers reads."""
    return 10 if harm in REFUSED else 9


def left_out(harm: str) -> list[str]:
    return [] if harm in REFUSED else [str(LEDGERS[SICK])]


async def test_deployments_unknown(sick: System, harm: str) -> None:
    one_by_one = OneByOne()
    (found,) = await sick.app.deployments.unknown(list(LEDGERS.values()), one_by_one)
    # Twenty requests each; what was read of the sick one before its fault is in no figure.
    assert found.requests == 20 * sound(harm)
    assert list(one_by_one.left_out) == left_out(harm)


async def test_a_bill_and_the_logs(sick: System, harm: str) -> None:
    one_by_one = OneByOne()
    rows = [bill(model="m-1")]
    found = await sick.app.billing.reconcile.costs("f", rows, Asked(), one_by_one)
    # 1,000 tokens in and 100 out a request.
    assert sum(line.our_tokens for line in found.lines) == 20 * 1_100 * sound(harm)
    assert list(one_by_one.left_out) == left_out(harm)
    one_by_one = OneByOne()
    record = log(*(llm_record(f"r-1-{tenant}") for tenant in TENANTS))
    told = await sick.app.billing.reconcile_logs.compare("f", [record], one_by_one)
    assert sum(told.absent.values()) == 10 - sound(harm)
    assert sum(line.requests for line in told.lines) == 20 * sound(harm)
    assert list(one_by_one.left_out) == left_out(harm)
