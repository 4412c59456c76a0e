"""Counting towards quotas: a fold of the pages that equals a plain sum over what is known."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from metering.core.basics.instants import DAY, HOUR, MINUTE
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.calendars.windows import window_of
from metering.core.ledger.commit import Commit, KnownBySlot, commit_of, plan_commit
from metering.core.ledger.counts import Counts, change_to
from metering.core.ledger.effect import EffectKind, describe
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import CounterKey, LimitChange, Limits
from metering.core.ledger.page import Page, read_page
from metering.core.ledger.proof import Proof
from metering.core.plans.increases import Increase
from metering.core.plans.quota import Quota
from metering.core.quotas.catch_up import CatchUp
from metering.core.quotas.limit_change import begun, change_from_head
from metering.core.usage.buckets import INDEX, NO_TOKENS, from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
PERIOD = month_of(AT)
RATE = rating(price_book({}, {"model": "mini", "per_million_tokens": {"input": "1"}}))


def quota(**changes: Any) -> Quota:
    return Quota.model_validate(
        {"metric": "tokens", "window": "period", "limit": "5000", **changes}
    )


def limits_of(zone: str, quotas: tuple[Quota, ...]) -> Limits:
    return Limits(zone, quotas, end=PERIOD.end)


QUOTAS = (
    quota(),
    quota(metric="amount", limit="0.01", thresholds=[50, 100]),
    quota(metric="requests", window="day", limit="3"),
    quota(metric="output", window="hour"),
    quota(scope={"model": "mini"}, window="day"),
    quota(scope={"use_case": "faq"}),
    quota(scope={"end_user": "ada"}, metric="amount", limit="1"),
    quota(scope={"end_user": "ada", "model": "mini"}),
    quota(scope={"end_user": "*"}),
    quota(scope={"use_case": "*", "model": "*"}, window="hour"),
    quota(scope={"subscription": "sub-1", "session": "*"}, metric="requests"),
)
LIMITS = limits_of("Europe/Berlin", QUOTAS)


def known(pages: list[Page]) -> KnownBySlot:
    found: dict[int, dict[Any, tuple[Page, int]]] = {}
    for page in pages:
        for row, entry in enumerate(page.entries):
            found.setdefault(page.slot, {})[entry.key] = (page, row)
    return found


def committed(
    batches: list[list[Usage]], limits: LimitChange | None, now: int = NOW
) -> tuple[Head, list[Page], list[Commit]]:
    head, pages, commits = Head(LEDGER), list[Page](), list[Commit]()
    for batch in batches:
        change = limits if not commits else None
        commits.append(plan_commit(head, known(pages), batch, RATE, now, change=change))
        head = commits[-1].head
        pages.extend(commits[-1].pages)
    return head, pages, commits


def values(counts: Counts) -> dict[Any, int]:
    keys = {*counts.used, *(key for held in counts.held.values() for key in held)}
    found = {key: counts.used[key].used + counts.held_by(key) for key in keys}
    return {key: value for key, value in found.items() if value}


def plain_sum(pages: list[Page]) -> dict[Any, int]:
    """Add up the latest state of every event, in the most obvious way."""
    latest = {entry.key: entry for page in pages for entry in page.entries}
    found: dict[Any, int] = {}
    for entry in latest.values():
        state, tokens = entry.state, entry.state.buckets
        for one in QUOTAS:
            named = {
                "model": state.rate.model,
                "use_case": state.dimensions.use_case,
                "end_user": entry.end_user,
                "subscription": state.dimensions.subject,
                "session": state.dimensions.session,
            }
            scope = one.scope.named
            matches = all(
                named[name] and value in ("*", named[name]) for name, value in scope.items()
            )
            if not matches or not (state.is_hold or state.is_billable):
                continue
            # In the order of the attributes: the model comes first.
            split = [name for name in ("model", *scope) if scope.get(name) == "*"]
            whose = tuple(str(named[name]) for name in dict.fromkeys(split))
            value = {
                "tokens": sum(tokens),
                "amount": state.amount or 0,
                "requests": 1,
                "output": tokens[INDEX["output"]],
            }[one.metric]
            start = window_of(one.window, entry.time, LIMITS.zone, PERIOD).start
            key = one.key, start, whose
            found[key] = found.get(key, 0) + value
    return {key: value for key, value in found.items() if value}


RANKS = [Evidence.HELD, Evidence.ABSENT, Evidence.TOTALS, Evidence.FULL]


@st.composite
def requests(draw: st.DrawFn) -> Usage:
    rank = draw(st.sampled_from(RANKS))
    tokens = {"input": draw(st.integers(0, 3000)), "output": draw(st.integers(0, 900))}
    name = draw(st.sampled_from("abcdef"))
    return usage(
        name,
        evidence=rank,
        digest=f"d{rank}",
        # Producers repeat the time with the id.
        time=AT - ord(name) % 7 * 3 * HOUR // 2,
        buckets=NO_TOKENS if rank is Evidence.ABSENT else from_names(tokens),
        model=draw(st.sampled_from(["gpt-4o", "mini", "gpt-99"])),
        use_case=draw(st.sampled_from([None, "faq"])),
        end_user=draw(st.sampled_from([None, "", "ada", "bob"])),
        session=draw(st.sampled_from([None, "s-1", "s-2"])),
        status=draw(st.sampled_from([200, 200, 429])) if rank is Evidence.ABSENT else 200,
    )


BATCHES = st.lists(st.lists(requests(), min_size=1, max_size=5), min_size=1, max_size=5)


@settings(deadline=None)
@given(BATCHES)
def test_the_counts_are_the_sum_over_the_latest_states(batches: list[list[Usage]]) -> None:
    head, pages, _ = committed(batches, change_to(LIMITS, NOW, PERIOD.start))
    assert values(head.counts) == plain_sum(pages)


@settings(deadline=None)
@given(BATCHES, st.integers(0, 4), st.integers(1, 3))
def test_quotas_that_come_late_count_what_was_before_them_in_pieces(
    batches: list[list[Usage]], first: int, piece: int
) -> None:
    expected = values(committed(batches, change_to(LIMITS, NOW, PERIOD.start))[0].counts)
    head, pages, _ = committed(batches[:first], None)
    later = batches[first:]
    change: LimitChange | None = LimitChange(LIMITS)
    while change is not None or later:
        counting = CatchUp(head, begun(head, LIMITS, NOW), LIMITS, NOW)
        while (place := counting.next_place(PERIOD.start)) is not None:
            for page in pages[place.page : place.page + piece]:
                if page.number <= place.through:
                    counting.add(page, counting.quotas_at(place))
            counting.move(place, min(place.page + piece, place.through))
            if place.page + piece < place.through:
                break
        else:
            counting.leave(PERIOD.start, None)
        if later:
            # Usage goes on, also between the pages that were read and the change that says so.
            commit = plan_commit(head, known(pages), later.pop(0), RATE, NOW)
            head = commit.head
            pages.extend(commit.pages)
            assert counting.fits(head)
            for page in commit.pages:
                counting.add_new(page)
        change = counting.change(head, begun(head, LIMITS, NOW))
        if change is not None:
            commit = commit_of(head, {}, NOW, change)
            pages.extend(read_page(from_json(one), LEDGER) for one in commit.contents)
            head = read_head(from_json(write_head(commit.head)), LEDGER)
            assert head == commit.head
    assert values(head.counts) == expected
    assert not any(map(head.counts.is_counting, QUOTAS))


@settings(deadline=None)
@given(BATCHES)
def test_a_head_tells_what_quotas_on_everything_have_used(batches: list[list[Usage]]) -> None:
    from_the_start, _, _ = committed(batches, change_to(LIMITS, NOW, PERIOD.start))
    head, _, _ = committed(batches, None)
    alone = limits_of("Europe/Berlin", QUOTAS[:3:2])
    if head.pages and (change := change_from_head(head, limits_of("UTC", QUOTAS[:2]), NOW)):
        told = values(commit_of(head, {}, NOW, change).head.counts)
        keys = {one.key for one in QUOTAS[:2]}
        expected = values(from_the_start.counts)
        assert told == {key: value for key, value in expected.items() if key[0] in keys}
    assert change_from_head(head, alone, NOW) is None or not head.pages


@settings(deadline=None)
@given(BATCHES)
def test_counts_survive_their_documents_and_are_proven(batches: list[list[Usage]]) -> None:
    head, pages, commits = committed(batches, change_to(LIMITS, NOW, PERIOD.start))
    assert read_head(from_json(write_head(head)), LEDGER) == head
    proof = Proof(LEDGER)
    for commit in commits:
        for content in commit.contents:
            proof.add(read_page(from_json(content), LEDGER))
    proof.compare(head)
    assert proof.faults == []
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))


def crossings(commits: list[Commit]) -> list[str]:
    return [
        describe(effect).partition(": ")[2].partition(",")[0]
        for commit in commits
        for effect in commit.effects
        if effect.kind is EffectKind.QUOTA
    ]


def test_each_threshold_is_told_once_a_window() -> None:
    limits = limits_of("UTC", (quota(limit="4400", thresholds=[25, 50, 100]),))
    batches = [[usage(str(number))] for number in range(6)]  # 1,100 tokens each
    _, _, commits = committed(batches, change_to(limits, NOW, PERIOD.start))
    assert [len(commit.effects) for commit in commits] == [1, 1, 0, 1, 0, 0]
    assert crossings(commits) == [
        "25 % of 4400 reached",
        "50 % of 4400 reached",
        "100 % of 4400 reached",
    ]


def test_a_threshold_that_the_forecast_reaches_is_told_once_before_it_is_reached() -> None:
    # Of a day 2.4 hours must have passed.
    one = quota(window="day", limit="10000", thresholds=[100], forecast=[50, 100])
    day = NOW - NOW % DAY
    change = change_to(limits_of("UTC", (one,)), day, PERIOD.start)

    def commits(*at: int) -> list[Commit]:
        head, made = Head(LEDGER), list[Commit]()
        for number, now in enumerate(at):
            wanted = None if made else change
            used = [usage(f"{number}", time=now)]
            made.append(plan_commit(head, {}, used, RATE, now, change=wanted))
            head = made[-1].head
        return made

    def told(*at: int) -> list[list[str]]:
        return [crossings([commit]) for commit in commits(*at)]

    # 1,100 tokens in 2.4 hours are 11,000 a day; a minute earlier nothing is foretold.
    tenth = day + 144 * MINUTE
    assert told(tenth - MINUTE) == [[]]
    assert told(tenth) == [["50 % of 10000 expected", "100 % of 10000 expected"]]
    # 1,100 in 6 hours are 4,400 a day; 2,200 in 10 are 5,280, and no forecast goes back.
    assert told(day + 6 * HOUR, day + 10 * HOUR, day + 20 * HOUR) == [
        [],
        ["50 % of 10000 expected"],
        [],
    ]
    # What is reached is told as reached, and not as expected.
    late = [day + 23 * HOUR + number * MINUTE for number in range(10)]
    every = [line for lines in told(*late) for line in lines]
    assert every.count("100 % of 10000 reached") == 1
    last = commits(tenth)[-1].head
    assert read_head(from_json(write_head(last)), LEDGER) == last


def test_forecasts_of_a_split_quota_are_of_each_value() -> None:
    one = quota(window="day", limit="4000", forecast=[100], scope={"end_user": "*"})
    change = change_to(limits_of("UTC", (one,)), NOW, PERIOD.start)
    commit = plan_commit(
        Head(LEDGER),
        {},
        [usage("a", end_user="ada", time=NOW - 9 * HOUR)],
        RATE,
        NOW - 9 * HOUR,
        change=change,
    )
    # 1,100 tokens by 03:00 are 8,800 a day.
    assert crossings([commit]) == ["100 % of 4000 expected"]
    assert "'tokens a day of end user ada'" in describe(commit.effects[0])
    assert read_head(from_json(write_head(commit.head)), LEDGER) == commit.head


def test_an_increase_is_in_the_pages_and_moves_thresholds_until_it_ends() -> None:
    one = quota(limit="1000")
    written = {
        "quota": one.key,
        "limit": "3000",
        "until": NOW + 2 * DAY,
        "reason": "launch",
        "author": "ada",
    }
    limits = limits_of("UTC", (one,))._replace(increases=(Increase.model_validate(written),))
    change = change_to(limits, NOW, PERIOD.start)
    head, pages, commits = committed([[usage("a")], [usage("b")]], change)
    assert crossings(commits) == []
    assert read_head(from_json(write_head(head)), LEDGER) == head
    assert read_page(from_json(commits[0].contents[0]), LEDGER).change == change
    # 3 x 1,100 tokens
    third = plan_commit(head, known(pages), [usage("c")], RATE, NOW)
    assert crossings([third]) == ["100 % of 3000 reached"]
    # Once it has ended the limit of the plan is reached.
    later = plan_commit(head, known(pages), [usage("d", time=NOW)], RATE, NOW + 2 * DAY)
    assert crossings([later]) == ["100 % of 1000 reached"]


def test_a_jump_over_several_thresholds_tells_each() -> None:
    limits = limits_of("UTC", (quota(limit="1000", thresholds=[50, 80, 100]),))
    _, _, commits = committed([[usage()]], change_to(limits, NOW, PERIOD.start))
    assert len(crossings(commits)) == 3


def test_a_threshold_crossed_again_after_a_correction_is_not_told_again() -> None:
    limits = limits_of("UTC", (quota(limit="1000"),))
    fewer = usage("a", digest="d2", buckets=from_names({"input": 10}))
    first = usage("a", evidence=Evidence.TOTALS)
    _, _, commits = committed(
        [[first], [fewer], [usage("b")]], change_to(limits, NOW, PERIOD.start)
    )
    assert [len(commit.effects) for commit in commits] == [1, 0, 0]


def test_a_limit_of_zero_is_told_at_once() -> None:
    change = change_to(limits_of("UTC", (quota(limit="0"),)), NOW, PERIOD.start)
    commit = commit_of(Head(LEDGER), {}, NOW, change)
    assert len(commit.effects) == 1
    assert commit.pages[0].entries == ()


def test_a_quota_set_below_what_is_spent_is_told_by_the_change_itself() -> None:
    head, _, _ = committed([[usage()]], None)
    change = change_from_head(head, limits_of("UTC", (quota(limit="1000"),)), NOW)
    commit = commit_of(head, {}, NOW, change)
    assert len(commit.effects) == 1
    assert values(commit.head.counts) == {CounterKey(quota(limit="1000").key, PERIOD.start): 1100}


def test_a_window_is_counted_until_a_day_after_its_end_and_then_dropped() -> None:
    limits = limits_of("UTC", (quota(window="hour"),))
    head, pages, _ = committed([[usage()]], change_to(limits, NOW, PERIOD.start))
    hour = AT - AT % HOUR
    # A late event of the same hour, just before and just after a day from the hour's end.
    for now, counted_still in ((hour + HOUR + DAY - 1, True), (hour + HOUR + DAY, False)):
        late = plan_commit(head, known(pages), [usage("late")], RATE, now)
        assert (CounterKey(limits.quotas[0].key, hour) in late.head.counts.used) == counted_still


def test_holds_stop_counting_when_they_lapse() -> None:
    limits = limits_of("UTC", (quota(),))
    held = usage("s", evidence=Evidence.HELD, buckets=from_names({"output": 500}))
    head, pages, _ = committed([[held]], change_to(limits, NOW, PERIOD.start))
    assert sum(values(head.counts).values()) == 500
    later = plan_commit(head, known(pages), [usage("b", time=AT + DAY)], RATE, AT + DAY + HOUR)
    assert sum(values(later.head.counts).values()) == 1100


def test_counts_that_come_after_their_hold_lapsed_count_alone() -> None:
    limits = limits_of("UTC", (quota(),))
    held = usage("s", evidence=Evidence.HELD, buckets=from_names({"output": 500}))
    head, pages, _ = committed([[held]], change_to(limits, NOW, PERIOD.start))
    late = plan_commit(head, known(pages), [usage("s")], RATE, AT + DAY + HOUR)
    assert sum(values(late.head.counts).values()) == 1100
    # Neither does a hold count that is itself so late.
    other = usage("t", evidence=Evidence.HELD, buckets=from_names({"output": 7}))
    again = plan_commit(late.head, known(pages), [other], RATE, AT + DAY + HOUR)
    assert sum(values(again.head.counts).values()) == 1100


def test_fifty_streams_a_second_keep_the_head_small() -> None:
    limits = limits_of("UTC", QUOTAS)
    # Two minutes of log delay at 50 streams a second: 6,000 open holds.
    batches = [
        [
            usage(
                f"{second}-{number}",
                evidence=Evidence.HELD,
                time=AT - 2 * MINUTE + second * MINUTE // 60,
                buckets=from_names({"input": 100, "output": 500}),
                model="mini" if number % 2 else "gpt-4o",
            )
            for number in range(50)
        ]
        for second in range(0, 120, 10)
    ]
    head, _, _ = committed(batches, change_to(limits, NOW, PERIOD.start))
    assert len(write_head(head)) < 64 * 1024


def test_other_limits_keep_what_stays_and_drop_what_goes() -> None:
    stays, goes = quota(), quota(metric="requests", limit="9")
    both = change_to(limits_of("UTC", (stays, goes)), NOW, PERIOD.start)
    head, _, _ = committed([[usage()]], both)
    change = change_from_head(head, limits_of("UTC", (stays,)), NOW)
    after = commit_of(head, {}, NOW, change).head
    assert values(after.counts) == {CounterKey(stays.key, PERIOD.start): 1100}
    # In another time zone the windows are others: all is counted anew.
    zone = change_from_head(head, limits_of("Asia/Tokyo", (stays,)), NOW)
    assert zone is not None
    assert values(commit_of(head, {}, NOW, zone).head.counts) == {
        CounterKey(stays.key, PERIOD.start): 1100
    }


@pytest.mark.parametrize(
    ("late", "why"),
    [
        (quota(window="day"), "its window is not the period"),
        (quota(scope={"model": "mini"}), "the head does not know holds by model"),
    ],
)
def test_where_the_head_cannot_tell_the_pages_are_read(late: Quota, why: str) -> None:
    head, _, _ = committed([[usage()]], None)
    assert change_from_head(head, limits_of("UTC", (late,)), NOW) is None, why


def test_a_bucket_of_open_holds_is_not_in_the_head() -> None:
    held = usage("s", evidence=Evidence.HELD, buckets=from_names({"output": 500}))
    head, _, _ = committed([[held]], None)
    assert change_from_head(head, limits_of("UTC", (quota(metric="output"),)), NOW) is None
    assert change_from_head(head, limits_of("UTC", (quota(),)), NOW) is not None
    settled, _, _ = committed([[usage()]], None)
    assert change_from_head(head, limits_of("UTC", (quota(metric="requests"),)), NOW) is not None
    found = change_from_head(settled, limits_of("UTC", (quota(metric="output"),)), NOW)
    assert found is not None
    assert [counter.used for counter in found.used.values()] == [100]
    requests = change_from_head(settled, limits_of("UTC", (quota(metric="requests"),)), NOW)
    assert requests is not None
    assert [counter.used for counter in requests.used.values()] == [1]
