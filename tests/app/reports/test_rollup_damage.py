"""A rollup that cannot be trusted: pages serve, the rollup is rebuilt, and `verify` names it."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from metering.core.basics.errors import RollupBroken
from metering.core.basics.instants import DAY
from tests.app.committing import LEDGER, System, commit
from tests.app.rolling import change, cursor_page, faults, usage_is_exact
from tests.builders import AT, usage

type Document = dict[str, Any]

CURSOR = "UPDATE rollups SET document = ? WHERE name = 'cursor'"
PART = "UPDATE rollups SET document = ? WHERE name NOT IN ('cursor', 'day-2026-11-20-8')"


@pytest.fixture
async def rolled_up(system: System) -> System:
    await commit(system, usage("a"))
    await commit(system, usage("b"))
    assert await system.roll_up.run() == 2
    return system


async def rewrite(system: System, statement: str, harm: Callable[[Document], object]) -> None:
    select = statement.replace("UPDATE rollups SET document = ?", "SELECT document FROM rollups")
    (content,) = await system.database.read(lambda c: c.execute(select).fetchone())
    document = json.loads(content)
    harm(document)
    await change(system, statement, json.dumps(document).encode())


@pytest.mark.parametrize(
    ("statement", "harm", "complaint"),
    [
        (CURSOR, lambda d: d.update(hash="f" * 64), "names a page 2 that is not"),
        (CURSOR, lambda d: d.update(page=9), "names a page 9 that is not"),
        (CURSOR, lambda d: d.update(schema=4), "cursor has schema 4, not 3"),
        (CURSOR, lambda d: d["parts"].clear(), None),
        (CURSOR, lambda d: d["parts"].update({"2026-11-02": [1]}), "day-2026-11-02-0 is missing"),
        (PART, lambda d: d.update(schema=4), "has schema 4, not 3"),
        (PART, lambda d: d.update(page=1), "is of page 1"),
        (PART, lambda d: d["columns"].update(requests=[3]), "is not what its pages give"),
    ],
)
async def test_verify_names_a_wrong_rollup(
    rolled_up: System, statement: str, harm: Callable[[Document], object], complaint: str | None
) -> None:
    await rewrite(rolled_up, statement, harm)
    fault, *_ = await faults(rolled_up)
    assert fault.startswith("its rollup")
    assert (complaint or "is not what its pages give") in fault


@pytest.mark.parametrize(
    ("statement", "content"), [(CURSOR, b"{"), (CURSOR, b"[]"), (PART, b"\xff"), (PART, b"{}")]
)
async def test_usage_is_exact_beside_a_rollup_that_cannot_be_read(
    rolled_up: System, statement: str, content: bytes
) -> None:
    await change(rolled_up, statement, content)
    assert await usage_is_exact(rolled_up)
    (fault,) = await faults(rolled_up)
    assert fault.startswith("its rollup's")


@pytest.mark.parametrize(
    ("statement", "harm", "told"),
    [
        (CURSOR, lambda d: d.update(hash="f" * 64), "its rollup's cursor names a page 2"),
        (CURSOR, lambda d: d.update(schema=4), "its rollup's cursor has schema 4, not 3"),
        (PART, lambda d: d.update(schema=4), "has schema 4, not 3"),
        (PART, lambda d: d.update(page=1), "is of page 1"),
    ],
)
async def test_a_rollup_that_cannot_be_trusted_is_thrown_away_and_made_anew(
    rolled_up: System,
    make_system: Callable[..., System],
    statement: str,
    harm: Callable[[Document], object],
    told: str,
) -> None:
    await rewrite(rolled_up, statement, harm)
    await commit(rolled_up, usage("c"))
    fresh = make_system()
    assert await fresh.roll_up.run() == 3
    (message,) = fresh.alerts.messages
    assert message.startswith(f"ledger {LEDGER}: ")
    assert told in message
    assert message.endswith("the rollup is rebuilt")
    assert await faults(fresh) == ()
    assert await usage_is_exact(fresh)


async def test_a_rollup_may_be_deleted_at_any_time(rolled_up: System) -> None:
    await change(rolled_up, "DELETE FROM rollups")
    assert await usage_is_exact(rolled_up)
    await commit(rolled_up, usage("c"))
    # The process that wrote it finds a part gone, and begins again.
    assert await rolled_up.roll_up.run() == 3
    assert await faults(rolled_up) == ()


async def test_a_cursor_that_has_gone_meanwhile_is_a_lost_race(rolled_up: System) -> None:
    await change(rolled_up, "DELETE FROM rollups")
    # Of another day, so that no part is read before the write.
    await commit(rolled_up, usage("c", time=AT - DAY))
    assert [await rolled_up.roll_up.run() for _ in range(3)] == [0, 0, 3]
    assert await faults(rolled_up) == ()


async def test_a_part_that_has_gone_makes_the_rollup_anew(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    await change(rolled_up, "DELETE FROM rollups WHERE name <> 'cursor'")
    assert await usage_is_exact(rolled_up)
    await commit(rolled_up, usage("c"))
    assert await make_system().roll_up.run() == 3
    assert await faults(rolled_up) == ()


async def test_a_ledger_that_was_put_back_is_read_from_its_pages_and_rolled_up_again(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    await change(rolled_up, "DELETE FROM pages")
    await change(rolled_up, "DELETE FROM heads")
    restored = make_system()
    await commit(restored, usage("x"))
    assert await restored.roll_up.run() == 0
    assert await usage_is_exact(restored)
    await commit(restored, usage("y"))
    for _ in range(2):
        await restored.roll_up.run()
    assert await cursor_page(restored) == 2
    assert restored.rollups.resets == 1
    assert await usage_is_exact(restored)
    assert await faults(restored) == ()


async def test_usage_and_proof_hold_while_somebody_rolls_up(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    for look in (usage_is_exact, faults):
        await commit(rolled_up, usage(f"{look.__name__}-1"))
        await commit(rolled_up, usage(f"{look.__name__}-2", time=AT - DAY))

        async def meanwhile() -> None:
            assert await other.roll_up.run() == 2

        rolled_up.rollups.between.append(meanwhile)
        assert await look(rolled_up) in (True, ())
        assert rolled_up.rollups.between == []


async def test_where_rolling_up_never_stops_the_pages_serve(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    for number in range(2):

        async def meanwhile(number: int = number) -> None:
            await commit(other, usage(f"again-{number}"))
            assert await other.roll_up.run() == 1

        rolled_up.rollups.between.append(meanwhile)
    assert await usage_is_exact(rolled_up)
    assert rolled_up.rollups.between == []


async def test_a_rollup_that_breaks_again_while_it_is_made_anew_waits_for_the_next_look(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    await commit(rolled_up, usage("c"))
    fresh = make_system()

    async def unreadable() -> None:
        raise RollupBroken(str(LEDGER), "part cannot be read")

    fresh.rollups.between.extend([unreadable] * 3)
    assert await fresh.roll_up.run() == 0
    assert [message.endswith("the rollup is rebuilt") for message in fresh.alerts.messages] == [
        True,
        False,
    ]
    assert await usage_is_exact(rolled_up)
    assert await faults(rolled_up) == ()
    assert [await fresh.roll_up.run() for _ in range(2)] == [0, 3]


async def test_a_rollup_of_an_earlier_version_is_made_anew_without_an_alert(
    rolled_up: System, make_system: Callable[..., System]
) -> None:
    await rewrite(rolled_up, CURSOR, lambda d: d.update(schema=2))
    assert await usage_is_exact(rolled_up)
    fresh = make_system()
    assert await fresh.roll_up.run() == 2
    assert fresh.alerts.messages == []
    assert await faults(fresh) == ()
    assert await cursor_page(fresh) == 2
