"""Crowding: callers choose the values that a split quota counts, and its room is bounded."""

import json

import pytest
from pydantic_core import from_json

from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Commit, commit_of, plan_commit
from metering.core.ledger.counts import change_to
from metering.core.ledger.crowding import ROOM
from metering.core.ledger.effect import EffectKind, describe
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import Limits
from metering.core.ledger.page import Page, read_page
from metering.core.plans.quota import Quota
from metering.core.quotas.catch_up import CatchUp
from metering.core.quotas.limit_change import begun as change_late
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating(price_book({}))


def each(window: str = "period", **changes: object) -> Quota:
    made = {"metric": "tokens", "window": window, "limit": "1000", "scope": {"end_user": "*"}}
    return Quota.model_validate(made | changes)


def begun(*quotas: Quota) -> Head:
    limits = Limits("UTC", quotas, end=month_of(AT).end)
    return commit_of(Head(LEDGER), {}, NOW, change_to(limits, NOW, LEDGER.start)).head


def one_commit(head: Head, *users: str, tokens: int = 10, held: bool = False) -> Commit:
    evidence = Evidence.HELD if held else Evidence.FULL
    buckets = from_names({"input": tokens})
    made = [
        usage(f"{head.pages}-{name}", end_user=name, buckets=buckets, evidence=evidence)
        for name in users
    ]
    return plan_commit(head, {}, made, RATE, NOW)


def counted(head: Head) -> set[str]:
    return {key.values[0] for key in head.counts.used if key.values}


def names(first: int, end: int) -> list[str]:
    # 20 letters: a row takes 90 bytes and 24 of the name in brackets and quotes.
    return [f"user-{number:015d}" for number in range(first, end)]


#: 400,000 / 114, and nine tenths of it.
FULL, KEPT = 3_508, 3_157


@pytest.fixture(scope="module")
def full() -> Head:
    """Return a ledger with as many users as there is room for, one of them at the limit."""
    head = one_commit(begun(each(action="block")), names(0, 1)[0], tokens=1_000).head
    for first in range(1, FULL, 500):
        head = one_commit(head, *names(first, min(first + 500, FULL))).head
    return head


def test_up_to_the_room_every_value_is_counted(full: Head) -> None:
    assert len(counted(full)) == FULL
    assert full.counts.crowded == frozenset()


def test_one_beyond_it_drops_those_with_the_least_use_and_is_told_once(full: Head) -> None:
    commit = one_commit(full, "user-of-twenty-chars", tokens=11)
    left = counted(commit.head)
    assert len(left) == KEPT
    # Whoever is at the limit stays there, and whoever used more than most is counted.
    assert {names(0, 1)[0], "user-of-twenty-chars"} <= left
    (effect,) = commit.effects
    assert effect.kind is EffectKind.QUOTA_CROWDED
    assert describe(effect).endswith(
        "'tokens a period of each end user' has more values than can be counted: those with the"
        " least use begin again at zero"
    )
    again = one_commit(commit.head, *names(4_000, 4_500))
    assert again.effects == ()
    assert len(counted(again.head)) <= FULL


def test_values_that_are_left_out_while_earlier_pages_are_counted_are_told_too() -> None:
    limits = Limits("UTC", (each(),), end=month_of(AT).end)
    head, pages = Head(LEDGER), list[Page]()
    for first in range(0, 4_000, 500):
        commit = one_commit(head, *names(first, first + 500))
        head = commit.head
        pages.extend(commit.pages)
    counting = CatchUp(head, change_late(head, limits, NOW), limits, NOW)
    for page in pages:
        counting.add(page, limits.quotas)
    counting.leave(LEDGER.start, None)
    commit = commit_of(head, {}, NOW, counting.change(head, change_late(head, limits, NOW)))
    # At the eighth page 4,000 users are more than 3,508.
    assert len(counted(commit.head)) == KEPT
    assert [one.kind for one in commit.effects] == [EffectKind.QUOTA_CROWDED]
    assert read_page(from_json(commit.contents[0]), LEDGER).change == commit.pages[0].change


def test_the_head_stays_as_small_as_it_says(full: Head) -> None:
    crowded = one_commit(full, *names(5_000, 5_400), held=True).head
    document = write_head(crowded)
    assert len(document) < ROOM + 20_000
    assert read_head(json.loads(document), LEDGER) == crowded


def test_names_of_any_length_share_the_room() -> None:
    # 256 letters of six bytes each, as JSON may write them.
    long = [f"{number:03d}" + "\x01" * 253 for number in range(300)]
    head = one_commit(begun(each()), *long).head
    # 90 + 4 + 3 + 253 x 6 = 1,615 bytes: nine tenths of the room hold 222.
    assert len(counted(head)) == 222
    assert len(write_head(head)) < ROOM + 20_000


def test_several_split_quotas_share_the_room() -> None:
    quotas = each(), each(metric="requests", scope={"session": "*"}), each("day")
    head = begun(*quotas)
    for first in range(0, 2_000, 500):
        head = one_commit(head, *names(first, first + 500)).head
    by_quota = [sum(key.quota == one.key for key in head.counts.used) for one in quotas]
    # A third of the room: 133,333 / 114 = 1,169 at most.
    assert max(by_quota) <= 1_169
    assert len(write_head(head)) < ROOM + 20_000


def test_of_several_windows_the_earliest_go_first() -> None:
    head = begun(each("hour"))
    early = [usage(f"e-{n}", end_user=n, time=AT - HOUR) for n in names(0, 2_000)]
    late = [usage(f"l-{n}", end_user=n, buckets=from_names({"input": 1})) for n in names(0, 2_000)]
    head = plan_commit(head, {}, early, RATE, NOW).head
    head = plan_commit(head, {}, late, RATE, NOW).head
    hour = AT - AT % HOUR
    kept = [key.start for key in head.counts.used]
    assert (kept.count(hour), kept.count(hour - HOUR)) == (2_000, KEPT - 2_000)


def test_many_who_reach_a_limit_at_once_are_told_together() -> None:
    quota = each(thresholds=[50, 100])
    few = one_commit(begun(quota), *names(0, 20), tokens=1_000)
    assert len(few.effects) == 40
    many = one_commit(begun(quota), *names(0, 21), tokens=1_000)
    assert [describe(one).partition(": ")[2].partition(", in")[0] for one in many.effects] == [
        "50 % of 1000 reached, 'tokens a period of each end user: 21 of them'",
        "100 % of 1000 reached, 'tokens a period of each end user: 21 of them'",
    ]
    one = one_commit(begun(quota), "ada", tokens=500)
    assert "'tokens a period of end user ada'" in describe(one.effects[0])
