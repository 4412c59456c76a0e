"""What users of the nearest systems wish for: late points as a delta, recalculation, attribution.

killbill #876 (late points as a delta), Flexprice #605 (back-fill), litellm #31835 (recalculation),
litellm PR #35341 (PTU attribution), litellm #8364, #5651, #7129 and #34492 (period resets).
gpt-4o costs $2.50 a million tokens in and $10 out: 1,000 and 100 are 0.0035.
"""

from typing import Any

from metering.app.billing.close_periods import GRACE
from metering.app.ingest.ingest import Message
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import format_amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import parse_month
from metering.core.deployments.deployment import read_deployment
from tests.builders import body

type System = Any

NOVEMBER, DECEMBER = parse_month("2026-11"), parse_month("2026-12")


async def use(system: System, name: str, at: Instant, **changes: Any) -> None:
    made = body(**{"id": name, "time": format_instant(at), "subject": "acme", **changes})
    assert (await system.ingest.batch([Message(made, "0", 0)])).accepted == 1


async def bills(system: System) -> list[Statement]:
    return [one async for one in system.read_statements.every("acme")]


def sums(statement: Statement) -> dict[str, str]:
    found: dict[str, int] = {}
    for line in statement.lines:
        found[line.kind] = found.get(line.kind, 0) + line.amount
    return {kind: format_amount(amount) for kind, amount in found.items()}


async def test_a_late_point_is_a_delta_on_the_next_bill_and_never_an_edit(system: System) -> None:
    await use(system, "a", NOVEMBER.start + DAY)
    await system.close(NOVEMBER.end + GRACE)
    before = await bills(system)
    await use(system, "late", NOVEMBER.start + 2 * DAY)
    await system.close(DECEMBER.end + GRACE)
    after = await bills(system)
    assert after[:1] == before
    assert sums(after[1])["correction"] == "0.0035"


async def test_a_back_fill_of_a_year_ago_is_billed_once_whatever_is_sent_again(
    system: System,
) -> None:
    await use(system, "a", NOVEMBER.start + DAY)
    await system.close(NOVEMBER.end + GRACE)
    year_ago = NOVEMBER.start - 300 * DAY
    await use(system, "back-fill", year_ago)
    again = body(id="back-fill", time=format_instant(year_ago), subject="acme")
    assert (await system.ingest.batch([Message(again, "0", 9)])).duplicates == 1
    for month in ("2026-12", "2027-01"):
        await system.close(parse_month(month).end + GRACE)
    found = [sums(one).get("correction", "0") for one in await bills(system)]
    assert found == ["0", "0.0035", "0"]


async def test_a_bill_can_be_worked_out_again_by_anybody_at_any_time(system: System) -> None:
    await use(system, "a", NOVEMBER.start + DAY)
    await system.close(NOVEMBER.end + GRACE)
    await use(system, "late", NOVEMBER.start + 2 * DAY)
    verdicts = [one async for one in system.read_statements.verify("acme")]
    assert [one.faults for one in verdicts] == [()]


async def test_capacity_that_is_paid_by_the_hour_is_attributed_to_who_used_it(
    system: System,
) -> None:
    terms = {"units": 10, "hourly_price": "1", "scope": "global", "idle": "unallocated"}
    kept = {"name": "chat", "model": "gpt-4o", "deployment_type": "provisioned"}
    deployment = read_deployment("d", {**kept, "provisioned": terms})
    await system.tenancy.define_deployment(deployment, NOVEMBER.start)
    on_it = {"data__deployment": "chat", "data__deployment_type": "provisioned"}
    await use(system, "a", NOVEMBER.start + DAY, **on_it)
    await system.close(NOVEMBER.end + GRACE)
    (bill,) = await bills(system)
    # One hour of ten units at 1.00, used by nobody else; the tokens themselves cost nothing.
    assert sums(bill) == {"usage": "0", "ptu_share": "10"}


async def test_a_period_ends_at_its_edge_and_nothing_is_reset_or_lost(system: System) -> None:
    system.clock.set(DECEMBER.start + DAY)
    await use(system, "last", NOVEMBER.end - 1)
    await use(system, "first", DECEMBER.start)
    await system.close(DECEMBER.end + GRACE)
    assert [sums(one)["usage"] for one in await bills(system)] == ["0.0035", "0.0035"]
